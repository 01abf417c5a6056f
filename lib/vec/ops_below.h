/* ops_below.h - the filters of ops.h for one type of products, out of tile_below() and
 * line_below() of the file that includes this. Needs INTS, TYPE, NAME; takes them away. */
static size_t NAME(tile_below)(const TYPE *p, size_t n, const float *a, const float *b,
                               const float *mul, const float *limit, struct ops_hit *hits)
{
    return tile_below(INTS, (const int32_t *)(const void *)p, n, a, b, mul, limit, hits);
}

static size_t NAME(line_below)(const TYPE *p, size_t n, const float *a, const float *b, float mul,
                               float limit, struct ops_hit *hits)
{
    return line_below(INTS, (const int32_t *)(const void *)p, n, a, b, mul, limit, hits);
}

#undef INTS
#undef TYPE
#undef NAME
