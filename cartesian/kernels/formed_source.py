r"""C source of a fused kernel that forms the weights of a few edges, uses them and forgets them.

Edges are walked in tiles, receiver by receiver. For the edges of a tile, the weights $w = R\,W$ are formed
in the cache, then every edge runs as in the kernel that is given its weights. A gradient $G$ of the
weights stays in the cache too, and becomes $G\,W^T$ for the radial numbers and $R^T G$ for the matrix.

Receivers are dealt out in chunks that do not depend on the number of threads. Each chunk sums for the
matrix by itself, and chunks add up in their order: results are the same bit by bit.
"""

from collections.abc import Iterable
from functools import cache
from textwrap import indent

from cartesian.kernels.product_source import products
from cartesian.kernels.source import edge
from cartesian.programs.forming import RADIAL, Inner, inner
from cartesian.programs.program import OUT, WEIGHTS, Program

_CHUNK = 512  # edges that share one partial sum for the matrix

_RUN = """
enum {{ CHUNK = {chunk} }};

int run(const int64_t *order, const int64_t *starts, const int64_t *senders, int64_t segments,
        int64_t longest, const T *const *in, const int64_t *stride, T *const *out, const int64_t *length,
        int threads)
{{
    int failed = 0;
    const int64_t edges = segments ? starts[segments] : 0;
    const int64_t some = edges > CHUNK ? segments * CHUNK / edges : segments;
    const int64_t step = some > 0 ? some : 1, chunks = (segments + step - 1) / step;
    longest = 1;
    for (int64_t r = 0; threads > 1 && r < segments; r += step) {{
        const int64_t end = r + step < segments ? r + step : segments;
        if (starts[end] - starts[r] > longest) longest = starts[end] - starts[r];
    }}
    for (int k = 0; k < {outputs}; k++) large_pages(out[k], length[k]);
    /* Matrices in panels, which are filled up with zeros, and sums for the gradients of matrices. */
    T *const packed = calloc({packed} * NUMBERS * WIDTH + 1, sizeof(T));
    if (!packed) return 1;
{pack}
#pragma omp parallel num_threads(threads)
    {{
        T *const scratch = calloc({scratch} + {senders} * longest + 1, sizeof(T)), *next = scratch;
{parts}
        if (!scratch) {{
#pragma omp atomic write
            failed = 1;
        }}
#pragma omp barrier
        if (!failed)
#pragma omp for schedule(dynamic, 1) ordered
        for (int64_t c = 0; c < chunks; c++) {{
            int64_t r = c * step;
            const int64_t end = r + step < segments ? r + step : segments;
            const int64_t first = starts[r], last = starts[end];
{begin}
            for (int64_t k = first; k < last; k += TILE) {{
                const int count = last - k < TILE ? last - k : TILE;
{form}
                for (int i = 0; i < count; i++) {{
                    const int64_t e = order[k + i], s = senders[e];
                    while (starts[r + 1] <= k + i) r++;
                    T *const row = next + (threads > 1 ? (k + i - first) * {senders} : 0);
                    const struct Rows rows = {{ {rows} }};
                    (void)s; (void)row;
                    edge(&rows);
                    if (threads == 1) {{ {add} }}
                }}
{gradients}
            }}
#pragma omp ordered
            {{
{finish}
                for (int64_t k = first; {senders} && threads > 1 && k < last; k++) {{
                    const int64_t s = senders[order[k]];
                    const T *const row = next + (k - first) * {senders};
                    (void)s; (void)row;
                    {add}
                }}
            }}
        }}
        free(scratch);
    }}
{unpack}
    free(packed);
    return failed;
}}
"""


@cache
def source(program: Program, scalar: str) -> str:
    """C source with one function `run`, for `float` or `double`, of a program with weights formed inside."""
    parts = inner(program)
    sizes = program.row(RADIAL), program.row(WEIGHTS)
    return "\n".join((edge(parts.program, scalar), products(*sizes), _run(program, parts)))


