/* fuzz_trace.c - traces of all formats: read, changed, loaded, merged. What is written of a record
 * is read again as the same.
 *
 *   0 1 format: 0 auto, then as TRACE_FORMAT_NAMES has them    1 1 what else is done (enum)
 *   2 1 tokens of a hash    then the trace; of two, to be merged, the second begins behind a 0x1e
 */
#include "fuzz.h"

#include "base/mem.h"
#include "sim/load.h"
#include "sim/trace_sort.h"

enum { DO_CLIP = 1, DO_RATE = 2, DO_SAMPLE = 4, DO_LOAD = 8, DO_ANY_TIMES = 16, DO_SKIP = 32 };

struct changed {
    struct trace_poisson arrivals;
    unsigned what;
    struct trace_sample sample;
    struct trace_sort sort;
    struct buf lines;
};

static void take(struct changed *c, struct trace_record *rec)
{
    struct err e;

    if (c->what & DO_SAMPLE && trace_sampled(&c->sample, rec, &e) <= 0)
        return;
    if (c->what & DO_RATE && trace_poisson(&c->arrivals, rec, &e) < 0)
        return;
    if (rec->t_ns == TRACE_ABSENT)
        return;
    if (c->what & DO_CLIP)
        trace_clip(rec, 100);
    FUZZ_CHECK(rec->prompt > 0 && rec->output > 0 && rec->prompt <= TRACE_TOKENS_MOST);
    FUZZ_CHECK(trace_append(&c->lines, rec, &e) == 0);
    FUZZ_CHECK(trace_sort_add(&c->sort, rec, &e) == 0);
}

static void read_all(struct changed *c, const char *const *paths, size_t n,
                     const struct trace_read_opts *o)
{
    struct trace_merge *m = NULL;
    struct trace_record rec;
    struct err e;
    int rc = trace_merge_open(&m, paths, n, o, &e);

    while (rc == 0 && (rc = trace_merge_next(m, &rec, NULL, &e)) != 0) {
        if (rc > 0)
            take(c, &rec);
        else if (rc != ERR_INPUT || !(c->what & DO_SKIP))
            break;
        rc = 0;
    }
    trace_merge_close(m);
}

/* The lines once more: the same lines. */
static void read_again(const struct buf *lines)
{
    const struct trace_read_opts o = {.format = TRACE_SLUICE};
    struct trace_reader *r = NULL;
    struct trace_record rec;
    struct buf again = {0};
    struct err e;
    int rc = trace_open(&r, fuzz_file("again", lines->p, lines->len), &o, &e);

    while (rc == 0 && (rc = trace_read(r, &rec, &e)) > 0)
        rc = trace_append(&again, &rec, &e);
    if (rc < 0)
        fprintf(stderr, "%s\n%.*s", e.msg, (int)lines->len, lines->p);
    FUZZ_CHECK(rc == 0 && again.len == lines->len && memcmp(again.p, lines->p, again.len) == 0);
    trace_close(r);
    buf_free(&again);
}

static void load(const char *path, const struct trace_read_opts *o, unsigned what)
{
    struct trace_load_opts how = {.read = *o,
                                  .skip_bad = what & DO_SKIP,
                                  .any_times = what & DO_ANY_TIMES,
                                  .most_tokens = what & DO_CLIP ? 5000 : 0};
    struct trace_set t = {0};
    uint64_t bad = 0, sum = 0;
    struct err e;

    if (trace_load(&t, path, &how, &bad, &e) < 0)
        return;
    for (uint32_t i = 0; i < t.n; i++) {
        uint32_t n;
        size_t len;
        const uint64_t *hash = trace_set_hashes(&t, i, &n);

        for (uint32_t k = 0; k < n; k++)
            sum += hash[k];
        for (const uint32_t *after = trace_set_after(&t, i, &n); n > 0; n--, after++)
            FUZZ_CHECK(*after < i);
        for (const char *id = trace_set_id(&t, i, &len); len > 0; len--, id++)
            sum += (unsigned char)*id;
    }
    FUZZ_CHECK(sum != 1 || t.n > 0);
    trace_set_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size}, first;
    struct trace_read_opts o = {
        .format = (enum trace_format)((int)fuzz_pick(&in, TRACE_FORMATS + 1) - 1)};
    struct changed c = {
        .arrivals = {.rate = 3, .seed = 1}, .sample = {0.7, 3, NULL}, .what = fuzz_byte(&in)};
    const char *paths[2];
    size_t n = 1;

    o.block = fuzz_byte(&in);
    first = fuzz_until(&in, 0x1e);
    paths[0] = fuzz_file("trace", first.p, first.len);
    if (in.len > 0)
        paths[n++] = fuzz_file("other", in.p, in.len);
    read_all(&c, paths, n, &o);
    trace_sort_end(&c.sort);
    for (size_t i = 0; i < c.sort.n; i++)
        FUZZ_CHECK(trace_sort_line(&c.sort, i, &n)[n - 1] == '\n');
    if (c.lines.len > 0)
        read_again(&c.lines);
    if (c.what & DO_LOAD)
        load(paths[0], &o, c.what);
    trace_sort_free(&c.sort);
    trace_sample_free(&c.sample);
    buf_free(&c.lines);
    return 0;
}
