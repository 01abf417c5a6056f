/* shard.c - opening one index file, and the BWT as bytes and document ends. See shard.h. */
#include "fm/shard.h"

#include <stdlib.h>
#include <string.h>

#include "fm/bits.h"

enum { TABLES_MAX = 16 << 20 };

static int read_head(struct shard *s, struct err *e)
{
    const void *p;
    bool present[256];
    unsigned distinct = 0;

    if (sect_verify(s->file, "HEAD", e) < 0 ||
        sect_need(s->file, "HEAD", 1, sizeof s->head, &p, e) < 0)
        return e->code;
    memcpy(&s->head, p, sizeof s->head);
    for (unsigned b = 0; b < 256; b++) {
        present[b] = bit_get(s->head.present, b);
        distinct += present[b];
    }
    const struct fm_head *h = &s->head;
    s->layout = rank_layout_of(h->layout);
    if (!s->layout)
        return err_set(e, ERR_CORRUPT, "%s: layout %u is not known to this program",
                       sect_path(s->file), h->layout);
    if (h->docs > h->n || h->n >> FM_ROWS_LOG || h->shared_c > h->n || h->ids > h->docs ||
        h->runs > h->docs || h->normalize > TEXT_GPT3 || h->rate < SAMPLE_RATE_MIN ||
        h->rate > SAMPLE_RATE_MAX || (h->docs == 0 && h->n > 0) ||
        (distinct == 256 ? h->shared > 255 : h->shared != FM_NOT_SHARED))
        return sect_bad(s->file, "HEAD", "has impossible values", e);
    alphabet_make(&s->al, present, (int)h->shared);
    return 0;
}

/* C of every byte, of those that do not occur too. */
static void find_first_rows(struct shard *s)
{
    uint64_t next = s->head.n;

    for (unsigned b = 256; b-- > 0;) {
        if ((int)b == s->al.shared)
            next = s->head.shared_c;
        else if (s->al.present[b])
            next = s->rank.hyper[s->al.code_of[b]];
        s->first_row[b] = next <= s->head.n ? next : s->head.n;
    }
}

static int open_rank(struct shard *s, enum cpu_level cpu, struct err *e)
{
    struct rank *r = &s->rank;
    uint64_t len, n = s->head.n;
    const void *p;

    r->n = n;
    r->sigma = s->al.sigma;
    if (sect_need(s->file, "HYPR", rank_hypers(n) * r->sigma, 8, &p, e) < 0)
        return e->code;
    r->hyper = p;
    if (sect_need(s->file, "SUPR", rank_supers(n) * r->sigma, 4, &p, e) < 0)
        return e->code;
    r->super = p;
    if (sect_need(s->file, "BDIR", rank_blocks(s->layout, n), 4, &p, e) < 0)
        return e->code;
    r->dir = p;
    r->blocks = sect_get(s->file, "BLKS", &len);
    if (!r->blocks || len % RANK_LINE || len / RANK_LINE <= RANK_GUARD_LINES)
        return sect_bad(s->file, "BLKS", "is missing or has a wrong length", e);
    r->last_line = len / RANK_LINE - 1;
    find_first_rows(s);
    s->ops = s->layout->ops[cpu];
    return 0;
}

/* A search step reads these tables at two random places and a few pages of BLKS. Mapped, each would
 * be a page of its own to fault in, or to miss in the TLB. They are 0.012 of the text; where that
 * is much, opening would take too long. */
static int copy_tables(struct shard *s, struct err *e)
{
    struct rank *r = &s->rank;
    uint64_t hyper, super, dir;
    unsigned char *p;

    sect_get(s->file, "HYPR", &hyper);
    sect_get(s->file, "SUPR", &super);
    sect_get(s->file, "BDIR", &dir);
    if (hyper + super + dir > TABLES_MAX)
        return 0;
    s->tables_bytes = hyper + super + dir;
    if (!(p = s->tables = mem_map(s->tables_bytes, e)))
        return e->code;
    r->hyper = memcpy(p, r->hyper, hyper);
    r->super = memcpy(p + hyper, r->super, super);
    r->dir = memcpy(p + hyper + super, r->dir, dir);
    return 0;
}

/* Loaded, an index may take a little more memory; mapped, its lines would all have to be read. */
static int make_hints(struct shard *s, const struct fm_open_opts *o, struct err *e)
{
    struct rank *r = &s->rank;

    if (!s->layout->hints)
        return 0;
    if (!(s->hints = mem_map(rank_hint_bytes(r), e)))
        return e->code;
    rank_fill_hints(r, s->hints, o->threads < 1 ? 1 : o->threads);
    r->hint = s->hints;
    return 0;
}

