/* gz.c - see gz.h. Inflate a member, start again at the next: RFC 1952 section 2.2. */
#include "base/gz.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"

enum place { BETWEEN, INSIDE, PADDING };

struct gz_reader {
    z_stream z;
    enum place place;
    bool any; /* a member was read: what follows may be padding */
};

static int zlib_error(const z_stream *z, int rc, struct err *e)
{
    if (rc == Z_MEM_ERROR)
        return err_set(e, ERR_MEM, "out of memory for decompression");
    return err_set(e, ERR_INPUT, "compressed data is damaged (gzip: %s)",
                   z->msg ? z->msg : "not a gzip stream");
}

int gz_reader_new(struct gz_reader **out, struct err *e)
{
    enum { GZIP_ONLY = 16 };
    struct gz_reader *g = mem_zero(1, sizeof *g, e);

    *out = NULL;
    if (!g)
        return e->code;
    int rc = inflateInit2(&g->z, MAX_WBITS + GZIP_ONLY);
    if (rc != Z_OK) {
        zlib_error(&g->z, rc, e);
        free(g);
        return e->code;
    }
    *out = g;
    return 0;
}

/* Decides what the byte after a member begins: another member, padding, or nothing of ours. */
static int enter(struct gz_reader *g, unsigned char c, struct err *e)
{
    if (g->any && c == 0) {
        g->place = PADDING;
        return 0;
    }
    if (g->any && c != 0x1F)
        return err_set(e, ERR_INPUT, "garbage after the end of the compressed data");
    g->place = INSIDE;
    inflateReset(&g->z); /* fails on a broken z_stream alone */
    return 0;
}

static int skip_padding(const unsigned char *p, size_t len, struct err *e)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0)
            return err_set(e, ERR_INPUT, "garbage after the end of the compressed data");
    return 0;
}

int gz_reader_step(struct gz_reader *g, const void *in, size_t in_len, size_t *in_used, void *out,
                   size_t out_cap, size_t *out_len, struct err *e)
{
    *in_used = *out_len = 0;
    if (g->place == BETWEEN && (in_len == 0 || enter(g, *(const unsigned char *)in, e) < 0))
        return in_len == 0 ? 0 : e->code;
    if (g->place == PADDING) {
        *in_used = in_len;
        return skip_padding(in, in_len, e);
    }

    uInt avail_in = in_len > UINT_MAX ? UINT_MAX : (uInt)in_len;
    uInt avail_out = out_cap > UINT_MAX ? UINT_MAX : (uInt)out_cap;
    g->z.next_in = in;
    g->z.avail_in = avail_in;
    g->z.next_out = out;
    g->z.avail_out = avail_out;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    /* BUF: it only wants more. What was decoded before the damage goes first: the next call says
     * the same again. */
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR && g->z.avail_out == avail_out)
        return zlib_error(&g->z, rc, e);
    *in_used = avail_in - g->z.avail_in;
    *out_len = avail_out - g->z.avail_out;
    if (rc == Z_STREAM_END) {
        g->place = BETWEEN;
        g->any = true;
    }
    return 0;
}

bool gz_reader_at_end(const struct gz_reader *g)
{
    return g->place != INSIDE;
}

void gz_reader_free(struct gz_reader *g)
{
    if (g)
        inflateEnd(&g->z);
    free(g);
}
