r"""C source of a fused kernel, from a program.

One pass over the receivers computes every output. Per edge, each right operand is folded with the
couplings into small matrices that all channels share; per path, straight-line code runs over the
channels, one vector register of them at a time. Nothing is kept per edge and path but the weights.

Rows of receivers add up in place, edge after edge. Rows of senders add up from a scratch row per edge,
in the order of the edges whatever the number of threads: results are the same bit by bit.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from cartesian.programs.passes import Schedule, schedule
from cartesian.programs.program import LEFT, OUT, RIGHT, WEIGHTS, Program, Term

# Vectors of one register, and how to load, store and sum them; `scalar` is filled in.
HEAD = """\
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef {scalar} T;
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef T V __attribute__((vector_size(BYTES)));
typedef T U __attribute__((vector_size(BYTES), aligned(sizeof(T))));
enum {{ LANES = BYTES / sizeof(T) }};
#define INLINE static inline __attribute__((always_inline))

/* n is a constant wherever these are used: LANES, or what is left of the channels. */
INLINE V load(const T *p, const int n)
{{
    if (n == LANES) return *(const U *)p;
    V v = {{0}};
    memcpy(&v, p, n * sizeof(T));
    return v;
}}

INLINE void store(T *p, V v, const int n)
{{
    if (n == LANES) *(U *)p = v;
    else memcpy(p, &v, n * sizeof(T));
}}

/* Fresh memory comes in pages of 4 kB, each with a fault that takes longer than filling it; ask for 2 MB. */
static void large_pages(T *p, int64_t length)
{{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 4096, first = ((uintptr_t)p + page - 1) / page * page;
    const uintptr_t last = (uintptr_t)(p + length) / page * page;
    if (last > first + (1 << 21)) madvise((void *)first, last - first, MADV_HUGEPAGE);
#endif
}}

INLINE T total(V v)
{{
    T sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}}