static int open_samples(struct shard *s, enum cpu_level cpu, struct err *e)
{
    struct samples *a = &s->samples;
    uint64_t len;
    const void *p;

    samples_init(a, s->head.n, s->head.rate);
    a->find = samples_find_for(cpu);
    if (sect_need(s->file, "MDIR", samples_blocks(a->n) + 1, 8, &p, e) < 0)
        return e->code;
    a->dir = p;
    a->marks = sect_get(s->file, "MARK", &len);
    if (!a->marks || len % 8 || len < PACKED_SLACK)
        return sect_bad(s->file, "MARK", "is missing or has a wrong length", e);
    a->mark_words = len / 8 - 1;
    if (sect_need(s->file, "SAMP", packed_bytes(a->count, a->bits), 1, &p, e) < 0)
        return e->code;
    a->perm = p;
    if (s->head.backs > a->count)
        return sect_bad(s->file, "HEAD", "has impossible values", e);
    if (sect_need(s->file, "SINV", samples_inverse_bytes(a->count, s->head.backs), 1, &p, e) < 0)
        return e->code;
    samples_view_inverse(a, p, s->head.backs);
    return 0;
}

static int open_docs(struct shard *s, struct err *e)
{
    uint64_t docs = s->head.docs, n = s->head.n;
    const void *p;

    if (sect_need(s->file, "DOCS", ef_bytes(docs + 1, n + 1), 1, &p, e) < 0)
        return e->code;
    ef_view(&s->starts, p, docs + 1, n + 1);
    s->doc_bits = bits_for(docs ? docs - 1 : 0);
    if (sect_need(s->file, "DORD", packed_bytes(docs, s->doc_bits), 1, &p, e) < 0)
        return e->code;
    s->doc_order = p;
    if (s->al.shared == FM_NOT_SHARED)
        return 0;
    if (sect_need(s->file, "ZROW", ef_bytes(docs, n), 1, &p, e) < 0)
        return e->code;
    ef_view(&s->ends, p, docs, n);
    return 0;
}

/* FLDS: the names of the text and id fields, each with its NUL. */
static int open_field_names(struct shard *s, struct err *e)
{
    uint64_t len;
    const char *p = sect_get(s->file, "FLDS", &len), *nul = p ? memchr(p, 0, len) : NULL;

    if (!nul || nul + 1 == p + len || p[len - 1] != '\0')
        return sect_bad(s->file, "FLDS", "is damaged", e);
    s->field = p;
    s->id_field = nul + 1;
    return 0;
}

static int open_records(struct shard *s, struct err *e)
{
    uint64_t docs = s->head.docs;
    const void *p;

    if (store_open(&s->meta, s->file, "MIDX", "MBLK", docs, e) < 0 ||
        store_open(&s->raw, s->file, "RIDX", "RBLK", docs, e) < 0 || open_field_names(s, e) < 0)
        return e->code;
    if (sect_need(s->file, "IDHS", 4 * s->head.ids + packed_bytes(s->head.ids, s->doc_bits), 1, &p,
                  e) < 0)
        return e->code;
    s->id_hash = p;
    s->id_doc = s->id_hash + 4 * s->head.ids;
    s->runs = sect_get(s->file, "RUNS", &s->paths_len);
    if (!s->runs || s->paths_len / FM_RUN_BYTES < s->head.runs)
        return sect_bad(s->file, "RUNS", "is missing or too short", e);
    s->paths_len -= s->head.runs * FM_RUN_BYTES;
    s->paths = (const char *)s->runs + s->head.runs * FM_RUN_BYTES;
    return 0;
}

static const char known_sections[] =
    "HEADHYPRSUPRBDIRBLKSZROWMDIRMARKSAMPSINVDOCSDORDMIDXMBLKRIDXRBLKIDHSFLDSRUNS";

int shard_open(struct shard **out, const char *path, const struct fm_open_opts *o, struct err *e)
{
    struct fm_open_opts standard = {0};
    struct shard *s = mem_zero(1, sizeof *s, e);

    *out = NULL;
    if (!s)
        return e->code;
    if (!o) {
        standard.cpu = cpu_detect();
        o = &standard;
    }
    if ((o->load ? sect_load(&s->file, path, FM_KIND, FM_MAJOR, o->threads, e)
                 : sect_open(&s->file, path, FM_KIND, FM_MAJOR, e)) < 0 ||
        sect_known(s->file, known_sections, e) < 0 || read_head(s, e) < 0 ||
        open_rank(s, o->cpu, e) < 0 || open_samples(s, o->cpu, e) < 0 || open_docs(s, e) < 0 ||
        open_records(s, e) < 0 ||
        (o->bare   ? 0
         : o->load ? make_hints(s, o, e)
                   : copy_tables(s, e)) < 0) {
        shard_close(s);
        return e->code;
    }
    *out = s;
    return 0;
}

