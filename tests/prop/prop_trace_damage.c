/* prop_trace_damage.c - traces of all formats with bytes changed, lost, doubled and put in:
 * whatever comes, reading ends, records keep what trace.h promises, and are read again as they are
 * written.
 *
 *     prop_trace_damage [ROUNDS [SEED]]
 */
#include "../unit/t.h"
#include "../unit/tmp.h"
#include "../unit/trace_samples.h"

#include "base/mem.h"
#include "sim/load.h"
#include "sim/trace.h"

static unsigned long long rng;

static size_t below(size_t n)
{
    return (size_t)(t_rand(&rng) % n);
}

/* ---- damage ---- */

enum { TEXT_MOST = 8192 };

struct text {
    char p[TEXT_MOST];
    size_t len;
};

static void put_in(struct text *t, size_t at, const char *p, size_t len)
{
    if (t->len + len > TEXT_MOST)
        return;
    memmove(t->p + at + len, t->p + at, t->len - at);
    memcpy(t->p + at, p, len);
    t->len += len;
}

static void take_out(struct text *t, size_t at, size_t len)
{
    len = len < t->len - at ? len : t->len - at;
    memmove(t->p + at, t->p + at + len, t->len - at - len);
    t->len -= len;
}

static void damage(struct text *t)
{
    static const char *const words[] = {"\"",
                                        ",",
                                        "\n",
                                        "[",
                                        "]",
                                        "{",
                                        "}",
                                        ":",
                                        "\\",
                                        "0",
                                        "-",
                                        ".",
                                        "e9",
                                        "null",
                                        "\"\"",
                                        "\\u00",
                                        "\r",
                                        " ",
                                        "9999999999",
                                        "true",
                                        "[]",
                                        "{}",
                                        "-1",
                                        "1e400",
                                        "\"id\":",
                                        "\"after\":[\"0\"],",
                                        "\xff",
                                        "\xef\xbb\xbf",
                                        "\"block\":1,",
                                        "\"hashes\":[1,2],",
                                        "nan",
                                        "18446744073709551615"};
    size_t at = t->len ? below(t->len) : 0, len = 1 + below(below(4) ? 8 : 200);
    const char *word = words[below(sizeof words / sizeof *words)];
    char copy[256];

    switch (t->len ? below(6) : 0) {
    case 0:
    case 1:
        put_in(t, at, word, strlen(word));
        break;
    case 2:
        t->p[at] = (char)below(256);
        break;
    case 3:
        take_out(t, at, len);
        break;
    case 4:
        len = len < t->len - at ? len : t->len - at;
        memcpy(copy, t->p + at, len);
        put_in(t, below(t->len), copy, len);
        break;
    default:
        t->len = below(4) ? t->len : at;
        break;
    }
}

/* ---- what holds of any record ---- */

static bool sound(const struct trace_record *r)
{
    if (!r->id.p || r->prompt < 1 || r->prompt > TRACE_TOKENS_MOST || r->output < 1 ||
        r->output > TRACE_TOKENS_MOST)
        return false;
    if (r->t_ns != TRACE_ABSENT && r->t_ns < 0)
        return false;
    if (r->n_hashes + r->n_out_hashes > 0 && r->block == 0)
        return false;
    if (r->n_out_hashes > 0 &&
        r->n_out_hashes > (r->prompt + r->output) / r->block - r->prompt / r->block)
        return false;
    if (r->joins > r->n_after || (r->joins < 2 && r->common > 0) ||
        (r->joins == 0 && r->reuse != TRACE_ABSENT) || (r->race.p != NULL) != (r->winners > 0) ||
        (r->if_ended.p != NULL) != (r->then_output > 0))
        return false;
    if (r->reuse != TRACE_ABSENT && (r->reuse < 0 || (uint64_t)r->reuse >= r->prompt))
        return false;
    return r->n_hashes == 0 || (r->n_hashes >= r->prompt / r->block &&
                                r->n_hashes <= (r->prompt + r->block - 1) / r->block);
}

/* Reads all; lines of those that have times into `lines`. False: it cannot be opened. */
static bool read_all(const char *path, struct buf *lines, size_t *refused)
{
    struct trace_read_opts o = {.format = TRACE_AUTO};
    struct trace_reader *r = NULL;
    struct trace_record rec;
    struct err e = {0};
    int rc = trace_open(&r, path, &o, &e);

    *refused = 0;
    lines->len = 0;
    if (rc < 0) {
        T_CHECKF(rc == ERR_INPUT && strncmp(e.msg, path, strlen(path)) == 0, "%s", e.msg);
        return false;
    }
    while ((rc = trace_read(r, &rec, &e)) != 0) {
        if (rc != 1 && rc != ERR_INPUT)
            break;
        *refused += rc < 0;
        if (rc < 0)
            continue;
        T_CHECK(sound(&rec));
        if (rec.t_ns != TRACE_ABSENT)
            T_CHECK(trace_append(lines, &rec, &e) == 0);
    }
    T_CHECKF(rc == 0, "%d: %s", rc, e.msg);
    trace_close(r);
    return true;
}

/* Every request waits for some above it only. */
static void load(const char *path, bool any_times)
{
    struct trace_load_opts o = {
        .read = {.format = TRACE_AUTO}, .skip_bad = true, .any_times = any_times};
    struct trace_set t;
    struct err e = {0};
    uint64_t bad;

    if (trace_load(&t, path, &o, &bad, &e) < 0) {
        T_CHECK(e.msg[0]);
        return;
    }
    for (uint32_t i = 0; i < t.n; i++) {
        uint32_t from = i && t.after_end ? t.after_end[i - 1] : 0;

        T_CHECK(t.prompt[i] > 0 && t.output[i] > 0);
        T_CHECK(any_times || i == 0 || t.t_ns[i] >= t.t_ns[i - 1]);
        for (uint32_t k = from; t.after_end && k < t.after_end[i]; k++)
            T_CHECK(t.after[k] < i);
        T_CHECK(!t.hash_end || i == 0 || t.hash_end[i] >= t.hash_end[i - 1]);
    }
    trace_set_free(&t);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 400;
    struct buf lines = {0}, again = {0};
    size_t refused;
    struct text t;

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 3;
    tmp_enter();
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
            t.len = strlen(samples[i].text);
            memcpy(t.p, samples[i].text, t.len);
            for (size_t n = 1 + below(below(3) ? 2 : 12); n > 0; n--)
                damage(&t);
            tmp_put("f", t.p, t.len);
            load("f", below(2));
            if (!read_all("f", &lines, &refused) || lines.len == 0)
                continue;
            tmp_put("g", lines.p, lines.len);
            T_CHECK(read_all("g", &again, &refused) && refused == 0);
            T_CHECK(again.len == lines.len && memcmp(again.p, lines.p, lines.len) == 0);
        }
    buf_free(&lines);
    buf_free(&again);
    tmp_leave();
    return t_done("prop_trace_damage");
}
