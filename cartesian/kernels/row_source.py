r"""C source of a straight-line program on rows of numbers that have no channels.

One register holds one component of as many rows as it has lanes. Rows lie in memory one after the other,
so a tile of rows is transposed on its way in and on its way out, in registers: with $n$ lanes, $\log_2 n$
rounds of exchanges between pairs of them. Nothing but operands and outputs touches memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from textwrap import indent

from cartesian.kernels.source import HEAD
from cartesian.programs.lanes import Lanes

_TILES = 32  # tiles of rows that one thread takes at a time

# Smallest normal number, bounds of safe squares, root, integer of the same size, how many fit into 128 bits.
_SCALARS = {
    "float": ("0x1p-126f", "0x1p-96f", "0x1p120f", "__builtin_sqrtf", "int32_t", 4),
    "double": ("0x1p-1022", "0x1p-960", "0x1p1000", "__builtin_sqrt", "int64_t", 2),
}

_INVERSE = """
/* 1/|r| through the largest component, so that no square leaves the range; 0 for the zero vector and for
   vectors too short for it. */
static V careful_inverse(const V x, const V y, const V z)
{
    V result;
    for (int i = 0; i < LANES; i++) {
        const T a = x[i] < 0 ? -x[i] : x[i], b = y[i] < 0 ? -y[i] : y[i], c = z[i] < 0 ? -z[i] : z[i];
        const T ab = a > b ? a : b, largest = ab > c ? ab : c, safe = largest < SMALLEST ? 1 : largest;
        const T unit = 1 / safe, p = x[i] * unit, q = y[i] * unit, r = z[i] * unit;
        const T square = p * p + q * q + r * r;
        result[i] = largest < SMALLEST ? 0 : unit / ROOT(square);
    }
    return result;
}

/* 1/|r|, the short way if all squares are far inside the range. */
INLINE V inverse(const V x, const V y, const V z)
{
    const V square = x * x + y * y + z * z;
    const W inside = (W)((square > (V){0} + LEAST) & (square < (V){0} + MOST));
    int64_t all = -1;
    UNROLL
    for (int i = 0; i < BYTES / 8; i++) all &= inside[i];
    if (all != -1) return careful_inverse(x, y, z);
    V result;
    for (int i = 0; i < LANES; i++) result[i] = 1 / ROOT(square[i]);
    return result;
}

"""

_EXCHANGE = """\
#if defined(__clang__) || __GNUC__ >= 12
#define CHOOSE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define CHOOSE(a, b, ...) __builtin_shuffle(a, b, (M){__VA_ARGS__})
#endif
#define UNROLL _Pragma("GCC unroll 16")
#define PLAIN(...) __VA_ARGS__
#define APPLY(macro, ...) macro(__VA_ARGS__)
#define EXCHANGE(a, b, low, high) \\
    do { \\
        const V p = a, q = b; \\
        a = APPLY(CHOOSE, p, q, PLAIN low); \\
        b = APPLY(CHOOSE, p, q, PLAIN high); \\
    } while (0)
#define SWAP(a, b) do { const V p = a; a = b; b = p; } while (0)
"""

_ROWS = """
/* A block of LANES components of LANES rows: rows to components. */
INLINE void load_block(const T *p, const int64_t length, V *t)
{
    UNROLL
    for (int i = 0; i < LANES; i++) t[i] = *(const U *)(p + i * length);
    transpose(t);
}

/* `n` components of LANES rows. Reads beyond rows shorter than a register. */
INLINE void load_rows(const T *p, V *t, const int n)
{
    if (n < LANES) {
        V block[LANES];
        load_block(p, n, block);
        UNROLL
        for (int i = 0; i < n; i++) t[i] = block[i];
        return;
    }
    for (int i = 0; i + LANES <= n; i += LANES) load_block(p + i, n, t + i);
    /* The last block overlaps the one before. */
    if (n % LANES) load_block(p + n - LANES, n, t + n - LANES);
}

INLINE void store_block(T *p, const V *t, const int length, const int n)
{
    V block[LANES];
    UNROLL
    for (int i = 0; i < LANES; i++) block[i] = i < n ? t[i] : (V){0};
    transpose(block);
    /* A row shorter than a register is written with what follows, which the next row then replaces. */
    UNROLL
    for (int i = 0; i < LANES; i++) {
        if ((LANES - 1 - i) * length + n >= LANES) *(U *)(p + i * length) = block[i];
        else memcpy(p + i * length, &block[i], n * sizeof(T));
    }
}

INLINE void store_rows(T *p, const V *t, const int n)
{
    if (n < LANES) {
        store_block(p, t, n, n);
        return;
    }
    for (int i = 0; i + LANES <= n; i += LANES) store_block(p + i, t + i, n, LANES);
    if (n % LANES) store_block(p + n - LANES, t + n - LANES, n, LANES);
}

"""

_RUN = """\
static void tile(const T *const *in, T *const *out)
{{
{operands}
{body}
{outputs}
}}

/* Rows that fill no tile, or end the arrays, pass through a copy with room behind it. */
static void last_tile(const T *const *in, T *const *out, const int64_t first, const int64_t count)
{{
{copies}
    tile((const T *[]){{{copied_in}}}, (T *[]){{{copied_out}}});
{copies_back}
}}

