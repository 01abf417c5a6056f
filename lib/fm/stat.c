/* stat.c - what is in an index file, for fm-stat; and the check of everything. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"
#include "fm/set.h"

static const struct {
    char id[5];
    const char *what;
} section_names[] = {
    {"HEAD", "sizes and alphabet"},
    {"HYPR", "first rows of the symbols"},
    {"SUPR", "counts before each superblock"},
    {"BDIR", "block directory"},
    {"BLKS", "BWT: codes and wavelet levels"},
    {"ZROW", "rows of document starts"},
    {"MDIR", "directory of marks"},
    {"MARK", "marks of sampled rows"},
    {"SAMP", "suffix-array samples"},
    {"SINV", "pointers for their inverse"},
    {"DOCS", "document starts"},
    {"DORD", "document order"},
    {"MIDX", "record directory"},
    {"MBLK", "records but for their text"},
    {"RIDX", "raw text directory"},
    {"RBLK", "raw text"},
    {"IDHS", "document ids, hashed"},
    {"FLDS", "field names"},
    {"RUNS", "files and lines"},
};

size_t fm_shards(const struct fm *fm)
{
    return fm->n_shards;
}

/* Bits a byte when each is coded by its frequency alone. */
static double order0_entropy(const struct shard *s)
{
    uint64_t freq[256], bytes = s->head.n - s->head.docs;
    double bits = 0;

    shard_byte_counts(s, freq);
    for (unsigned b = 0; b < 256; b++)
        if (freq[b] && bytes)
            bits += (double)freq[b] * log2((double)bytes / (double)freq[b]);
    return bytes ? bits / (double)bytes : 0;
}

struct fm_info fm_shard_info(const struct fm *fm, size_t shard)
{
    const struct shard *s = fm->shard[shard];
    struct fm_info info = {
        .path = sect_path(s->file),
        .docs = s->head.docs,
        .bytes = s->head.n - s->head.docs,
        .raw_bytes = s->head.raw_bytes,
        .file_bytes = sect_size(s->file),
        .rows = s->head.n,
        .sample_rate = s->head.rate,
        .normalize = (enum text_rule)s->head.normalize,
        .layout = s->layout->name,
        .entropy = order0_entropy(s),
    };

    for (unsigned b = 0; b < 256; b++)
        info.alphabet += s->al.present[b];
    return info;
}

size_t fm_shard_sections(const struct fm *fm, size_t shard)
{
    return sect_count(fm->shard[shard]->file);
}

struct fm_section fm_shard_section(const struct fm *fm, size_t shard, size_t i)
{
    struct sect_row row = sect_row(fm->shard[shard]->file, i);
    struct fm_section out = {.what = "unknown to this program", .bytes = row.len};

    memcpy(out.id, row.id, sizeof out.id);
    for (size_t k = 0; k < sizeof section_names / sizeof *section_names; k++)
        if (memcmp(section_names[k].id, row.id, 4) == 0)
            out.what = section_names[k].what;
    return out;
}

/* ---- the check: beyond the checksums, that the structures say the same ---- */

/* The tables of counts against the blocks. Each block's last symbol is stepped over by every
 * symbol: its own count grows by one, the others' stay, though the two ends are looked up in two
 * blocks. */
static int check_ranks(const struct shard *s, struct err *e)
{
    uint8_t code[256], sym;
    uint64_t lo[256], hi[256], row;

    for (unsigned c = 0; c < s->al.sigma; c++)
        code[c] = (uint8_t)c;
    for (uint64_t b = 1; b < rank_blocks(s->layout, s->head.n); b++) {
        for (unsigned c = 0; c < s->al.sigma; c++) {
            hi[c] = b << s->layout->block_log;
            lo[c] = hi[c] - 1;
        }
        row = (b << s->layout->block_log) - 1;
        s->ops->lf(&s->rank, 1, &row, &sym);
        s->ops->step(&s->rank, s->al.sigma, code, lo, hi);
        for (unsigned c = 0; c < s->al.sigma; c++)
            if (hi[c] - lo[c] != (uint64_t)(c == sym) || (c == sym && lo[c] != row))
                return sect_bad(s->file, "BLKS", "does not fit the tables of counts", e);
    }
    return 0;
}

static int check_docs(const struct shard *s, struct err *e)
{
    uint64_t docs = s->head.docs, end = 0;
    unsigned char *seen = mem_zero(docs / 8 + 1, 1, e);
    int rc = seen ? 0 : ERR_MEM;

    if (rc == 0 && (shard_doc_start(s, 0) != 0 || shard_doc_start(s, docs) != s->head.n))
        rc = sect_bad(s->file, "DOCS", "does not fit the text", e);
    for (uint64_t d = 0; rc == 0 && d < docs; d++) {
        uint64_t next = shard_doc_start(s, d + 1), which = packed_get(s->doc_order, d, s->doc_bits);
        if (next <= end)
            rc = sect_bad(s->file, "DOCS", "does not grow", e);
        else if (which >= docs || bit_get(seen, which))
            rc = sect_bad(s->file, "DORD", "is no permutation", e);
        else
            bit_set(seen, which);
        end = next;
    }
    free(seen);
    return rc;
}

static int check_samples(const struct shard *s, struct err *e)
{
    for (uint64_t k = 0; k < s->samples.count; k++) {
        uint64_t pos, row = samples_row(&s->samples, k);
        if (!s->samples.find(&s->samples, row, &pos) || pos != k * s->samples.rate)
            return sect_bad(s->file, "SAMP", "does not fit its inverse", e);
    }
    return 0;
}

/* Reads everything: checksums, and that the structures fit each other. */
static int check_shard(const struct shard *s, struct err *e)
{
    if (sect_check(s->file, e) < 0 || check_ranks(s, e) < 0 || check_docs(s, e) < 0)
        return e->code;
    return check_samples(s, e);
}

int fm_check(const struct fm *fm, progress_fn *progress, void *ctx, struct err *e)
{
    for (size_t i = 0; i < fm->n_shards; i++) {
        if (progress)
            progress(ctx, "checking", i, fm->n_shards);
        if (check_shard(fm->shard[i], e) < 0)
            return e->code;
    }
    return 0;
}