def _run(program: Program, parts: Inner) -> str:
    """The pass over all chunks."""
    into_radial = [k for k, leg in enumerate(program.outputs) if leg == RADIAL]
    into_matrix = [k for k, leg in enumerate(program.outputs) if leg == WEIGHTS]
    formed = [product for tile in parts.tiles for product in tile]
    radials = {radial for radial, _ in formed}
    radials |= {gradient.factor for gradient in parts.gradients if gradient.leg == WEIGHTS}
    inside = range(len(parts.program.outputs) - len(parts.others))
    packed = {f"m{k}": f"pack(in[{k}], stride[{k}], m{k});" for k in sorted({m for _, m in formed})}
    for gradient in parts.gradients:
        k = gradient.factor
        if gradient.leg == RADIAL:
            packed[f"t{k}"] = f"pack_transpose(in[{k}], stride[{k}], t{k});"
    packed |= {f"p{k}": "" for k in into_matrix}
    scratch = {f"x{k}": "TILE * NUMBERS" for k in sorted(radials)}
    scratch |= {f"w{k}": "TILE * WIDTH" for k in range(len(parts.tiles))}
    scratch |= {f"g{k}": "TILE * WIDTH" for k in inside}
    scratch |= {f"d{k}": "TILE * NUMBERS" for k in into_radial}
    scratch |= {f"s{k}": "NUMBERS * WIDTH" for k in into_matrix}
    begin = [
        f"memset(out[{k}] + r * {program.row(OUT)}, 0, (end - r) * {program.row(OUT)} * sizeof(T));"
        for k, leg in enumerate(program.outputs)
        if leg == OUT
    ]
    begin += [f"memset(s{k}, 0, NUMBERS * WIDTH * sizeof(T));" for k in into_matrix]
    form = [
        _rows_of_tile(f"x{k} + i * NUMBERS", f"in[{k}] + order[k + i] * stride[{k}]") for k in sorted(radials)
    ]
    form += [
        f"form(w{k}, x{radial}, m{matrix}, {int(number > 0)});"
        for k, tile in enumerate(parts.tiles)
        for number, (radial, matrix) in enumerate(tile)
    ]
    form += [f"memset(d{k}, 0, TILE * NUMBERS * sizeof(T));" for k in into_radial]
    gradients = [
        f"add_radial(d{k}, g{own}, t{factor});"
        if leg == RADIAL
        else f"add_matrix(s{k}, x{factor}, g{own}, count);"
        for k, leg, factor, own in parts.gradients
    ]
    gradients += [
        _rows_of_tile(f"out[{k}] + order[k + i] * RADIAL", f"d{k} + i * NUMBERS") for k in into_radial
    ]
    rows, add, senders = _rows(program, parts)
    return _RUN.format(
        chunk=_CHUNK,
        outputs=len(program.outputs),
        packed=len(packed),
        pack=_lines(
            (
                f"T *const {name} = packed + {k} * NUMBERS * WIDTH; {fill}"
                for k, (name, fill) in enumerate(packed.items())
            ),
            1,
        ),
        unpack=_lines((f"unpack(p{k}, out[{k}]);" for k in into_matrix), 1),
        scratch=" + ".join(scratch.values()),
        parts=_lines((f"T *const {name} = next; next += {size};" for name, size in scratch.items()), 2),
        senders=senders,
        begin=_lines(begin, 3),
        form=_lines(form, 4),
        rows=", ".join(rows),
        add=" ".join(add),
        gradients=_lines(gradients, 4),
        finish=_lines(
            (f"for (int j = 0; j < NUMBERS * WIDTH; j++) p{k}[j] += s{k}[j];" for k in into_matrix), 4
        ),
    )


def _rows_of_tile(to: str, start: str) -> str:
    """Copy the radial numbers of the edges of a tile."""
    return f"for (int i = 0; i < count; i++) memcpy({to}, {start}, RADIAL * sizeof(T));"


def _rows(program: Program, parts: Inner) -> tuple[list[str], list[str], int]:
    """What one edge reads and writes, how the row of a sender adds up, and the length of such rows."""
    index = {"edge": "e", "sender": "s", "receiver": "r"}
    rows = [f"w{k} + i * WIDTH" for k in range(len(parts.tiles))]
    for k in parts.given:
        place = program.form.legs[program.operands[k]].place
        rows += [f"in[{k}] + {index[place]} * stride[{k}]"]
    rows += [f"g{k} + i * WIDTH" for k in range(len(parts.program.outputs) - len(parts.others))]
    add, senders = [], 0
    for k in parts.others:
        leg = program.outputs[k]
        place, width = program.form.legs[leg].place, program.row(leg)
        if place == "sender":
            rows.append(f"row + {senders}")
            target = f"out[{k}][s * {width} + j]"
            add.append(f"for (int j = 0; j < {width}; j++) {target} += row[{senders} + j];")
            senders += width
        else:
            rows.append(f"out[{k}] + {index[place]} * {width}")
    return rows, add, senders


def _lines(lines: Iterable[str], depth: int) -> str:
    return indent("\n".join(lines), depth * "    ")