void shard_close(struct shard *s)
{
    if (!s)
        return;
    mem_unmap(s->hints, rank_hint_bytes(&s->rank));
    mem_unmap(s->tables, s->tables_bytes);
    sect_close(s->file);
    free(s);
}

/* A shared byte's LF is what code 0 gives, less the document ends before. */
static uint64_t unshare(const struct shard *s, uint64_t pos, uint64_t zero_rank)
{
    uint64_t ends = pos ? ef_count_to(&s->ends, pos - 1) : 0;

    return s->head.shared_c + (zero_rank > ends ? zero_rank - ends : 0);
}

struct fm_range shard_first(const struct shard *s, uint8_t byte)
{
    uint64_t lo = s->first_row[byte], hi = byte < 255 ? s->first_row[byte + 1] : s->head.n;

    return (struct fm_range){lo, hi > lo ? hi : lo};
}

void shard_step(const struct shard *s, size_t k, const uint8_t *byte, uint64_t *lo, uint64_t *hi)
{
    uint8_t code[RANK_BATCH];
    uint64_t old_lo[RANK_BATCH], old_hi[RANK_BATCH];

    for (; k > RANK_BATCH; k -= RANK_BATCH, byte += RANK_BATCH, lo += RANK_BATCH, hi += RANK_BATCH)
        shard_step(s, RANK_BATCH, byte, lo, hi);
    if (!k)
        return;
    for (size_t i = 0; i < k; i++) {
        code[i] = s->al.code_of[byte[i]];
        old_lo[i] = lo[i];
        old_hi[i] = hi[i];
    }
    s->ops->step(&s->rank, k, code, lo, hi);
    for (size_t i = 0; i < k; i++) {
        if (!s->al.present[byte[i]]) {
            lo[i] = hi[i] = 0;
        } else if (byte[i] == s->al.shared && lo[i] < hi[i]) {
            lo[i] = unshare(s, old_lo[i], lo[i]);
            hi[i] = unshare(s, old_hi[i], hi[i]);
        }
        if (hi[i] > s->head.n) /* this and the next only in a damaged file */
            hi[i] = s->head.n;
        if (lo[i] > hi[i])
            lo[i] = hi[i];
    }
}

/* How many of the last bytes, of SEEK_MOST at most, are symbols of their own: as these, in code[].
 */
enum { SEEK_MOST = 256 };

static size_t own_codes(const struct shard *s, const uint8_t *byte, size_t n,
                        uint8_t code[SEEK_MOST])
{
    size_t k = 0;

    while (k < n && k < SEEK_MOST && s->al.present[byte[n - 1 - k]] &&
           byte[n - 1 - k] != s->al.shared) {
        k++;
        code[SEEK_MOST - k] = s->al.code_of[byte[n - k]];
    }
    return k;
}

void shard_seek(const struct shard *s, const uint8_t *byte, size_t n, uint64_t *lo, uint64_t *hi)
{
    uint8_t code[SEEK_MOST];

    while (n && *lo < *hi) {
        size_t k = own_codes(s, byte, n, code);
        if (k == 0) {
            shard_step(s, 1, &byte[--n], lo, hi);
            continue;
        }
        s->ops->seek(&s->rank, code + SEEK_MOST - k, k, lo, hi);
        n -= k;
        if (*hi > s->head.n) /* only in a damaged file */
            *hi = s->head.n;
    }
    if (*lo > *hi)
        *lo = *hi;
}

void shard_map(const struct shard *s, size_t k, const uint8_t *byte, uint64_t *pos)
{
    uint8_t code[RANK_BATCH];
    uint64_t old[RANK_BATCH];

    for (; k > RANK_BATCH; k -= RANK_BATCH, byte += RANK_BATCH, pos += RANK_BATCH)
        shard_map(s, RANK_BATCH, byte, pos);
    if (!k)
        return;
    for (size_t i = 0; i < k; i++) {
        code[i] = s->al.code_of[byte[i]];
        old[i] = pos[i];
    }
    s->ops->map(&s->rank, k, code, pos);
    for (size_t i = 0; i < k; i++) {
        if (!s->al.present[byte[i]])
            pos[i] = s->first_row[byte[i]];
        else if (byte[i] == s->al.shared)
            pos[i] = unshare(s, old[i], pos[i]);
        if (pos[i] > s->head.n)
            pos[i] = s->head.n; /* only in a damaged file */
    }
}

