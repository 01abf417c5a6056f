/* zst.c - see zst.h. Thin: libzstd does the work; here are the limits and the sentences. */
#include "base/zst.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

struct zst_reader {
    ZSTD_DCtx *ctx;
    bool at_end;
};

/* Turns libzstd's refusal into ours; damage is `code`. */
static int zstd_error(size_t rc, int code, struct err *e)
{
    if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
        return err_set(e, ERR_MEM, "out of memory for zstd");
    return err_set(e, code, "compressed data is damaged (zstd: %s)", ZSTD_getErrorName(rc));
}

int zst_reader_new(struct zst_reader **out, struct err *e)
{
    /* The library's limit is 27 unless told; files made with --long=31 are common for corpora. */
    ZSTD_bounds window = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    struct zst_reader *z = mem_zero(1, sizeof *z, e);

    *out = NULL;
    if (!z)
        return e->code;
    z->at_end = true;
    z->ctx = ZSTD_createDCtx();
    if (!z->ctx || ZSTD_isError(window.error) ||
        ZSTD_isError(ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, window.upperBound))) {
        zst_reader_free(z);
        return err_set(e, ERR_MEM, "out of memory for zstd");
    }
    *out = z;
    return 0;
}

int zst_reader_step(struct zst_reader *z, const void *in, size_t in_len, size_t *in_used, void *out,
                    size_t out_cap, size_t *out_len, struct err *e)
{
    ZSTD_inBuffer src = {in, in_len, 0};
    ZSTD_outBuffer dst = {out, out_cap, 0};

    *in_used = *out_len = 0;
    if (z->at_end && in_len == 0)
        return 0; /* libzstd would begin a frame, and count a call without progress */
    size_t rc = ZSTD_decompressStream(z->ctx, &dst, &src);
    if (ZSTD_isError(rc))
        return zstd_error(rc, ERR_INPUT, e);
    *in_used = src.pos;
    *out_len = dst.pos;
    z->at_end = rc == 0;
    return 0;
}

bool zst_reader_at_end(const struct zst_reader *z)
{
    return z->at_end;
}

void zst_reader_free(struct zst_reader *z)
{
    if (z)
        ZSTD_freeDCtx(z->ctx);
    free(z);
}

size_t zst_bound(size_t len)
{
    return ZSTD_compressBound(len);
}

int64_t zst_compress(void *out, size_t out_cap, const void *in, size_t len, int level,
                     struct err *e)
{
    size_t n = ZSTD_compress(out, out_cap, in, len, level);

    if (ZSTD_isError(n))
        return err_set(e, ERR_MEM, "out of memory for zstd (%zu bytes: %s)", len,
                       ZSTD_getErrorName(n));
    return (int64_t)n;
}

int zst_decompress(void *out, size_t out_len, const void *in, size_t len, struct err *e)
{
    size_t n = ZSTD_decompress(out, out_len, in, len);

    if (ZSTD_isError(n))
        return zstd_error(n, ERR_CORRUPT, e);
    if (n != out_len)
        return err_set(e, ERR_CORRUPT, "compressed block holds %zu bytes instead of %zu", n,
                       out_len);
    return 0;
}
