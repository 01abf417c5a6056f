/* trace_read.c - the format is told by the first line, records are read by its layout and checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "sim/trace_int.h"

/* ---- the format ---- */

static bool blank_line(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
            return false;
    return true;
}

/* Those that need more are asked first: what a line of Bailian has, it has of Mooncake's too. */
static const enum trace_format order[] = {
    TRACE_SLUICE,   TRACE_AGENTIC,   TRACE_VLLM,     TRACE_LLMSERVINGSIM, TRACE_BAILIAN, TRACE_APEX,
    TRACE_MOONCAKE, TRACE_SPLITWISE, TRACE_BURSTGPT, TRACE_AZURE,         TRACE_VIDUR};

static bool is_format(struct trace_reader *r, enum trace_format f)
{
    const struct trace_layout *l = &trace_layouts[f];

    if (f == TRACE_HEXGEN) {
        const char *p = r->line;

        while (*p == ' ' || *p == '\t')
            p++;
        return *p == '[';
    }
    return l->csv ? trace_csv_header(l, r->line, r->len, r->column, &r->columns)
                  : trace_json_is(l, r->line, r->len);
}

static int unknown(const struct trace_reader *r, struct err *e)
{
    const char *name = trace_name(r), *p = r->line;

    while (*p == ' ' || *p == '\t')
        p++;
    if (*p == '{' && trace_json_wrong(r->line, r->len, e) < 0)
        return err_prefix(e, "%s: line %llu", name, (unsigned long long)trace_line(r));
    if (r->format != TRACE_AUTO)
        return err_set(e, ERR_INPUT, "%s: line %llu is not of format %s", name,
                       (unsigned long long)trace_line(r), trace_layouts[r->format].name);
    return err_set(e, ERR_INPUT, "%s: line %llu is of no trace format that is known", name,
                   (unsigned long long)trace_line(r));
}

static int detect(struct trace_reader *r, struct err *e)
{
    enum trace_format f = r->format;

    if (f == TRACE_AUTO)
        f = is_format(r, TRACE_HEXGEN) ? TRACE_HEXGEN : TRACE_AUTO;
    for (size_t i = 0; f == TRACE_AUTO && i < sizeof order / sizeof *order; i++)
        if (is_format(r, order[i]))
            f = order[i];
    if (f == TRACE_AUTO || !is_format(r, f))
        return unknown(r, e);
    r->format = f;
    r->layout = &trace_layouts[f];
    r->pending = !r->layout->csv;
    if (r->layout->by_time)
        return trace_hold(r, e);
    if (f != TRACE_HEXGEN)
        return 0;
    r->pending = false;
    if (trace_calls_of_document(r, e) < 0)
        return err_prefix(e, "%s", trace_name(r));
    return 0;
}

/* The next line that is not blank: 1, 0 at the end. Damaged input is the end of reading, not a bad
 * record. */
static int next_line(struct trace_reader *r, struct err *e)
{
    int rc = 1;

    if (r->pending) {
        r->pending = false;
        return 1;
    }
    do
        rc = r->held ? trace_held_next(r) : lines_next(r->lines, &r->line, &r->len, e);
    while (rc > 0 && blank_line(r->line, r->len));
    if (rc == ERR_INPUT)
        rc = e->code = ERR_IO;
    return rc;
}

/* Some programs put a byte order mark in front of UTF-8: 1, or 0 if nothing else is there. */
static int skip_mark(struct trace_reader *r)
{
    size_t mark = utf8_mark(r->line, r->len);

    r->line += mark;
    r->len -= mark;
    return r->len > 0;
}

int trace_open(struct trace_reader **out, const char *path, const struct trace_read_opts *o,
               struct err *e)
{
    struct trace_reader *r = mem_zero(1, sizeof *r, e);
    int rc = r ? lines_open(&r->lines, path, '\n', 0, e) : e->code;

