/* prop_times.c - lib/sim/times.c: rows of all its forms with ids of any kind come back, every one;
 * and of files with bytes changed, lost, doubled and put in either all rows are sound, or the file
 * and the line are named.
 *
 *     prop_times [ROUNDS [SEED]]
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>

#include "base/mem.h"
#include "sim/times.h"

static unsigned long long rng;

static unsigned below(unsigned n)
{
    return (unsigned)(t_rand(&rng) % n);
}

enum form { ROWS, VIDUR, VLLM, LINES, FORMS };

struct row {
    unsigned came, first, last, output;
    bool rejected;
};

static const char *any_id(void)
{
    static const char *const ids[] = {"a", "#a", "# a", "", "#", "# id", "\\t", "1e9", "ok"};

    return ids[below(sizeof ids / sizeof *ids)];
}

static void put_row(struct buf *b, enum form form, const struct row *r)
{
    struct err e;

    if (form == ROWS)
        buf_printf(b, &e, "%s\t%u\t%u\t%u\t%u\t%s\n", any_id(), r->came, r->rejected ? 0 : r->first,
                   r->rejected ? 0 : r->last, r->output, r->rejected ? "rejected" : "ok");
    else if (form == VIDUR)
        buf_printf(b, &e, "%u,%.9f,x,%.9f\n", r->output, 1e-9 * (r->first - r->came),
                   1e-9 * (r->last - r->came));
    else if (form == VLLM)
        buf_printf(b, &e,
                   "{\"queued_ts\":%.9f,\"first_token_ts\":%.9f,\"x\":[{}],"
                   "\"last_token_ts\":%.9f,\"output_toks\":%u}\n",
                   1e-9 * r->came, 1e-9 * r->first, 1e-9 * r->last, r->output);
    else
        buf_printf(b, &e,
                   "{\"id\":\"%s\",\"end_ns\":%u,\"arrival_ns\":%u,\"first_token_ns\":%u,"
                   "\"output\":%u,\"status\":\"%s\"}\n",
                   any_id(), r->last, r->came, r->first, r->output,
                   r->rejected ? "rejected" : "ok");
}

/* n rows, and what of them is read: how many, and their times in all. */
static void make(struct buf *b, enum form form, size_t n, size_t *kept, double *sum)
{
    static const char *const header[FORMS] = {
        "# id\tarrival_ns\tfirst_token_ns\tend_ns\toutput\tstatus\n",
        "output_tokens,ttft_s,other,e2e_s\n", "", ""};
    struct err e;

    b->len = 0;
    *kept = 0;
    *sum = 0;
    buf_adds(b, header[form], &e);
    for (size_t i = 0; i < n; i++) {
        struct row r = {.came = below(1000000), .output = 1 + below(9)};

        r.first = r.came + below(1000000);
        r.last = r.first + below(1000000);
        r.rejected = (form == ROWS || form == LINES) && below(5) == 0;
        if (i > 0 && form == ROWS && below(8) == 0)
            buf_adds(b, below(2) ? "# said\n" : header[form], &e);
        if (i > 0 && below(8) == 0)
            buf_adds(b, "\r\n", &e);
        put_row(b, form, &r);
        *kept += !r.rejected;
        *sum += r.rejected ? 0 : r.first - r.came + (r.last - r.came);
    }
}

static void check_whole(enum form form)
{
    struct buf b = {0};
    struct times t;
    struct err e = {0};
    size_t kept;
    double want, sum = 0;

    make(&b, form, 1 + below(20), &kept, &want);
    tmp_put("f", b.p, b.len);
    if (times_load(&t, "f", &e) < 0)
        T_CHECKF(kept == 0, "%s", e.msg);
    else
        T_CHECKF(t.n == kept, "%zu of %zu rows", t.n, kept);
    for (size_t i = 0; e.code == 0 && i < t.n; i++)
        sum += t.ttft[i] + t.e2e[i];
    T_CHECKF(e.code || fabs(sum - want) <= 1e-3 * (double)kept, "%g, not %g", sum, want);
    times_free(&t);
    buf_free(&b);
}

static void check_damaged(enum form form)
{
    static const char *const words[] = {"\t", ",",  "\n",    "#",  "\"", "-",  "nan", "1e300",
                                        "{",  "\r", "99999", ".5", "ok", "[]", "# ",  "null"};
    struct buf b = {0};
    struct times t;
    struct err e = {0};
    size_t kept;
    double sum;

    make(&b, form, 1 + below(5), &kept, &sum);
    for (unsigned n = 1 + below(3); n > 0; n--) {
        const char *word = words[below(sizeof words / sizeof *words)];
        size_t at = below((unsigned)b.len - 8);

        if (below(2))
            memcpy(b.p + at, word, strlen(word));
        else
            b.p[at] = (char)below(256);
    }
    tmp_put("f", b.p, below(4) ? b.len : below((unsigned)b.len));
    if (times_load(&t, "f", &e) < 0)
        T_CHECKF(e.code == ERR_INPUT && strncmp(e.msg, "f:", 2) == 0, "%s", e.msg);
    for (size_t i = 0; e.code == 0 && i < t.n; i++)
        T_CHECK(t.ttft[i] >= 0 && t.e2e[i] >= t.ttft[i] && t.e2e[i] < 1e19);
    for (size_t i = 0; e.code == 0 && i < t.n_tpot; i++)
        T_CHECK(t.tpot[i] >= 0 && t.tpot[i] < 1e19);
    times_free(&t);
    buf_free(&b);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1000;

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    tmp_enter();
    for (int i = 0; i < rounds; i++) {
        check_whole((enum form)(i % FORMS));
        check_damaged((enum form)(i % FORMS));
    }
    tmp_leave();
    return t_done("prop_times");
}