void run(int64_t rows, const T *const *in, T *const *out, int threads)
{{
    const int64_t tiles = rows / LANES, whole = tiles ? tiles - 1 : 0;
{pages}
#pragma omp parallel for num_threads(threads) schedule(static, {tiles})
    for (int64_t k = 0; k < whole; k++)
        tile((const T *[]){{{moved_in}}}, (T *[]){{{moved_out}}});
    for (int64_t first = whole * LANES; first < rows; first += LANES)
        last_tile(in, out, first, rows - first < LANES ? rows - first : LANES);
}}
"""


@cache
def source(program: Lanes, scalar: str) -> str:
    """C source with one function `run`, for `float` or `double`."""
    smallest, least, most, root, integer, scalars = _SCALARS[scalar]
    return "\n".join(
        [
            HEAD.format(scalar=scalar),
            f"typedef {integer} M __attribute__((vector_size(BYTES)));",
            "typedef int64_t W __attribute__((vector_size(BYTES)));",
            f"#define SMALLEST {smallest}\n#define LEAST {least}\n#define MOST {most}\n#define ROOT {root}",
            _transposes(scalars),
            _INVERSE,
            _ROWS,
            _run(program),
        ]
    )


def _run(program: Lanes) -> str:
    inputs = [(f"in[{k}]", f"i{k}", leg.length) for k, leg in enumerate(program.operands)]
    outputs = [(f"out[{k}]", f"o{k}", leg.length) for k, leg in enumerate(program.outputs)]
    copies = [f"T {name}[LANES * ({n} + 1)] = {{0}};" for _, name, n in inputs]
    copies += [
        f"memcpy({name}, {array} + first * {n}, count * {n} * sizeof(T));" for array, name, n in inputs
    ]
    copies += [f"T {name}[LANES * {n}];" for _, name, n in outputs]
    back = [f"memcpy({array} + first * {n}, {name}, count * {n} * sizeof(T));" for array, name, n in outputs]
    return _RUN.format(
        operands=_lines(f"V {name}[{n}]; load_rows({array}, {name}, {n});" for array, name, n in inputs),
        body=_lines(_body(program)),
        outputs=_lines(f"store_rows({array}, {name}, {n});" for array, name, n in outputs),
        copies=_lines(copies),
        copies_back=_lines(back),
        copied_in=", ".join(name for _, name, _ in inputs),
        copied_out=", ".join(name for _, name, _ in outputs),
        moved_in=", ".join(f"{array} + k * LANES * {n}" for array, _, n in inputs),
        moved_out=", ".join(f"{array} + k * LANES * {n}" for array, _, n in outputs),
        pages=_lines(f"large_pages({array}, rows * {n});" for array, _, n in outputs),
        tiles=_TILES,
    )


def _body(program: Lanes) -> list[str]:
    """Declarations of the outputs, and one line per instruction."""
    lines = [f"V o{k}[{leg.length}];" for k, leg in enumerate(program.outputs)]
    used: dict[int, list[str]] = {}
    for k, results in enumerate(program.results):
        for component, result in enumerate(results):
            if result is None:
                lines.append(f"o{k}[{component}] = (V){{0}};")
            else:
                used.setdefault(result, []).append(f"o{k}[{component}]")
    for i, (kind, left, right) in enumerate(program.instructions):
        if kind == "load":
            value = f"i{left}[{right}]"
        elif kind == "const":
            value = f"(V){{0}} + (T){program.constants[left]!r}"
        elif kind == "inverse":
            value = f"inverse(i{left}[0], i{left}[1], i{left}[2])"
        else:
            value = f"t{left} {'+' if kind == 'add' else '*'} t{right}"
        lines.append(f"const V t{i} = {value};")
        lines += [f"{place} = t{i};" for place in used.get(i, ())]
    return lines


def _lines(lines: Iterable[str]) -> str:
    return indent("\n".join(lines), "    ")


def _transposes(scalars: int) -> str:
    """`transpose` of as many registers as they have lanes, for each width; `scalars` fit into 128 bits."""
    parts = [_EXCHANGE]
    for width in (16, 32, 64):
        lanes = width // 16 * scalars
        parts.append(f"#{'if' if width == 16 else 'elif'} BYTES == {width}")
        parts.append(f"INLINE void transpose(V *t)\n{{\n{_lines(_exchanges(lanes, scalars))}\n}}")
    return "\n".join([*parts, "#endif", ""])


def _exchanges(lanes: int, scalars: int) -> Iterator[str]:
    """Rounds of exchanges: first within 128 bits, where one instruction does each, then of whole 128 bits."""
    if scalars == 4:
        for i in range(0, lanes, 4):
            for a, b in ((0, 1), (2, 3)):
                yield from _exchange(i + a, i + b, [_spread(lanes, mask) for mask in ("0a1b", "2c3d")])
            yield from _exchange(i, i + 2, [_spread(lanes, mask) for mask in ("01ab", "23cd")])
            yield from _exchange(i + 1, i + 3, [_spread(lanes, mask) for mask in ("01ab", "23cd")])
            yield f"SWAP(t[{i + 1}], t[{i + 2}]);"
    step = 1 if scalars == 2 else 4
    while step < lanes:
        for i in range(lanes):
            if not i & step:
                low = [j if not j & step else lanes + j - step for j in range(lanes)]
                high = [j + step if not j & step else lanes + j for j in range(lanes)]
                yield from _exchange(i, i + step, [low, high])
        step *= 2


def _exchange(a: int, b: int, masks: Sequence[Sequence[int]]) -> Iterator[str]:
    low, high = (", ".join(map(str, mask)) for mask in masks)
    yield f"EXCHANGE(t[{a}], t[{b}], ({low}), ({high}));"


def _spread(lanes: int, mask: str) -> list[int]:
    """A choice of four numbers of two registers, `0123` and `abcd`, in each 128 bits."""
    return [
        4 * quad + (int(c) if c.isdigit() else lanes + "abcd".index(c))
        for quad in range(lanes // 4)
        for c in mask
    ]