void shard_lf(const struct shard *s, size_t k, uint64_t *row, uint8_t *byte, bool *end)
{
    uint64_t old[RANK_BATCH];

    for (; k > RANK_BATCH;
         k -= RANK_BATCH, row += RANK_BATCH, byte += RANK_BATCH, end += RANK_BATCH)
        shard_lf(s, RANK_BATCH, row, byte, end);
    memcpy(old, row, k * sizeof *old);
    s->ops->lf(&s->rank, k, row, byte);
    for (size_t i = 0; i < k; i++) {
        end[i] = byte[i] == 0;
        if (end[i] && s->al.shared != FM_NOT_SHARED) {
            uint64_t before = ef_count_to(&s->ends, old[i]);
            end[i] = before && ef_get(&s->ends, before - 1) == old[i];
            row[i] = end[i] ? before - 1 : unshare(s, old[i], row[i]);
            if (row[i] >= s->head.n)
                row[i] = 0; /* only in a damaged file */
        }
        byte[i] = s->al.byte_of[byte[i]];
    }
}

uint64_t shard_ends_before(const struct shard *s, uint64_t row)
{
    uint8_t code = 0;
    uint64_t pos = row;

    if (s->al.shared != FM_NOT_SHARED)
        return row ? ef_count_to(&s->ends, row - 1) : 0;
    s->ops->map(&s->rank, 1, &code, &pos); /* ends come first: LF of one is how many before it */
    return pos;
}

/* Each symbol's occurrences between a superblock's start and the start of one of its blocks. */
static void count_before_block(const struct shard *s, uint64_t block, uint32_t rel[256])
{
    uint64_t from = block << s->layout->block_log, super = from & ~(uint64_t)(RANK_SUPER - 1);
    uint64_t at_block[256], at_super[256];
    uint8_t code[256];

    memset(rel, 0, 256 * sizeof *rel);
    if (from == super)
        return;
    for (unsigned c = 0; c < s->al.sigma; c++) {
        code[c] = (uint8_t)c;
        at_block[c] = from;
        at_super[c] = super;
    }
    s->ops->map(&s->rank, s->al.sigma, code, at_block);
    s->ops->map(&s->rank, s->al.sigma, code, at_super);
    for (unsigned c = 0; c < s->al.sigma; c++)
        rel[c] = (uint32_t)(at_block[c] - at_super[c]);
}

/* Where code 0 stands for a byte too, the rows in `ends` are the ends, the rest the byte. */
static void part_shared(const struct shard *s, uint64_t from, size_t len, uint16_t *sym)
{
    uint64_t k = shard_ends_before(s, from);

    for (size_t i = 0; i < len; i++)
        sym[i] = sym[i] ? sym[i] : (uint16_t)(s->al.shared + 1);
    for (; k < s->head.docs; k++) {
        uint64_t row = ef_get(&s->ends, k);
        if (row < from || row - from >= len)
            return;
        sym[row - from] = 0;
    }
}

void shard_symbols(const struct shard *s, uint64_t from, size_t len, uint16_t *sym)
{
    uint64_t block = from >> s->layout->block_log;
    uint8_t code[RANK_BLOCK_MOST];
    uint32_t rel[256];

    if (!len)
        return;
    count_before_block(s, block, rel);
    for (uint64_t at = block << s->layout->block_log; at < from + len; block++) {
        if ((at & (RANK_SUPER - 1)) == 0)
            memset(rel, 0, sizeof rel);
        size_t n = s->layout->decode(&s->rank, block, rel, code);
        for (size_t i = at < from ? (size_t)(from - at) : 0; i < n && at + i < from + len; i++)
            sym[at + i - from] = code[i] ? (uint16_t)(s->al.byte_of[code[i]] + 1) : 0;
        at += n;
    }
    if (s->al.shared != FM_NOT_SHARED)
        part_shared(s, from, len, sym);
}

void shard_byte_counts(const struct shard *s, uint64_t freq[256])
{
    for (unsigned b = 0; b < 256; b++) {
        uint64_t lo = 0, hi = s->head.n;
        uint8_t byte = (uint8_t)b;
        shard_step(s, 1, &byte, &lo, &hi);
        freq[b] = hi - lo;
    }
}

uint64_t shard_doc_of_end(const struct shard *s, uint64_t k)
{
    uint64_t doc = k < s->head.docs ? packed_get(s->doc_order, k, s->doc_bits) : 0;

    return doc < s->head.docs ? doc : 0;
}

uint64_t shard_doc_at(const struct shard *s, uint64_t pos)
{
    uint64_t n = ef_count_to(&s->starts, pos);

    if (n > s->head.docs)
        n = s->head.docs;
    return n ? n - 1 : 0;
}

uint64_t shard_doc_start(const struct shard *s, uint64_t doc)
{
    return ef_get(&s->starts, doc);
}

uint64_t shard_doc_len(const struct shard *s, uint64_t doc)
{
    uint64_t from = shard_doc_start(s, doc), to = shard_doc_start(s, doc + 1);

    return to > from ? to - from - 1 : 0;
}