    if (rc == 0) {
        r->format = o->format;
        r->block = o->block;
        r->origin = TRACE_ABSENT;
        rc = next_line(r, e);
        if (rc > 0)
            rc = skip_mark(r);
        if (rc == 0)
            rc = err_set(e, ERR_INPUT, "%s: it is empty", trace_name(r));
    }
    if (rc > 0)
        rc = detect(r, e);
    if (rc < 0) {
        trace_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

void trace_close(struct trace_reader *r)
{
    if (!r)
        return;
    lines_close(r->lines);
    trace_calls_free(r->calls);
    trace_held_free(r->held);
    buf_free(&r->text);
    buf_free(&r->rest);
    free(r->number_v[0]);
    free(r->number_v[1]);
    free(r->after);
    free(r);
}

/* ---- a record ---- */

static void begin(struct trace_reader *r)
{
    r->rec = TRACE_RECORD_NONE;
    r->call_list = (struct jsonl_span){.type = JSONL_NULL};
    r->text.len = 0;
    r->rest.len = 0;
}

/* A call's record keeps what its line said of all. */
static void begin_call(struct trace_reader *r)
{
    r->rec.after = NULL;
    r->rec.n_after = 0;
}

static int read_line(struct trace_reader *r, struct err *e)
{
    int rc = next_line(r, e);

    if (rc <= 0)
        return rc;
    begin(r);
    if (buf_reserve(&r->text, r->len + 1, e) < 0)
        return e->code;
    return r->layout->csv ? trace_csv_line(r, e) : trace_json_line(r, e);
}

static int read_record(struct trace_reader *r, struct err *e)
{
    int rc;

    if (r->format != TRACE_AGENTIC && r->format != TRACE_HEXGEN)
        return read_line(r, e);
    begin_call(r);
    if (r->format == TRACE_HEXGEN && !r->rec.id.p)
        begin(r);
    if ((rc = trace_calls_next(r, e)) != 0 || r->format == TRACE_HEXGEN)
        return rc;
    if ((rc = read_line(r, e)) <= 0)
        return rc;
    rc = trace_calls_of_line(r, e);
    return rc < 0 ? rc : trace_calls_next(r, e);
}

/* Tokens of a hash, where nothing says: what the lengths fit. */
static uint64_t guess_block(const struct trace_record *rec)
{
    static const uint64_t sizes[] = {512, 16, 32, 64, 128, 256, 1024, 2048, 4096, 8, 4, 2, 1};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t whole = rec->prompt / sizes[i];

        if (rec->n_hashes == whole || (rec->n_hashes == whole + 1 && rec->prompt % sizes[i]))
            return sizes[i];
    }
    return 0;
}

/* The output fills the whole blocks of both that the prompt does not. */
static int check_out_hashes(const struct trace_record *rec, struct err *e)
{
    uint64_t most = (rec->prompt + rec->output) / rec->block - rec->prompt / rec->block;

    if (rec->n_out_hashes <= most)
        return 0;
    return err_set(e, ERR_INPUT,
                   "%zu hashes of an output are too many: its %llu tokens after %llu fill %llu "
                   "blocks of %llu",
                   rec->n_out_hashes, (unsigned long long)rec->output,
                   (unsigned long long)rec->prompt, (unsigned long long)most,
                   (unsigned long long)rec->block);
}

static int check_hashes(struct trace_reader *r, struct err *e)
{
    struct trace_record *rec = &r->rec;

    if (rec->n_hashes == 0 && rec->n_out_hashes == 0)
        return 0;
    if (rec->block == 0)
        rec->block = r->block ? r->block : r->layout->block;
    if (rec->block == 0 && r->layout->rest)
        return err_set(e, ERR_INPUT, "there are hashes, and no 'block' says of how many tokens");
    if (rec->block == 0)
        rec->block = r->block = guess_block(rec);
    if (rec->block == 0 || rec->n_hashes < rec->prompt / rec->block)
        return err_set(e, ERR_INPUT, "%zu hashes are too few for a prompt of %llu tokens%s",
                       rec->n_hashes, (unsigned long long)rec->prompt,
                       rec->block ? "" : ", whatever the block");
    if (rec->n_hashes > (rec->prompt + rec->block - 1) / rec->block)
        return err_set(e, ERR_INPUT,
                       "%zu hashes are too many for a prompt of %llu tokens in "
                       "blocks of %llu",
                       rec->n_hashes, (unsigned long long)rec->prompt,
                       (unsigned long long)rec->block);
    return check_out_hashes(rec, e);
}

/* Of what goes on where others ended. */
static int check_program(const struct trace_record *rec, struct err *e)
{
    if (rec->joins > rec->n_after)
        return err_set(e, ERR_INPUT, "it joins %llu requests, and waits for %zu",
                       (unsigned long long)rec->joins, rec->n_after);
    if (rec->joins < 2 && rec->common > 0)
        return err_set(e, ERR_INPUT, "'common' is of two requests or more, and it joins %llu",
                       (unsigned long long)rec->joins);
    if (rec->joins == 0 && rec->reuse != TRACE_ABSENT)
        return err_set(e, ERR_INPUT, "'reuse' is of a request that joins others");
    if (rec->reuse != TRACE_ABSENT && (uint64_t)rec->reuse >= rec->prompt)
        return err_set(e, ERR_INPUT,
                       "it takes over %lld tokens: all of its prompt's %llu, and one is computed "
                       "in any case",
                       (long long)rec->reuse, (unsigned long long)rec->prompt);
    if ((rec->race.p != NULL) != (rec->winners > 0))
        return err_set(e, ERR_INPUT, "'race' and 'winners', at least 1, go together");
    if ((rec->if_ended.p != NULL) != (rec->then_output > 0))
        return err_set(e, ERR_INPUT, "'if_ended' and 'then_output', at least 1, go together");
    return 0;
}

static int check(struct trace_reader *r, struct err *e)
{
    struct trace_record *rec = &r->rec;

    if (rec->prompt == 0 || rec->output == 0)
        return err_set(e, ERR_INPUT, "%s has no tokens", rec->prompt ? "the output" : "the prompt");
    if (!rec->id.p) {
        if (r->layout->rest)
            return err_set(e, ERR_INPUT, "there is no 'id'");
        rec->id.p = r->id;
        rec->id.len = (size_t)snprintf(r->id, sizeof r->id, "%llu", (unsigned long long)r->number);
    }
    if (r->layout->from_zero && rec->t_ns != TRACE_ABSENT) {
        r->origin = r->origin == TRACE_ABSENT ? rec->t_ns : r->origin;
        if (__builtin_sub_overflow(rec->t_ns, r->origin, &rec->t_ns))
            return err_set(e, ERR_INPUT, "its time is centuries from the first record's");
    }
    if (rec->t_ns != TRACE_ABSENT && rec->t_ns < 0)
        return err_set(e, ERR_INPUT, "its time is before the trace's beginning");
    if (rec->tool_ns != TRACE_ABSENT && rec->tool_ns < 0)
        return err_set(e, ERR_INPUT, "a tool takes less than no time");
    return check_program(rec, e) < 0 ? e->code : check_hashes(r, e);
}

int trace_read(struct trace_reader *r, struct trace_record *rec, struct err *e)
{
    int rc = read_record(r, e);

    if (rc > 0 && check(r, e) < 0)
        rc = e->code;
    if (rc == ERR_INPUT && r->format == TRACE_HEXGEN)
        err_prefix(e, "%s: call %llu", trace_name(r), (unsigned long long)r->number);
    else if (rc == ERR_INPUT)
        err_prefix(e, "%s: line %llu", trace_name(r), (unsigned long long)trace_line(r));
    if (rc > 0 || rc == ERR_INPUT)
        r->number++;
    if (rc > 0)
        *rec = r->rec;
    return rc;
}

const char *trace_name(const struct trace_reader *r)
{
    return stream_name(lines_stream(r->lines));
}

enum trace_format trace_format(const struct trace_reader *r)
{
    return r->format;
}

uint64_t trace_line(const struct trace_reader *r)
{
    return r->held ? trace_held_line(r) : lines_number(r->lines);
}

uint64_t trace_pos(const struct trace_reader *r)
{
    return stream_raw_pos(lines_stream(r->lines));
}

uint64_t trace_size(const struct trace_reader *r)
{
    return stream_raw_size(lines_stream(r->lines));
}
