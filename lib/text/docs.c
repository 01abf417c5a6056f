/* docs.c - see docs.h.
 *
 * A jsonl record is scanned once, to its end (so that every record handed out is valid JSON), and
 * the spans of its text and id are noted on the way. A text with escapes is decoded into one buffer
 * that is used again for every record; a text without is handed out where it stands in the line.
 *
 * A shard is a range of places [from, to); the reader of everything has the range of all numbers.
 */
#include "text/docs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/jsonl.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/utf8.h"

struct docs {
    const char *const *paths;
    size_t n, next; /* the file being read is paths[next - 1] */
    enum docs_format wanted, format;
    const char *field, *id_field;
    size_t field_len, id_field_len;
    bool skip_bad;
    size_t most; /* bytes of a line, or of a file that is a document */
    uint64_t skipped;
    uint64_t raw_done, raw_size; /* of the files closed; of all, 0 when unknown */
    uint64_t *start;             /* each file's place among all, and behind the last one's end */
    uint64_t from, to;           /* documents from this place on, before that place */
    struct lines *lines;         /* of the file being read; NULL: open the next */
    struct stream *whole;        /* the same for format text */
    struct buf text, id;         /* decoded, or a whole file */
};

/* AUTO's rule: see docs.h. */
static enum docs_format format_of(const char *path)
{
    return stream_name_ends(path, "txt") ? DOCS_LINES : DOCS_JSONL;
}

/* Sums the sizes; finds the paths that cannot be read now and not after hours of work. */
static int look_ahead(struct docs *d, bool sharded, struct err *e)
{
    bool known = true;
    struct stat st;

    d->start = mem_zero(d->n + 1, sizeof *d->start, e);
    if (!d->start)
        return e->code;
    for (size_t i = 0; i < d->n; i++) {
        bool in = strcmp(d->paths[i], "-") == 0;
        if ((in ? fstat(0, &st) : stat(d->paths[i], &st)) < 0)
            return err_sys(e, "cannot open", in ? "stdin" : d->paths[i]);
        if (S_ISDIR(st.st_mode))
            return err_set(e, ERR_IO, "cannot read '%s': it is a directory",
                           in ? "stdin" : d->paths[i]);
        if (sharded && in)
            return err_set(e, ERR_USAGE, "cannot read standard input in shards: name a file");
        if (sharded && !S_ISREG(st.st_mode))
            return err_set(e, ERR_USAGE, "cannot read '%s' in shards: it is no regular file",
                           d->paths[i]);
        known = known && S_ISREG(st.st_mode);
        d->start[i + 1] = d->start[i] + (uint64_t)st.st_size;
    }
    d->raw_size = known ? d->start[d->n] : 0;
    return 0;
}

/* Where the shard-th of so many equal ranges of [0, total) begins: at the first p of which
 * shards * p / total is not below shard, without that product. */
static uint64_t shard_begin(uint64_t total, uint64_t shard, uint64_t shards)
{
    return total / shards * shard + (total % shards * shard + shards - 1) / shards;
}

static int take_range(struct docs *d, const struct docs_opts *o, struct err *e)
{
    d->to = UINT64_MAX;
    if (o->shards <= 1 && o->shard == 0)
        return 0;
    if (o->shards > DOCS_SHARDS_MAX || o->shard >= o->shards)
        return err_set(e, ERR_USAGE, "there is no shard %llu of %llu", (unsigned long long)o->shard,
                       (unsigned long long)o->shards);
    d->from = shard_begin(d->raw_size, o->shard, o->shards);
    if (o->shard + 1 < o->shards) /* to the last one belongs what has its place at the very end */
        d->to = shard_begin(d->raw_size, o->shard + 1, o->shards);
    return 0;
}

int docs_open(struct docs **out, const char *const *paths, size_t n, const struct docs_opts *o,
              struct err *e)
{
    struct docs *d = mem_zero(1, sizeof *d, e);

