r"""C source of what stands beside the matrix products of a fully connected product.

Row by row, couplings $C_{abr}$ are folded with one factor, $K_{ra,Q} = \sum_b C_{abr}\, y_{bQ}$, which fits
into the nearest cache. `outer` multiplies it with the other factor, `fold` sums it with a tile of a matrix
product over the channels $Q$ along the rows of the tile, `fold_across` over the channels $P$ across them. The
number of components $a$ is a constant of the source, so that sums stay in registers.
"""

from functools import cache

from cartesian.kernels.source import HEAD

_SOURCE = """
/* Sums at a time: enough to keep the adders busy, few enough to stay in registers. */
enum {{ A = {components}, SUMS = A == 1 ? 8 : A <= 3 ? 4 : 2 }};
#define UNROLL _Pragma("GCC unroll 16")

/* K: (R, A, Q) from couplings (R, A, B) and a factor (B, Q), whose rows are `ld` apart. */
static void couple(const T *table, const T *y, const int64_t ld, T *K, const int R, const int B, const int Q)
{{
    memset(K, 0, sizeof(T) * R * A * Q);
    for (int i = 0; i < R * A; i++)
        for (int b = 0; b < B; b++) {{
            const T c = table[i * B + b];
            if (c != 0)
                for (int q = 0; q < Q; q++) K[i * Q + q] += c * y[b * ld + q];
        }}
}}

/* T: (m, Q) from a factor (A, m) and K: (A, Q). */
INLINE void outer_rows(const T *x, const int64_t ld, const T *K, T *out, const int Q, const int m)
{{
    for (int q = 0; q < Q; q += LANES) {{
        V sum[4];
        UNROLL
        for (int i = 0; i < m; i++) sum[i] = (V){{0}};
        UNROLL
        for (int a = 0; a < A; a++) {{
            const V k = load(K + a * Q + q, LANES);
            UNROLL
            for (int i = 0; i < m; i++) sum[i] += x[a * ld + i] * k;
        }}
        UNROLL
        for (int i = 0; i < m; i++) store(out + i * Q + q, sum[i], LANES);
    }}
}}

/* out: (A, P), sums of K: (R, A, Q) with a tile (R, P, Q) along the rows of the tile, `m` of them. */
INLINE void fold_rows(const T *K, const T *tile, T *out, const int64_t ld, const int R, const int P,
                      const int Q, const int m)
{{
    V sum[SUMS][A];
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int a = 0; a < A; a++) sum[i][a] = (V){{0}};
    for (int r = 0; r < R; r++, K += A * Q, tile += (int64_t)P * Q)
        for (int q = 0; q < Q; q += LANES)
            UNROLL
            for (int i = 0; i < m; i++) {{
                const V t = load(tile + i * Q + q, LANES);
                UNROLL
                for (int a = 0; a < A; a++) sum[i][a] += t * load(K + a * Q + q, LANES);
            }}
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int a = 0; a < A; a++) out[a * ld + i] += total(sum[i][a]);
}}

/* out: (A, Q), sums of K: (R, A, P) with a tile (R, P, Q) across its rows; `m` registers at a time. */
INLINE void fold_columns(const T *K, const T *tile, T *out, const int64_t ld, const int R, const int P,
                         const int Q, const int m)
{{
    V sum[SUMS][A];
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int a = 0; a < A; a++) sum[i][a] = load(out + a * ld + i * LANES, LANES);
    for (int r = 0; r < R; r++, K += A * P)
        for (int p = 0; p < P; p++, tile += Q)
            UNROLL
            for (int i = 0; i < m; i++) {{
                const V t = load(tile + i * LANES, LANES);
                UNROLL
                for (int a = 0; a < A; a++) sum[i][a] += K[a * P + p] * t;
            }}
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int a = 0; a < A; a++) store(out + a * ld + i * LANES, sum[i][a], LANES);
}}

/* tile[n]: (R, P, Q) = sum over a, b of table: (R, A, B), x[n]: (A, P), y[n]: (B, Q). Rows n
   are `step` numbers apart, rows of a factor `ld`. */
void outer(int64_t rows, const T *table, int R, int B, int P, int Q, const T *x, int64_t x_step, int64_t x_ld,
           const T *y, int64_t y_step, int64_t y_ld, T *tile, int threads)
{{
#pragma omp parallel for num_threads(threads)
    for (int64_t n = 0; n < rows; n++) {{
        T K[R * A * Q];
        couple(table, y + n * y_step, y_ld, K, R, B, Q);
        const T *const own = x + n * x_step;
        for (int r = 0; r < R; r++) {{
            T *const out = tile + (n * R + r) * P * Q;
            int p = 0;
            for (; p + 4 <= P; p += 4) outer_rows(own + p, x_ld, K + r * A * Q, out + (int64_t)p * Q, Q, 4);
            for (; p < P; p++) outer_rows(own + p, x_ld, K + r * A * Q, out + (int64_t)p * Q, Q, 1);
        }}
    }}
}}

/* out[n]: (A, P) += sum over b, r, Q of table: (R, A, B), y[n]: (B, Q), tile[n]: (R, P, Q). */
void fold(int64_t rows, const T *table, int R, int B, int P, int Q, const T *y, int64_t y_step, int64_t y_ld,
          const T *tile, T *out, int64_t out_step, int64_t out_ld, int threads)
{{
#pragma omp parallel for num_threads(threads)
    for (int64_t n = 0; n < rows; n++) {{
        T K[R * A * Q];
        couple(table, y + n * y_step, y_ld, K, R, B, Q);
        const T *const own = tile + n * R * P * Q;
        T *const to = out + n * out_step;
        int p = 0;
        for (; p + SUMS <= P; p += SUMS) fold_rows(K, own + (int64_t)p * Q, to + p, out_ld, R, P, Q, SUMS);
        for (; p < P; p++) fold_rows(K, own + (int64_t)p * Q, to + p, out_ld, R, P, Q, 1);
    }}
}}

/* out[n]: (A, Q) += sum over b, r, P of table: (R, A, B), x[n]: (B, P), tile[n]: (R, P, Q). */
void fold_across(int64_t rows, const T *table, int R, int B, int P, int Q, const T *x, int64_t x_step,
                 int64_t x_ld, const T *tile, T *out, int64_t out_step, int64_t out_ld, int threads)
{{
#pragma omp parallel for num_threads(threads)
    for (int64_t n = 0; n < rows; n++) {{
        T K[R * A * P];
        couple(table, x + n * x_step, x_ld, K, R, B, P);
        const T *const own = tile + n * R * P * Q;
        T *const to = out + n * out_step;
        int q = 0;
        for (; q + SUMS * LANES <= Q; q += SUMS * LANES)
            fold_columns(K, own + q, to + q, out_ld, R, P, Q, SUMS);
        for (; q < Q; q += LANES) fold_columns(K, own + q, to + q, out_ld, R, P, Q, 1);
    }}
}}
"""


@cache
def source(components: int, scalar: str) -> str:
    """C source of `outer`, `fold` and `fold_across` for $a$ of so many values, for `float` or `double`."""
    return HEAD.format(scalar=scalar) + _SOURCE.format(components=components)
