/* cells_entry.h - the three kernels of struct cells_ops for an instruction set, of its own
 * `static inline void keys(unsigned bits, ...)`, which the compiler makes three of. Included once
 * by cells_avx2.c and cells_avx512.c, behind keys().
 */
static void keys8(const struct cells_query *q, const uint8_t *rows, size_t stride,
                  const uint32_t *id, size_t n, float *key)
{
    keys(8, q, rows, stride, id, n, key);
}

static void keys4(const struct cells_query *q, const uint8_t *rows, size_t stride,
                  const uint32_t *id, size_t n, float *key)
{
    keys(4, q, rows, stride, id, n, key);
}

static void keys84(const struct cells_query *q, const uint8_t *rows, size_t stride,
                   const uint32_t *id, size_t n, float *key)
{
    keys(CELLS_MIXED, q, rows, stride, id, n, key);
}