    *out = NULL;
    if (!d)
        return e->code;
    d->paths = paths;
    d->n = n;
    d->wanted = o->format;
    d->field = o->field ? o->field : "text";
    d->id_field = o->id_field ? o->id_field : "id";
    d->field_len = strlen(d->field);
    d->id_field_len = strlen(d->id_field);
    d->skip_bad = o->skip_bad;
    d->most = o->most && o->most < DOCS_LINE_MAX ? o->most : DOCS_LINE_MAX;
    if (look_ahead(d, o->shards > 1, e) < 0 || take_range(d, o, e) < 0) {
        docs_close(d);
        return e->code;
    }
    *out = d;
    return 0;
}

static const struct stream *current(const struct docs *d)
{
    return d->lines ? lines_stream(d->lines) : d->whole;
}

static void close_file(struct docs *d)
{
    if (current(d))
        d->raw_done += stream_raw_pos(current(d));
    lines_close(d->lines);
    stream_close(d->whole);
    d->lines = NULL;
    d->whole = NULL;
}

/* Has the next file, of d->format, no document of the range? Its documents' places are before its
 * end, but for an empty one's. */
static bool outside(const struct docs *d)
{
    const uint64_t *start = d->start + d->next;

    return start[0] < d->from && (d->format == DOCS_TEXT || start[1] <= d->from);
}

/* Opens the next file, or passes over it. */
static int open_file(struct docs *d, struct err *e)
{
    const char *path = d->paths[d->next];

    d->format = d->wanted == DOCS_AUTO ? format_of(path) : d->wanted;
    if (outside(d)) {
        d->next++;
        d->raw_done = d->start[d->next];
        return 0;
    }
    d->next++;
    if (d->format == DOCS_TEXT)
        return stream_open(&d->whole, path, e);
    return lines_open(&d->lines, path, '\n', d->most, e);
}

/* The whole file into d->text. */
static int read_whole(struct docs *d, struct doc *doc, struct err *e)
{
    size_t chunk = 64 << 10;
    uint64_t size = stream_raw_size(d->whole);
    int64_t n;

    d->text.len = 0;
    if (size >= chunk) /* of a plain file all, and room to see that it ends */
        chunk = (size < d->most ? (size_t)size : d->most) + 1;
    do {
        if (d->text.cap - d->text.len < chunk && buf_reserve(&d->text, chunk, e) < 0)
            return err_prefix(e, "%s", stream_name(d->whole));
        n = stream_read(d->whole, d->text.p + d->text.len, d->text.cap - d->text.len, e);
        if (n < 0)
            return e->code;
        d->text.len += (size_t)n;
        if (d->text.len > d->most)
            return err_set(e, ERR_INPUT, "%s: a document of more than %zu bytes",
                           stream_name(d->whole), d->most);
        chunk = 1;
    } while (n > 0);
    doc->text = d->text.p;
    doc->text_len = d->text.len;
    doc->id = doc->path;
    doc->id_len = strlen(doc->path);
    return 1;
}

/* A string span's bytes: decoded into *b when it has escapes, else where they stand. */
static int plain_bytes(const struct jsonl_span *v, struct buf *b, const char **p, size_t *len,
                       struct err *e)
{
    *p = v->p;
    *len = v->len;
    if (!v->escaped)
        return 0;
    b->len = 0;
    if (jsonl_decode(v, b, e) < 0)
        return e->code;
    *p = b->p;
    *len = b->len;
    return 0;
}

