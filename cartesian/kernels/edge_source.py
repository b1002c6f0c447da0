r"""C source of a straight-line program on the edges of a graph.

The kernel walks along the edges of one receiver, two registers of channels at a time, and holds the sums of
this receiver next to them. Sums at the senders are a second walk of the same kind, along the edges of one
sender: no sum has two writers, so the digits do not depend on the number of threads. What all channels share
is computed once per edge, before its channels.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

from cartesian.kernels.source import HEAD
from cartesian.programs.catalog import channels as count_channels
from cartesian.programs.catalog import lanes as parse
from cartesian.programs.lanes import LaneLeg, Lanes, pruned

_ROWS = 64  # rows of a program without edges that one thread takes at a time

# The walk reads rows of edges in pieces, which the processor does not foresee: ask for them two edges ahead.
_AHEAD = """\
#define AHEAD(p, register) if ((register) * BYTES % 64 == 0) __builtin_prefetch(p, 0, 1)

"""

_RUN = """
/* Edges by sender, those of one sender in the order given: counted, then put in place. */
static void transpose(const int64_t *order, const int64_t *senders, int64_t edges, int64_t nodes,
                      int64_t *by_sender, int64_t *starts)
{{
    memset(starts, 0, (nodes + 2) * sizeof(int64_t));
    for (int64_t k = 0; k < edges; k++) starts[senders[k] + 2]++;
    for (int64_t n = 0; n <= nodes; n++) starts[n + 1] += starts[n];
    for (int64_t k = 0; k < edges; k++) by_sender[starts[senders[order[k]] + 1]++] = order[k];
}}

int run(const int64_t *senders, const int64_t *receivers, const int64_t *order, const int64_t *starts,
        int64_t edges, int64_t nodes, int64_t others, const T *const *in, T *const *out,
        const int64_t *length, int threads)
{{
    int failed = 0;
    for (int k = 0; k < {outputs}; k++) large_pages(out[k], length[k]);
    (void)senders; (void)receivers; (void)order; (void)starts; (void)others;
{walks}
    return failed;
}}
"""

_WALK = """\
static int walk_{home}(const int64_t *order, const int64_t *starts, const int64_t *others, int64_t edges,
                       int64_t segments, const T *const *in, T *const *out, int threads)
{{
    int failed = 0;
    int64_t longest = 1;
    (void)order; (void)others; (void)edges;
    for (int64_t h = 0; h < segments && starts; h++)
        if (starts[h + 1] - starts[h] > longest) longest = starts[h + 1] - starts[h];
#pragma omp parallel num_threads(threads)
    {{
        V *const scratch = {shared} ? aligned_alloc(BYTES, BYTES * {shared} * longest) : 0;
        T *const common = {common} ? malloc(sizeof(T) * {common} * longest) : 0;
        if (({shared} && !scratch) || ({common} && !common)) {{
#pragma omp atomic write
            failed = 1;
        }}
#pragma omp barrier
        if (!failed)
#pragma omp for schedule(dynamic, 4)
        for (int64_t h = 0; h < segments; h++) {{
            const int64_t first = starts ? starts[h] : h * {rows};
            const int64_t last = starts ? starts[h + 1] : first + {rows} < edges ? first + {rows} : edges;
            if ({shared}) memset(scratch, 0, BYTES * {shared} * (last - first));
            if ({common}) common_{home}(order, others, h, first, last, in, common);
            int c = 0;
            for (; c + 2 * LANES <= {channels}; c += 2 * LANES)
                lanes_{home}_2(order, others, h, first, last, edges, c, LANES, in, out, common, scratch);
            for (; {channels} % (2 * LANES) >= LANES && c + LANES <= {channels}; c += LANES)
                lanes_{home}_1(order, others, h, first, last, edges, c, LANES, in, out, common, scratch);
            const int rest = {channels} % LANES;
            if (rest)
                lanes_{home}_1(order, others, h, first, last, edges, c, rest, in, out, common, scratch);
{totals}
        }}
        free(common);
        free(scratch);
    }}
    return failed;
}}

