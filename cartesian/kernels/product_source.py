r"""C source of the matrix products that form weights, $w = x\,M$, and of those for their gradients.

Factors are packed once into panels of as many columns as two registers hold, so that a product reads them
one number after the other. Six rows of a panel are summed at a time: twelve registers, which is
enough to keep both adders of a core busy.
"""

from functools import cache

_SOURCE = """
enum {{
    RADIAL = {radial}, WEIGHTS = {weights}, TILE = 24,
    /* Weights and radial numbers, filled up to whole panels of two registers, or slices of one or two. */
    PANEL = 2 * LANES, PANELS = (WEIGHTS + PANEL - 1) / PANEL, WIDTH = PANELS * PANEL,
    FEW = RADIAL <= LANES ? 1 : 2, SLICE = FEW * LANES,
    SLICES = (RADIAL + SLICE - 1) / SLICE, NUMBERS = SLICES * SLICE,
}};
#define UNROLL _Pragma("GCC unroll 16")

/* Where a matrix begins, and how far its rows, and its columns or panels of columns, lie apart. */
struct Matrix {{
    T *start;
    int64_t row, column;
}};

/* out: (m, n registers) = or += a: (m, inner) times b: (inner, n registers), with sums in registers. */
INLINE void block(const struct Matrix out, const struct Matrix a, const struct Matrix b, const int inner,
                  const int m, const int n, const int add)
{{
    const T *x = a.start, *y = b.start;
    V sum[6][2];
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int j = 0; j < n; j++)
            sum[i][j] = add ? load(out.start + i * out.row + j * LANES, LANES) : (V){{0}};
    for (int k = 0; k < inner; k++, x += a.column, y += b.row) {{
        V own[2];
        UNROLL
        for (int j = 0; j < n; j++) own[j] = load(y + j * LANES, LANES);
        UNROLL
        for (int i = 0; i < m; i++)
            UNROLL
            for (int j = 0; j < n; j++) sum[i][j] += x[i * a.row] * own[j];
    }}
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int j = 0; j < n; j++) store(out.start + i * out.row + j * LANES, sum[i][j], LANES);
}}

/* out: (rows, panels of n registers) = or += a: (rows, inner) times b: (inner, panels); rows are even. */
INLINE void multiply(struct Matrix out, const struct Matrix a, struct Matrix b, const int rows,
                     const int inner, const int panels, const int n, const int add)
{{
    for (int p = 0; p < panels; p++, out.start += out.column, b.start += b.column) {{
        struct Matrix to = out, from = a;
        int i = 0;
        for (; i + 6 <= rows; i += 6, to.start += 6 * to.row, from.start += 6 * from.row)
            block(to, from, b, inner, 6, n, add);
        for (; i < rows; i += 2, to.start += 2 * to.row, from.start += 2 * from.row)
            block(to, from, b, inner, 2, n, add);
    }}
}}

/* w: (TILE, WIDTH) = or += x: (TILE, NUMBERS) times panels of a matrix. */
static void form(T *w, T *x, T *matrix, const int add)
{{
    multiply((struct Matrix){{w, WIDTH, PANEL}}, (struct Matrix){{x, NUMBERS, 1}},
             (struct Matrix){{matrix, PANEL, NUMBERS * PANEL}}, TILE, RADIAL, PANELS, 2, add);
}}

/* Panels of the gradient of a matrix += transpose of x: (count, NUMBERS) times g: (count, WIDTH). */
static void add_matrix(T *sum, T *x, T *g, const int count)
{{
    multiply((struct Matrix){{sum, PANEL, NUMBERS * PANEL}}, (struct Matrix){{x, 1, NUMBERS}},
             (struct Matrix){{g, WIDTH, PANEL}}, NUMBERS, count, PANELS, 2, 1);
}}

/* d: (TILE, NUMBERS) += g: (TILE, WIDTH) times slices of the transpose of a matrix. */
static void add_radial(T *d, T *g, T *transpose)
{{
    multiply((struct Matrix){{d, NUMBERS, SLICE}}, (struct Matrix){{g, WIDTH, 1}},
             (struct Matrix){{transpose, SLICE, WIDTH * SLICE}}, TILE, WEIGHTS, SLICES, FEW, 1);
}}

/* Where column c of row r lies in panels, and where it lies in slices of the transpose. */
INLINE int in_panels(const int r, const int c) {{ return (c / PANEL * NUMBERS + r) * PANEL + c % PANEL; }}
INLINE int in_slices(const int r, const int c) {{ return (r / SLICE * WIDTH + c) * SLICE + r % SLICE; }}

static void pack(const T *matrix, const int64_t stride, T *to)
{{
    for (int r = 0; r < RADIAL; r++)
        for (int c = 0; c < WEIGHTS; c++) to[in_panels(r, c)] = matrix[r * stride + c];
}}

static void pack_transpose(const T *matrix, const int64_t stride, T *to)
{{
    for (int r = 0; r < RADIAL; r++)
        for (int c = 0; c < WEIGHTS; c++) to[in_slices(r, c)] = matrix[r * stride + c];
}}

static void unpack(const T *panels, T *matrix)
{{
    for (int r = 0; r < RADIAL; r++)
        for (int c = 0; c < WEIGHTS; c++) matrix[r * WEIGHTS + c] = panels[in_panels(r, c)];
}}
"""


@cache
def products(radial: int, weights: int) -> str:
    """C source of the products for so many radial numbers and weights; stands behind a `HEAD`."""
    return _SOURCE.format(radial=radial, weights=weights)
