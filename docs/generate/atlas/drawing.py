"""Couplings as pictures: tensors are boxes, indices lines, the bar makes symmetric and trace-free."""

from collections.abc import Iterator

from cartesian.spec import Path

_GAP = 40
_TOP, _HEIGHT, _BAR = 28, 64, 250


def path_picture(path: Path) -> str:
    """The path as SVG in the colour of the text, readable without it by its label."""
    left, right, out = path.degrees
    odd = not path.is_contraction
    free = left - path.pairs - odd, right - path.pairs - odd
    height = 2 * (_TOP + _HEIGHT) + _GAP
    middle = height / 2
    parts = [*_box(20, _TOP, "A", left), *_box(20, _TOP + _HEIGHT + _GAP, "B", right)]
    parts += [_line(x, _TOP + _HEIGHT, x, _TOP + _HEIGHT + _GAP) for x in _spread(30, 78, path.pairs)]
    ends = [
        *_spread(_TOP + 8, _TOP + _HEIGHT - 12, free[0]),
        *_spread(_TOP + _HEIGHT + _GAP + 12, height - _TOP - 8, free[1]),
    ]
    parts += [_line(88, y, _BAR, y) for y in ends]
    if odd:
        parts.append(
            f'<path d="M88 {_TOP + _HEIGHT - 5} C120 {_TOP + _HEIGHT - 5} 120 {middle} 148 {middle}"/>'
        )
        below = _TOP + _HEIGHT + _GAP + 5
        parts.append(f'<path d="M88 {below} C120 {below} 120 {middle} 148 {middle}"/>')
        parts.append(f'<circle cx="160" cy="{middle}" r="13"/>')
        parts.append(_text(160, middle + 5, "ε"))
        parts.append(_line(173, middle, _BAR, middle))
        ends.append(middle)
    if out:
        parts.append(
            f'<rect class="bar" x="{_BAR}" y="{_TOP - 6}" width="10" height="{height - 2 * _TOP + 12}"/>'
        )
        parts += [_line(_BAR + 10, y, _BAR + 60, y) for y in ends]
        parts.append(_text(_BAR + 5, _TOP - 10, "STF"))
    label = describe(path)
    return (
        f'<svg class="path" viewBox="0 0 330 {height}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def describe(path: Path) -> str:
    """The picture in words."""
    left, right, out = path.degrees
    pairs = {0: "no index pair", 1: "1 index pair"}.get(path.pairs, f"{path.pairs} index pairs")
    levi = "" if path.is_contraction else ", an index of each goes through a Levi-Civita tensor"
    rest = f", the {out} free indices are made symmetric and trace-free" if out > 1 else ""
    return f"A with {left} and B with {right} indices share {pairs}{levi}{rest}"


def _box(x: float, y: float, name: str, degree: int) -> Iterator[str]:
    yield f'<rect x="{x}" y="{y}" width="68" height="{_HEIGHT}" rx="8"/>'
    yield _text(x + 34, y + 30, name)
    yield _text(x + 34, y + 50, f"ℓ = {degree}")


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:g} {y1:g} L{x2:g} {y2:g}"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{text}</text>'


def _spread(low: float, high: float, count: int) -> list[float]:
    """Places of so many lines between two ends."""
    return [low + (high - low) * (k + 0.5) / count for k in range(count)]