"""

_COMMON = """\
/* Values of the edges of one node that all channels share. */
static void common_{home}(const int64_t *order, const int64_t *others, const int64_t h, const int64_t first,
                          const int64_t last, const T *const *in, T *u)
{{
    (void)others; (void)h; (void)in;
    for (int64_t k = first; k < last; k++, u += {common}) {{
        const int64_t e = order ? order[k] : k, o = others ? others[e] : k;
        (void)e; (void)o;
{shared}
    }}
}}

"""

_LANES = """\
INLINE void lanes_{home}_{registers}(const int64_t *order, const int64_t *others, const int64_t h,
                          const int64_t first, const int64_t last, const int64_t edges, const int c,
                          const int n, const T *const *in, T *const *out, const T *u, V *s)
{{
    (void)others; (void)s; (void)h; (void)edges;
{before}
    for (int64_t k = first; k < last; k++, u += {common}) {{
        const int64_t e = order ? order[k] : k, o = others ? others[e] : k;
        const int64_t ahead = k + 2 < edges ? order ? order[k + 2] : k + 2 : e;
        (void)o; (void)e; (void)ahead;
{body}
    }}
{after}
}}

"""


@cache
def source(text: str, scalar: str) -> str:
    """C source with one function `run`, for `float` or `double`."""
    program, width = parse(text), count_channels(text)
    parts, calls = [HEAD.format(scalar=scalar), _AHEAD], []
    for home, walk, outputs in _walks(program):
        parts.append(_common(walk, home))
        parts += [_lanes(walk, outputs, home, width, registers) for registers in (1, 2)]
        parts.append(_walk(walk, outputs, home, width))
        calls.append(_call(home))
    return "\n".join([*parts, _RUN.format(walks="\n".join(calls), outputs=len(program.outputs))])


def _walks(program: Lanes) -> Iterator[tuple[str, Lanes, list[int]]]:
    """Where each walk adds up, the part of the program it computes, and which outputs these are."""
    places = [leg.place for leg in program.outputs]
    seen = {leg.place for leg in program.operands}
    # Edges lie in the order of their receivers: their own rows are written on that walk.
    homes: list[str] = []
    if "receiver" in places or ("edge" in places and "receiver" in seen):
        homes.append("receiver")
    if "sender" in places or ("sender" in seen and not homes):
        homes.append("sender")
    homes = homes or ["edge"]
    for number, home in enumerate(homes):
        outputs = [k for k, place in enumerate(places) if place == home or (place == "edge" and not number)]
        legs = tuple(program.outputs[k] for k in outputs)
        results = [program.results[k] for k in outputs]
        # A text of its own, since programs are told apart by it.
        text = f"{program.text} {home}"
        part = pruned(text, program.operands, legs, program.instructions, results, program.constants)
        yield home, part, outputs


def _call(home: str) -> str:
    if home == "edge":
        return f"    failed |= walk_edge(0, 0, 0, edges, (edges + {_ROWS - 1}) / {_ROWS}, in, out, threads);"
    if home == "receiver":
        return "    failed |= walk_receiver(order, starts, senders, edges, nodes, in, out, threads);"
    return """\
    int64_t *const by_sender = malloc((edges + others + 2) * sizeof(int64_t));
    if (!by_sender) return 1;
    transpose(order, senders, edges, others, by_sender, by_sender + edges);
    failed |= walk_sender(by_sender, by_sender + edges, receivers, edges, others, in, out, threads);
    free(by_sender);"""


def _row(leg: LaneLeg, home: str) -> str:
    if leg.place == "edge":
        return "e"
    return "h" if leg.place == home else "o"


def _common(program: Lanes, home: str) -> str:
    """What all channels share."""
    names, lines = _names(program), []
    for i, (kind, left, right) in enumerate(program.instructions):
        if not program.shared[i]:
            continue
        if kind == "const":
            value = f"(T){program.constants[left]!r}"
        elif kind == "load":
            leg = program.operands[left]
            value = f"in[{left}][{_row(leg, home)} * {leg.length} + {right}]"
        else:
            value = f"{names[left]} {'+' if kind == 'add' else '*'} {names[right]}"
        lines.append(f"        {names[i]} = {value};")
    return _COMMON.format(home=home, common=sum(program.shared), shared="\n".join(lines))


def _lanes(program: Lanes, outputs: Sequence[int], home: str, width: int, registers: int) -> str:
    """The program on registers side by side, along the edges of one node."""
    before: list[str] = []
    body: list[str] = []
    after: list[str] = []
    all_names = [_names(program, j) for j in range(registers)]
    # Instructions of the registers alternate, so that one waits less for the other.
    for i, (kind, left, right) in enumerate(program.instructions):
        for j, names in enumerate(all_names):
            if program.shared[i]:
                continue
            if kind != "load":
                body.append(
                    f"const V {names[i]} = {names[left]} {'+' if kind == 'add' else '*'} {names[right]};"
                )
                continue
            leg = program.operands[left]
            row, column = _row(leg, home), f"{right * width} + c + {j} * LANES"
            lines = before if leg.place == home != "edge" else body
            lines.append(
                f"const V {names[i]} = load(in[{left}] + {row} * {leg.length * width} + {column}, n);"
            )
            if row == "e":
                body.append(f"AHEAD(in[{left}] + ahead * {leg.length * width} + {column}, {j});")
    shared = sum(leg.length for leg in program.outputs if leg.shared)
    number = 0
    for k, leg, results in zip(outputs, program.outputs, program.results, strict=True):
        for component, result in enumerate(results):
            for j, names in enumerate(all_names):
                value = "(V){0}" if result is None else f"((V){{0}} + {names[result]})"
                column = f"{component * width} + c + {j} * LANES"
                place = f"out[{k}] + {_row(leg, home)} * {leg.length * width} + {column}"
                if leg.shared:
                    body.append(f"s[(k - first) * {shared} + {number}] += {value};")
                elif leg.place == "edge":
                    body.append(f"store({place}, {value}, n);")
                else:
                    total = f"a{k}_{component}_{j}"
                    before.append(f"V {total} = {{0}};")
                    body.append(f"{total} += {value};")
                    after.append(f"store({place}, {total}, n);")
            number += leg.shared
    return _LANES.format(
        home=home,
        registers=registers,
        common=sum(program.shared),
        before="\n".join(f"    {line}" for line in before),
        body="\n".join(f"        {line}" for line in body),
        after="\n".join(f"    {line}" for line in after),
    )


def _names(program: Lanes, register: int = 0) -> list[str]:
    """What the values of instructions are called."""
    shared = accumulate(program.shared)
    return [
        f"u[{number - 1}]" if same else f"t{i}_{register}"
        for i, (same, number) in enumerate(zip(program.shared, shared, strict=True))
    ]


def _walk(program: Lanes, outputs: Sequence[int], home: str, width: int) -> str:
    """The pass over all nodes."""
    shared = [(k, leg.length) for k, leg in zip(outputs, program.outputs, strict=True) if leg.shared]
    count, totals, number = sum(length for _, length in shared), [], 0
    for k, length in shared:
        for j in range(length):
            target = f"out[{k}][(order ? order[k] : k) * {length} + {j}]"
            totals.append(f"{target} = total(scratch[(k - first) * {count} + {number}]);")
            number += 1
    if totals:
        totals = ["for (int64_t k = first; k < last; k++) {", *(f"    {line}" for line in totals), "}"]
    indented = "\n".join(f"            {line}" for line in totals)
    return _WALK.format(
        home=home,
        shared=count,
        common=sum(program.shared),
        rows=_ROWS,
        channels=width,
        totals=indented,
    )
