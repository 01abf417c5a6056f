/* codes.c - see codes.h, which has the byte diagram. Both sides are streams: a reader takes what
 * stream.h takes, compressed codes too, and a writer is counted.h's. */
#include "vec/codes.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/stream.h"
#include "vec/codec_kind.h"
#include "vec/counted.h"
#include "vec/file.h"

enum { HEADER = 64, HEADER_SUM = 56, VERSION = 1, ZEROS = 32, BATCH_BYTES = 16 << 20 };

static const unsigned char magic[8] = {0x89, 'S', 'L', 'C', 'O', 'D', 'E', '\n'};

uint64_t codes_batch(const struct codec *c, int threads)
{
    uint64_t fit = BATCH_BYTES / (c->dim * sizeof(float));
    uint64_t most = (uint64_t)threads * 4 * CODEC_BLOCK;

    return fit < 1 ? 1 : fit < most ? fit : most;
}

/* ---- reading ---- */

struct codes_reader {
    struct stream *in;
    uint32_t code_bytes;
    uint64_t rows, next; /* next: row that is handed out next */
};

/* As many bytes as there are, up to len. */
static int64_t read_full(struct stream *in, void *p, size_t len, struct err *e)
{
    unsigned char *to = p;
    size_t have = 0;

    while (have < len) {
        int64_t got = stream_read(in, to + have, len - have, e);

        if (got < 0)
            return got;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (int64_t)have;
}

static int bad(const struct codes_reader *r, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s: %s", stream_name(r->in), what);
}

static int check_header(struct codes_reader *r, const unsigned char *h, const struct codec *c,
                        struct err *e)
{
    static const unsigned char zeros[HEADER_SUM - ZEROS];
    uint64_t id, sum;
    uint32_t version;

    memcpy(&version, h + 8, 4);
    memcpy(&r->code_bytes, h + 12, 4);
    memcpy(&r->rows, h + 16, 8);
    memcpy(&id, h + 24, 8);
    memcpy(&sum, h + HEADER_SUM, 8);
    r->rows = le64toh(r->rows);
    r->code_bytes = le32toh(r->code_bytes);
    if (le64toh(sum) != hash64(h, HEADER_SUM))
        return bad(r, "the header is damaged", e);
    version = le32toh(version);
    if (version > VERSION)
        return err_set(e, ERR_INPUT, "%s: format version %u is newer than this program's %d",
                       stream_name(r->in), version, VERSION);
    if (version != VERSION || memcmp(h + ZEROS, zeros, sizeof zeros) != 0)
        return bad(r, "these codes are of a version that is not known", e);
    if (le64toh(id) != c->id || r->code_bytes != c->code_bytes)
        return bad(r, "these codes were made by another codec", e);
    if (r->rows > VEC_ROWS_MAX)
        return bad(r, "there are too many rows", e);
    return 0;
}

int codes_open(struct codes_reader **out, const char *path, const struct codec *c, struct err *e)
{
    struct codes_reader *r = mem_zero(1, sizeof *r, e);
    unsigned char h[HEADER];
    int64_t got = -1;

    *out = NULL;
    if (!r)
        return e->code;
    if (stream_open(&r->in, path, e) == 0)
        got = read_full(r->in, h, HEADER, e);
    if (got >= 0 && (got < HEADER || memcmp(h, magic, sizeof magic) != 0))
        bad(r, "these are no codes", e);
    else if (got >= 0 && check_header(r, h, c, e) == 0)
        *out = r;
    if (*out)
        return 0;
    codes_close(r);
    return e->code;
}

void codes_close(struct codes_reader *r)
{
    if (r)
        stream_close(r->in);
    free(r);
}

uint64_t codes_rows(const struct codes_reader *r)
{
    return r->rows;
}

const char *codes_name(const struct codes_reader *r)
{
    return stream_name(r->in);
}

/* Nothing may stand behind the last row. */
static int check_end(const struct codes_reader *r, struct err *e)
{
    char more;
    int64_t got = stream_read(r->in, &more, 1, e);

    if (got > 0)
        return err_set(e, ERR_INPUT, "%s: there is more after the %llu codes", stream_name(r->in),
                       (unsigned long long)r->rows);
    return (int)got;
}

int64_t codes_read(struct codes_reader *r, uint8_t *code, uint64_t n, struct err *e)
{
    int64_t got;

    if (n > r->rows - r->next)
        n = r->rows - r->next;
    if (n == 0)
        return r->next == r->rows ? check_end(r, e) : 0;
    got = read_full(r->in, code, n * r->code_bytes, e);
    if (got < 0)
        return got;
    if ((uint64_t)got < n * r->code_bytes)
        return err_set(e, ERR_INPUT, "%s: it ends at row %llu of %llu", stream_name(r->in),
                       (unsigned long long)(r->next + (uint64_t)got / r->code_bytes),
                       (unsigned long long)r->rows);
    r->next += n;
    return (int64_t)n;
}

/* ---- writing ---- */

struct codes_writer {
    struct counted *to;
    uint32_t code_bytes;
    uint64_t id;
    uint64_t promised, rows; /* rows: so far */
};

static void make_header(const struct codes_writer *w, uint64_t rows, unsigned char *h)
{
    uint32_t version = htole32(VERSION), code_bytes = htole32(w->code_bytes);
    uint64_t id = htole64(w->id), sum;

    memset(h, 0, HEADER);
    memcpy(h, magic, sizeof magic);
    rows = htole64(rows);
    memcpy(h + 8, &version, 4);
    memcpy(h + 12, &code_bytes, 4);
    memcpy(h + 16, &rows, 8);
    memcpy(h + 24, &id, 8);
    sum = htole64(hash64(h, HEADER_SUM));
    memcpy(h + HEADER_SUM, &sum, 8);
}

int codes_create(struct codes_writer **out, const char *path, const struct codec *c, uint64_t rows,
                 const char *spool_dir, struct err *e)
{
    struct codes_writer *w = mem_zero(1, sizeof *w, e);
    unsigned char h[HEADER];

    *out = NULL;
    if (!w)
        return e->code;
    w->code_bytes = c->code_bytes;
    w->id = c->id;
    w->promised = rows;
    make_header(w, rows, h);
    if (counted_open(&w->to, path, rows == VEC_UNKNOWN ? NULL : h, HEADER, spool_dir, e) < 0) {
        free(w);
        return e->code;
    }
    *out = w;
    return 0;
}

int codes_write(struct codes_writer *w, const uint8_t *code, uint64_t n, struct err *e)
{
    w->rows += n;
    if (w->rows > w->promised)
        return err_set(e, ERR_INPUT, "%s: there are more rows than the %llu that were promised",
                       counted_name(w->to), (unsigned long long)w->promised);
    return counted_write(w->to, code, n * w->code_bytes, e);
}

int codes_commit(struct codes_writer **pw, struct err *e)
{
    struct codes_writer *w = *pw;
    unsigned char h[HEADER];
    int rc = 0;

    if (w->promised != VEC_UNKNOWN && w->rows != w->promised)
        rc = err_set(e, ERR_INPUT, "%s: there are %llu rows, not the %llu that were promised",
                     counted_name(w->to), (unsigned long long)w->rows,
                     (unsigned long long)w->promised);
    make_header(w, w->rows, h);
    if (rc == 0)
        rc = counted_commit(&w->to, h, e);
    codes_abort(pw);
    return rc;
}

void codes_abort(struct codes_writer **w)
{
    if (*w)
        counted_abort(&(*w)->to);
    free(*w);
    *w = NULL;
}