"""

_RUN = """\
int run(const int64_t *order, const int64_t *starts, const int64_t *senders, int64_t segments,
        int64_t longest, const T *const *in, const int64_t *stride, T *const *out, const int64_t *length,
        int threads{arguments})
{{
    int failed = 0;
{before}
    (void)order; (void)starts; (void)senders; (void)longest; (void)in; (void)stride;
    for (int k = 0; k < {outputs}; k++) large_pages(out[k], length[k]);
#pragma omp parallel num_threads(threads)
    {{
        const int64_t deferred = threads > 1 ? longest : 1;
        T *scratch = {scratch} ? malloc(sizeof(T) * {scratch} * (deferred > 0 ? deferred : 1)) : 0;
        if ({scratch} && !scratch) {{
#pragma omp atomic write
            failed = 1;
        }}
#pragma omp barrier
        if (!failed)
#pragma omp for schedule(dynamic, {chunk}){ordered}
        for (int64_t r = 0; r < segments; r++) {{
            const int64_t first = starts ? starts[r] : r, last = starts ? starts[r + 1] : r + 1;
{clear}
            for (int64_t k = first; k < last; k++) {{
                const int64_t e = order ? order[k] : k;
                const int64_t s = senders ? senders[e] : k;
                T *const row = scratch + (threads > 1 ? (k - first) * {scratch} : 0);
{claim}
                const struct Rows rows = {{ {rows} }};
                (void)row; (void)s;
                edge(&rows);
{release}
                if (threads == 1) {{ {add} }}
            }}
            if ({scratch} && threads > 1) {{
{begin}
                for (int64_t k = first; k < last; k++) {{
                    const int64_t s = senders[order ? order[k] : k];
                    const T *const row = scratch + (k - first) * {scratch};
                    (void)s; (void)row;
                    {add}
                }}
            }}
        }}
        free(scratch);
    }}
{after}
    return failed;
}}
"""

# Both edges of a pair add to one row: who comes first stores, the other waits until that is done, and adds.
# Sums of two numbers do not depend on their order.
_CLAIM = """\
                char expected = 0;
                const int again = !__atomic_compare_exchange_n(seen + p, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                                               __ATOMIC_ACQUIRE);
                while (again && __atomic_load_n(seen + p, __ATOMIC_ACQUIRE) != 2);"""

_SEEN = """\
    char *const seen = calloc(pairs > 0 ? pairs : 1, 1);
    if (!seen) return 1;"""

_RELEASE = """\
                if (!again) __atomic_store_n(seen + p, 2, __ATOMIC_RELEASE);"""


@cache
def source(program: Program, scalar: str) -> str:
    """C source with one function `run`, for `float` or `double`."""
    return "\n".join((edge(program, scalar), _run(program)))


def edge(program: Program, scalar: str) -> str:
    """C source of a function `edge`, which computes all contractions of one edge, from a `struct Rows`."""
    steps = schedule(program)
    parts = [HEAD.format(scalar=scalar), _rows(program)]
    parts += [_term(program, steps, number, term) for number, term in enumerate(program.form.terms)]
    return "\n".join((*parts, _edge(program, steps)))


def is_paired(program: Program) -> bool:
    """Whether two edges share a row of weights."""
    return program.form.legs[WEIGHTS].place == "pair"


def _rows(program: Program) -> str:
    fields = [f"    const T *i{k};" for k in range(len(program.operands))]
    fields += [f"    T *o{k};" for k in range(len(program.outputs))]
    fields.append("    int again; /* whether a row of two edges is to be added to */")
    return "\n".join(["/* Rows of one edge: operands and outputs. */", "struct Rows {", *fields, "};", ""])


def _pairs(term: Term) -> list[tuple[int, int]]:
    """The (left, out) components that some right component couples."""
    return [(int(a), int(o)) for a, o in np.argwhere(np.abs(term.table).sum(axis=1))]


def _fold_offsets(program: Program) -> list[int]:
    return [0, *np.cumsum([len(_pairs(term)) for term in program.form.terms]).tolist()]


def _term(program: Program, steps: Schedule, number: int, term: Term) -> str:
    """One path on one register of channels."""
    shared = program.form.legs[RIGHT].shared
    _, left, right, out = term.dims()
    degrees = " x ".join(map(str, term.degrees[:2])) + f" -> {term.degrees[2]}"
    pairs = _pairs(term)
    body = [f"/* {degrees}, {term.channels} channels */"]
    arguments = ["const struct Rows *r", "const int c", "const int n"]
    arguments += [f"const T *f{k}" for k in range(len(steps.folds)) if shared]
    arguments += [f"V *g{k}" for k, leg in enumerate(program.outputs) if leg == RIGHT and shared]
    body += [f"INLINE void term{number}({', '.join(arguments)})", "{"]

    def at(leg: int, component: int) -> str:
        slot = term.slots[leg]
        return f"{slot.start + slot.width * component + slot.first} + c"

    def declare(leg: int, operand: int | None) -> Iterator[str]:
        for k in range(term.dims()[leg]):
            yield f"const V i{operand}_{k} = load(r->i{operand} + {at(leg, k)}, n);"

    lines: list[str] = []
    for leg in (WEIGHTS, LEFT, OUT) if shared else (WEIGHTS, LEFT, RIGHT, OUT):
        for operand in sorted({c.operands[leg] for c in program.contractions} - {None}):  # type: ignore[type-var]
            lines += declare(leg, operand)
    if not shared:
        for k, operand in enumerate(steps.folds):
            for i, (a, o) in enumerate(pairs):
                lines.append(f"const V f{k}_{i} = {_fold(term, a, o, f'i{operand}_')};")

    def fold(k: int, i: int) -> str:
        return f"f{k}[{i}]" if shared else f"f{k}_{i}"

    def add(output: int, leg: int, component: int, value: str) -> str:
        place = f"r->o{output} + {at(leg, component)}"
        old = "" if leg == WEIGHTS else f"load({place}, n) + "
        if is_paired(program) and leg == WEIGHTS:
            # A sum with zero is rounded by itself, not together with the product before it.
            value = f"(r->again ? load({place}, n) : (V){{0}}) + ((V){{0}} + {value})"
        return f"store({place}, {old}{value}, n);"

    for k, blend in enumerate(steps.blends):
        for a in range(left):
            lines.append(f"const V v{k}_{a} = {_sum(f'i{w}_0 * i{x}_{a}' for w, x in blend)};")
    for k, (z, f) in enumerate(steps.pullbacks):
        for a in range(left):
            products = [f"{fold(f, i)} * i{z}_{o}" for i, (b, o) in enumerate(pairs) if b == a]
            lines.append(f"const V n{k}_{a} = {_sum(products)};")
    for output in range(len(program.outputs)):
        for o in range(out):
            products = [
                f"{fold(f, i)} * v{k}_{a}"
                for target, f, k in steps.out
                if target == output
                for i, (a, b) in enumerate(pairs)
                if b == o
            ]
            if products:
                lines.append(add(output, OUT, o, _sum(products)))
        for a in range(left):
            products = [f"i{w}_0 * n{k}_{a}" for target, w, k in steps.left if target == output]
            if products:
                lines.append(add(output, LEFT, a, _sum(products)))
        products = [
            f"i{x}_{a} * n{k}_{a}" for target, x, k in steps.weights if target == output for a in range(left)
        ]
        if products:
            lines.append(add(output, WEIGHTS, 0, _sum(products)))
        gradients = [(z, k) for target, z, k in steps.right if target == output]
        if gradients:
            lines += ["{", *_right(term, gradients)]
            for b in range(right):
                if shared:
                    lines.append(f"g{output}[{term.slots[RIGHT].start + b}] += s{b};")
                else:
                    lines.append(add(output, RIGHT, b, f"s{b}"))
            lines.append("}")
    return "\n".join([*body, *(f"    {line}" for line in lines), "}", ""])


def _right(term: Term, gradients: list[tuple[int, int]]) -> Iterator[str]:
    """Lines that set `s0`, `s1`, … to the gradient with respect to the right factor."""
    sums: dict[int, list[str]] = {b: [] for b in range(term.dims()[RIGHT])}
    for a, o in _pairs(term):
        yield f"const V u{a}_{o} = {_sum(f'v{k}_{a} * i{z}_{o}' for z, k in gradients)};"
        for b in np.flatnonzero(term.table[a, :, o]).tolist():
            sums[b].append(f"{_number(term.table[a, b, o])} * u{a}_{o}")
    for component, products in sums.items():
        yield f"const V s{component} = {_sum(products)};"


def _edge(program: Program, steps: Schedule) -> str:
    """All paths of one edge."""
    form, shared = program.form, program.form.legs[RIGHT].shared
    offsets = _fold_offsets(program)
    computed = {contraction.output for contraction in program.contractions}
    lines = []
    arguments = []
    if shared:
        for k, operand in enumerate(steps.folds):
            lines.append(f"T f{k}[{max(offsets[-1], 1)}];")
            arguments.append(f"f{k}")
            for term, offset in zip(form.terms, offsets, strict=False):
                right = f"r->i{operand}[{term.slots[RIGHT].start} + "
                for i, (a, o) in enumerate(_pairs(term)):
                    lines.append(f"f{k}[{offset + i}] = {_fold(term, a, o, right, ']')};")
    for k, leg in enumerate(program.outputs):
        if leg == RIGHT and shared:
            arguments.append(f"g{k}")
            lines.append(f"V g{k}[{program.row(leg)}] = {{{{0}}}};")
        elif form.legs[leg].place != "receiver" and (leg != WEIGHTS or k not in computed):
            lines.append(f"memset(r->o{k}, 0, {program.row(leg)} * sizeof(T));")
    for number, (term, offset) in enumerate(zip(form.terms, offsets, strict=False)):
        given = [f"{name} + {offset}" if name[0] == "f" else name for name in arguments]
        call = f"term{number}({', '.join(['r', 'c', '{n}', *given])});"
        lines.append("{")
        lines.append("    int c = 0;")
        lines.append(f"    for (; c + LANES <= {term.channels}; c += LANES) {call.format(n='LANES')}")
        lines.append(f"    if ({term.channels} % LANES) {call.format(n=f'{term.channels} % LANES')}")
        lines.append("}")
    for k, leg in enumerate(program.outputs):
        if leg == RIGHT and shared:
            lines.append(f"for (int b = 0; b < {program.row(leg)}; b++) r->o{k}[b] = total(g{k}[b]);")
    return "\n".join(["static void edge(const struct Rows *r)", "{", *(f"    {x}" for x in lines), "}", ""])


def _run(program: Program) -> str:
    """The pass over all receivers."""
    index = {"edge": "e", "pair": "p", "sender": "s", "receiver": "r"}
    places = [program.form.legs[leg].place for leg in program.outputs]
    shares = "pair" in places
    rows = [
        f"in[{k}] + {index[program.form.legs[leg].place]} * stride[{k}]"
        for k, leg in enumerate(program.operands)
    ]
    clear, add, scratch = [], [], 0
    for k, (leg, place) in enumerate(zip(program.outputs, places, strict=True)):
        width = program.row(leg)
        if place == "sender":
            rows.append(f"row + {scratch}")
            add.append(f"for (int j = 0; j < {width}; j++) out[{k}][s * {width} + j] += row[{scratch} + j];")
            scratch += width
        else:
            rows.append(f"out[{k}] + {index[place]} * {width}")
            if place == "receiver":
                clear.append(f"            memset(out[{k}] + r * {width}, 0, {width} * sizeof(T));")
    if shares:
        rows.append("again")
    claim = ["const int64_t p = pair[e];"] if is_paired(program) else []
    return _RUN.format(
        arguments=", const int64_t *pair, int64_t pairs" if is_paired(program) else "",
        before=_SEEN if shares else "    (void)pairs;" if is_paired(program) else "",
        after="    free(seen);" if shares else "",
        claim="\n".join([*(f"                {line}" for line in claim), *([_CLAIM] if shares else [])]),
        release=_RELEASE if shares else "",
        outputs=len(program.outputs),
        scratch=scratch,
        chunk=1 if scratch else 8,
        ordered=" ordered" if scratch else "",
        begin="#pragma omp ordered" if scratch else "",
        clear="\n".join(clear),
        rows=", ".join(rows),
        add=" ".join(add),
    )


def _fold(term: Term, a: int, o: int, right: str, close: str = "") -> str:
    values = term.table[a, :, o]
    return _sum(f"{_number(values[b])} * {right}{b}{close}" for b in np.flatnonzero(values))


def _sum(products: Iterable[str]) -> str:
    return " + ".join(products) or "(V){0}"


def _number(value: float) -> str:
    return f"(T){float(value)!r}"
