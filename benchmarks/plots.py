"""Pictures of the tables in `benchmarks/results`, drawn from the numbers beside them and shown below them.

Every benchmark draws its own when it is done; this draws all of them again.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
GREY = "#8a8f98"
OURS = "#1f6f8b"
PEERS = ("#d98e4a", "#b7b3a8", "#7d8f69", "#9a6a8f", "#c4b04f")
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    # Text stays text, and the same numbers make the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "cartesian",
}
# What is measured; everything else in a row says of what.
MEASURED = ("who", "mode", "ms", "device", "floor", "limit", "two cores", "operands", "weights", "peak")
Row = dict[str, Any]


def main() -> None:
    """Draw a picture for every table there is a way to draw, and show it on its page."""
    for numbers in sorted(RESULTS.glob("*.json")):
        picture(numbers)


def picture(numbers: Path) -> None:
    """Draw the picture of one table, and show it on its page."""
    draw = DRAWN.get(numbers.stem.removesuffix("-gpu"))
    if draw is None:
        return
    drawn, page = numbers.with_suffix(".svg"), numbers.with_suffix(".md")
    with mpl.rc_context(STYLE):
        figure = draw(json.loads(numbers.read_text()))
        figure.savefig(drawn, metadata={"Date": None}, facecolor="white")
    text, link = page.read_text(), f"![The table as a picture]({drawn.name})"
    if link not in text:
        page.write_text(f"{text}\n{link}\n")
    print(f"{drawn.name}, {drawn.stat().st_size / 1000:.0f} kB")


def ratios(rows: list[Row]) -> Figure:
    """How many times longer than ours the peers take: a panel for each mode."""
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(modes), sharey=True, squeeze=False)[0]
    for panel, mode in zip(panels, modes, strict=True):
        here = [row for row in rows if row["mode"] == mode]
        own = {_of(row): row["ms"] for row in here if row["who"] == "cartesian"}
        peers = [row | {"ratio": row["ms"] / own[_of(row)]} for row in here if row["who"] != "cartesian"]
        _bars(panel, peers, "ratio", _colours(rows))
        panel.axhline(1, color=OURS, linewidth=1.5)
        panel.set_title(mode, loc="left", fontsize=9)
    panels[0].set_ylabel("times as long as ours")
    panels[0].text(0.01, 1, "ours", color=OURS, va="bottom", transform=panels[0].get_yaxis_transform())
    _legend(figure, panels[0])
    return figure


def peaks(rows: list[Row]) -> Figure:
    """MiB of everybody, with the floor of each."""
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    panel = figure.subplots()
    _bars(panel, rows, "peak", _colours(rows), floor="floor")
    panel.set_ylabel("MiB of a training step")
    _legend(figure, panel)
    return figure


def growth(rows: list[Row]) -> Figure:
    """Multiply-adds and nanoseconds per edge against the degree, with powers of it as guides."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    counts, times = figure.subplots(1, 2)
    degrees = np.array([row["degree"] for row in rows])
    lines = (("couplings", PEERS[0], 5), ("chain", OURS, 3))
    for name, colour, power in lines:
        values = np.array([row[name] for row in rows])
        counts.plot(degrees, values, "o-", color=colour, markersize=4, label=name)
        guide = values[1] * (degrees / degrees[1]) ** power
        counts.plot(
            degrees[1:], guide[1:], "--", color=colour, linewidth=0.8, label=f"like L{'⁵³'[power == 3]}"
        )
        field = f"forward, {name}"
        timed = [row for row in rows if field in row]
        times.plot([r["degree"] for r in timed], [r[field] for r in timed], "o-", color=colour, markersize=4)
    reading = [row["forward, reading weights"] for row in rows]
    times.plot(degrees, reading, "o-", color=GREY, markersize=4, label="reading the weights")
    for panel, title in ((counts, "multiply-adds per edge and channel"), (times, "forward, ns per edge")):
        panel.set(xscale="log", yscale="log", xlabel="L")
        panel.set_xticks(degrees, [str(degree) for degree in degrees])
        panel.minorticks_off()
        panel.set_title(title, loc="left", fontsize=9)
        panel.legend(frameon=False)
    return figure


DRAWN = dict.fromkeys(("convolution", "forming", "powers", "harmonics", "linear"), ratios) | {
    "memory": peaks,
    "chain": growth,
}


def _bars(
    panel: Axes, rows: list[Row], field: str, colours: dict[str, str], floor: str | None = None
) -> None:
    """A bar for each row, in groups of the same task, on a logarithmic axis."""
    groups = list(dict.fromkeys(_of(row) for row in rows))
    names = list(dict.fromkeys(row["who"] for row in rows))
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        found = [row for row in rows if row["who"] == name]
        places = [groups.index(_of(row)) + (k - (len(names) - 1) / 2) * width for row in found]
        panel.bar(places, [row[field] for row in found], 0.9 * width, color=colours[name], label=name)
        if floor:
            panel.scatter(
                places,
                [row[floor] for row in found],
                marker="_",
                color="black",
                s=60,
                label="floor" if k + 1 == len(names) else None,
            )
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.set_xticks(range(len(groups)), ["\n".join(group) for group in groups])
    panel.grid(axis="y", color=GREY, linewidth=0.3)
    panel.set_axisbelow(True)


def _of(row: Row) -> tuple[str, ...]:
    """What a row is about, in words."""
    words = {"degree": "0…{}", "channels": "{} ch.", "radial": "{} radial", "dtype": "{}"}
    short = {"float32": "f32", "float64": "f64", "fully connected": "connected"}
    return tuple(
        words.get(key, "{}").format(short.get(value, value))
        for key, value in row.items()
        if key not in MEASURED and key != "ratio"
    )


def _colours(rows: list[Row]) -> dict[str, str]:
    names = dict.fromkeys(row["who"] for row in rows)
    ours = [name for name in names if name.startswith("cartesian")]
    peers = [name for name in names if name not in ours]
    blues = (OURS, "#6fb1c4", "#a9d3de")
    return dict(zip(ours, blues, strict=False)) | dict(zip(peers, PEERS, strict=False))


def _legend(figure: Figure, panel: Axes) -> None:
    handles, names = panel.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(4, len(names)), frameon=False)
