r"""C source of linear maps: products with a matrix for each pair of blocks, over rows where they lie.

One source for all maps, which come as a table of their blocks. Six rows and two registers of columns are
summed at a time; a row of such a product is one component of one atom. Matrices are copied into panels of
these columns, and for their gradients some rows are. Rows may belong to groups, each of which has matrices
of its own.

Rows are dealt out to threads, or for the gradient of the matrices their lines are: no sum depends on the
number of threads.
"""

from functools import cache

from cartesian.kernels.source import HEAD

_SOURCE = """
#define UNROLL _Pragma("GCC unroll 8")
enum { MANY = 6, CHUNK = 48, PANEL = 2 * LANES, POINTERS = 8 * MANY };

/* One pair of blocks: channels of both, components, where they begin in rows, and their matrix in the
   weights; whether it is the first for its block of the result. */
struct Part {
    int64_t left, right, components, x, z, w, first;
};

/* out: (m, registers) = or += x: (m, inner) times a panel (inner, PANEL), by pointers to the rows of x and
   out; of the last register n columns are there. */
INLINE void block(T *const *out, const T *const *x, const T *panel, const int64_t c, const int64_t inner,
                  const int m, const int registers, const int n, const int add)
{
    V sum[MANY][2];
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int j = 0; j < registers; j++)
            sum[i][j] = add ? load(out[i] + c + j * LANES, j + 1 < registers ? LANES : n) : (V){0};
    for (int64_t k = 0; k < inner; k++, panel += PANEL) {
        V own[2];
        UNROLL
        for (int j = 0; j < registers; j++) own[j] = load(panel + j * LANES, LANES);
        UNROLL
        for (int i = 0; i < m; i++)
            UNROLL
            for (int j = 0; j < registers; j++) sum[i][j] += x[i][k] * own[j];
    }
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int j = 0; j < registers; j++)
            store(out[i] + c + j * LANES, sum[i][j], j + 1 < registers ? LANES : n);
}

/* The same for any number of rows and of columns: panel by panel, which stay in the nearest cache. */
static void product(T *const *out, const T *const *x, const T *panels, const int64_t columns,
                    const int64_t inner, const int count, const int add)
{
    for (int64_t c = 0; c < columns; c += PANEL, panels += inner * PANEL) {
        const int64_t rest = columns - c;
        int i = 0;
#define ROWS(registers, n) \\
    do { \\
        for (; i + MANY <= count; i += MANY) \\
            block(out + i, x + i, panels, c, inner, MANY, registers, n, add); \\
        for (; i < count; i++) block(out + i, x + i, panels, c, inner, 1, registers, n, add); \\
    } while (0)
        if (rest >= PANEL) ROWS(2, LANES);
        else if (rest > LANES) ROWS(2, rest - LANES);
        else if (rest == LANES) ROWS(1, LANES);
        else ROWS(1, rest);
#undef ROWS
    }
}

/* m lines of a matrix, some columns of them += x: (count, left) transposed times a panel (count, PANEL). */
INLINE void outer(T *matrix, const T *x, const T *panel, const int64_t left, const int64_t columns,
                  const int64_t count, const int m, const int registers, const int n)
{
    V sum[MANY][2];
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int j = 0; j < registers; j++)
            sum[i][j] = load(matrix + i * columns + j * LANES, j + 1 < registers ? LANES : n);
    for (int64_t k = 0; k < count; k++, x += left, panel += PANEL) {
        V own[2];
        UNROLL
        for (int j = 0; j < registers; j++) own[j] = load(panel + j * LANES, LANES);
        UNROLL
        for (int i = 0; i < m; i++)
            UNROLL
            for (int j = 0; j < registers; j++) sum[i][j] += x[i] * own[j];
    }
    UNROLL
    for (int i = 0; i < m; i++)
        UNROLL
        for (int j = 0; j < registers; j++)
            store(matrix + i * columns + j * LANES, sum[i][j], j + 1 < registers ? LANES : n);
}

/* Up to six lines, all columns. */
static void lines(T *matrix, const T *x, const T *z, const int64_t left, const int64_t columns,
                  const int64_t count, const int m)
{
    for (int64_t c = 0; c < columns; c += PANEL, z += count * PANEL) {
        const int64_t rest = columns - c;
#define LINES(registers, n) \\
    do { \\
        if (m == MANY) outer(matrix + c, x, z, left, columns, count, MANY, registers, n); \\
        else for (int i = 0; i < m; i++) \\
            outer(matrix + i * columns + c, x + i, z, left, columns, count, 1, registers, n); \\
    } while (0)
        if (rest >= PANEL) LINES(2, LANES);
        else if (rest > LANES) LINES(2, rest - LANES);
        else if (rest == LANES) LINES(1, LANES);
        else LINES(1, rest);
#undef LINES
    }
}

INLINE int64_t panels(const struct Part *part) { return (part->right + PANEL - 1) / PANEL; }

/* Panels of all matrices, filled up with zeros: what a product reads lies in one piece. */
static void pack(const struct Part *parts, const int64_t count, const T *w, const int transposed, T *to)
{
    for (const struct Part *p = parts; p < parts + count; p++) {
        const int64_t row = transposed ? 1 : p->right, column = transposed ? p->left : 1;
        for (int64_t c = 0; c < panels(p) * PANEL; c += PANEL)
            for (int64_t k = 0; k < p->left; k++, to += PANEL)
                for (int64_t j = 0; j < PANEL; j++)
                    to[j] = c + j < p->right ? w[p->w + k * row + (c + j) * column] : 0;
    }
}

/* Rows `first` to `last` of a group: out = x times panels of matrices (left, right) of all parts. */
static void map(const struct Part *parts, const int64_t count, const int64_t *order, const int64_t first,
                const int64_t last, const T *x, const int64_t x_row, const T *packed, T *out,
                const int64_t out_row)
{
    for (const struct Part *p = parts; p < parts + count; packed += panels(p) * PANEL * p->left, p++) {
        const T *from[POINTERS];
        T *to[POINTERS];
        int m = 0;
        /* Components one by one: neighbouring ones of a row meet in the same bank of the cache. */
        for (int64_t c = 0; c < p->components; c++)
            for (int64_t k = first; k < last; k++) {
                const int64_t r = order ? order[k] : k;
                from[m] = x + r * x_row + p->x + c * p->left;
                to[m++] = out + r * out_row + p->z + c * p->right;
                if (m < POINTERS) continue;
                product(to, from, packed, p->right, p->left, m, !p->first);
                m = 0;
            }
        product(to, from, packed, p->right, p->left, m, !p->first);
    }
}

/* out = x W, or with `transposed` the parts' matrices are read as (right, left): out = x W^T. */
int apply(const struct Part *parts, const int64_t count, const int64_t *order, const int64_t *starts,
          const int64_t groups, const T *x, const int64_t x_row, const T *w, const int64_t weights, T *out,
          const int64_t out_row, const int transposed, const int threads)
{
    int64_t size = 1;
    for (const struct Part *p = parts; p < parts + count; p++) size += panels(p) * PANEL * p->left;
    T *const packed = malloc(size * sizeof(T));
    if (!packed) return 1;
    large_pages(out, starts[groups] * out_row);
#pragma omp parallel num_threads(threads)
    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = starts[g], last = starts[g + 1];
        if (first == last) continue;
#pragma omp single
        pack(parts, count, w + g * weights, transposed, packed);
#pragma omp for schedule(static)
        for (int64_t k = first; k < last; k += CHUNK)
            map(parts, count, order, k, k + CHUNK < last ? k + CHUNK : last, x, x_row, packed, out, out_row);
    }
    free(packed);
    return 0;
}

/* Rows of x side by side, and panels of columns of rows of z. */
static void copy(const T *const *x, const T *const *z, const int64_t count, const struct Part *part, T *left,
                 T *right)
{
    for (int64_t k = 0; k < count; k++) memcpy(left + k * part->left, x[k], part->left * sizeof(T));
    for (int64_t c = 0; c < part->right; c += PANEL, right += count * PANEL) {
        const int64_t rest = part->right - c;
        for (int64_t k = 0; k < count; k++)
            /* A constant length takes two moves, another one a call. */
            if (rest >= PANEL) memcpy(right + k * PANEL, z[k] + c, PANEL * sizeof(T));
            else memcpy(right + k * PANEL, z[k] + c, rest * sizeof(T));
    }
}

/* Gradients of the matrices: sums over rows and components of x times z. */
int gradient(const struct Part *parts, const int64_t count, const int64_t *order, const int64_t *starts,
             const int64_t groups, const T *x, const int64_t x_row, const T *z, const int64_t z_row, T *w,
             const int64_t weights, const int threads)
{
    int failed = 0;
    int64_t widest = 0;
    for (const struct Part *p = parts; p < parts + count; p++) {
        const int64_t width = p->left + panels(p) * PANEL;
        if (width > widest) widest = width;
    }
    memset(w, 0, groups * weights * sizeof(T));
#pragma omp parallel num_threads(threads)
    {
        T *const scratch = calloc(CHUNK * widest + 1, sizeof(T));
        if (!scratch) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp barrier
        for (int64_t g = 0; g < groups && !failed; g++)
            for (const struct Part *p = parts; p < parts + count; p++) {
                T *const right = scratch + CHUNK * p->left;
                const T *from[CHUNK], *to[CHUNK];
                int64_t n = 0;
                for (int64_t k = starts[g]; k < starts[g + 1]; k++) {
                    const int64_t r = order ? order[k] : k;
                    for (int64_t c = 0; c < p->components; c++) {
                        from[n] = x + r * x_row + p->x + c * p->left;
                        to[n++] = z + r * z_row + p->z + c * p->right;
                        if (n < CHUNK && (k + 1 < starts[g + 1] || c + 1 < p->components)) continue;
                        copy(from, to, n, p, scratch, right);
                        /* The same lines always have the same thread, so nobody waits. */
#pragma omp for schedule(static) nowait
                        for (int64_t i = 0; i < p->left; i += MANY)
                            lines(w + g * weights + p->w + i * p->right, scratch + i, right, p->left,
                                  p->right, n, p->left - i < MANY ? p->left - i : MANY);
                        n = 0;
                    }
                }
            }
        free(scratch);
    }
    return failed;
}
"""


@cache
def source(scalar: str) -> str:
    """C source with functions `apply` and `gradient`, for `float` or `double`."""
    return HEAD.format(scalar=scalar) + _SOURCE