/* Scans the record and fills *doc; `blanks` stand before it, none behind. */
static int parse_record(struct docs *d, const char *line, size_t len, size_t blanks,
                        struct doc *doc, struct err *e)
{
    struct jsonl_span text = {0}, id = {0};
    struct jsonl_member m;
    struct jsonl j;
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        if (!text.p && jsonl_equals(&m.key, d->field, d->field_len))
            text = m.value;
        if (!id.p && jsonl_equals(&m.key, d->id_field, d->id_field_len))
            id = m.value;
    }
    if (rc < 0)
        return rc;
    if (!text.p)
        return err_set(e, ERR_INPUT, "no field '%s'", d->field);
    if (text.type != JSONL_STRING)
        return err_set(e, ERR_INPUT, "field '%s' is not a string", d->field);
    if (plain_bytes(&text, &d->text, &doc->text, &doc->text_len, e) < 0)
        return e->code;
    bool named = id.p && (id.type == JSONL_STRING || id.type == JSONL_NUMBER);
    if (named && plain_bytes(&id, &d->id, &doc->id, &doc->id_len, e) < 0)
        return e->code;
    doc->head = line + blanks;
    doc->head_len = (size_t)(text.p - doc->head);
    doc->tail = text.p + text.len;
    doc->tail_len = (size_t)(line + len - doc->tail);
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* 1 and a document, 0 when the line is to be passed over, or a negative ERR_*. */
static int take_record(struct docs *d, const char *p, size_t len, struct doc *doc, struct err *e)
{
    size_t mark;

    /* At a file's beginning, and wherever cat put such files one after the other. */
    while ((mark = utf8_mark(p, len)) > 0) {
        p += mark;
        len -= mark;
    }
    while (len > 0 && is_blank(p[len - 1]))
        len--;
    size_t blanks = 0;
    while (blanks < len && is_blank(p[blanks]))
        blanks++;
    if (blanks == len)
        return 0;
    int rc = parse_record(d, p, len, blanks, doc, e);
    if (rc == ERR_INPUT && d->skip_bad) {
        d->skipped++;
        return 0;
    }
    if (rc < 0)
        return err_prefix(e, "%s:%llu", stream_name(current(d)), (unsigned long long)doc->line);
    return 1;
}

static int take_line(struct docs *d, const char *p, size_t len, struct doc *doc, struct err *e)
{
    if (d->format == DOCS_JSONL)
        return take_record(d, p, len, doc, e);
    doc->text = p;
    doc->text_len = len;
    return 1;
}

/* The current file's next document: 1, or 0 at its end or the range's, or a negative ERR_*. */
static int next_in_file(struct docs *d, struct doc *doc, struct err *e)
{
    const char *p;
    size_t len;
    int rc;

    for (;;) {
        uint64_t place = d->start[d->next - 1] + lines_place(d->lines);
        if (place >= d->to)
            return 0;
        rc = lines_next(d->lines, &p, &len, e);
        if (rc <= 0)
            return rc;
        doc->line = lines_number(d->lines);
        if (place < d->from)
            continue;
        rc = take_line(d, p, len, doc, e);
        if (rc != 0)
            return rc;
    }
}

int docs_next(struct docs *d, struct doc *doc, struct err *e)
{
    int rc = 0;

    while (rc == 0) {
        if (!d->lines) {
            close_file(d);
            if (d->next == d->n || d->start[d->next] >= d->to)
                return 0;
            if (open_file(d, e) < 0)
                return e->code;
            if (!current(d))
                continue;
        }
        *doc = (struct doc){.path = d->paths[d->next - 1], .head = "", .tail = ""};
        rc = d->whole ? read_whole(d, doc, e) : next_in_file(d, doc, e);
        if (rc == 0)
            close_file(d);
    }
    return rc;
}

uint64_t docs_skipped(const struct docs *d)
{
    return d->skipped;
}

uint64_t docs_raw_pos(const struct docs *d)
{
    uint64_t pos = d->raw_done + (current(d) ? stream_raw_pos(current(d)) : 0);

    pos = pos < d->to ? pos : d->to;
    return pos > d->from ? pos - d->from : 0;
}

uint64_t docs_raw_size(const struct docs *d)
{
    return (d->raw_size < d->to ? d->raw_size : d->to) - d->from;
}

void docs_close(struct docs *d)
{
    if (!d)
        return;
    close_file(d);
    free(d->start);
    buf_free(&d->text);
    buf_free(&d->id);
    free(d);
}
