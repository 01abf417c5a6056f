/* chunk.c - see chunk.h. */
#include "fm/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "fm/sorted.h"
#include "fm/sufsort.h"

struct chunk {
    struct corpus *corpus;
    struct alphabet al;
    struct sorted sorted;
    uint16_t *wide; /* the text with 257 symbols, else NULL */
    int32_t *sa;
    uint64_t n;
    const struct index_opts *o;
};

uint64_t chunk_memory(const struct chunk_size *size, unsigned rate)
{
    uint64_t n = size->text;

    return n * (4 + (size->wide ? 3 : 1)) + n / 8 + n / rate * 8 + size->docs * 40;
}

/* ---- the text in its codes ---- */

/* Symbols 1..n in byte order; with all 256 byte values 1..256, and the storage codes apart. */
static void make_store_codes(struct chunk *k)
{
    unsigned symbol = 1;

    for (unsigned byte = 0; byte < 256; byte++)
        if (k->al.present[byte])
            k->sorted.store_code[symbol++] = k->al.code_of[byte];
    k->sorted.store_code[0] = 0;
}

/* Each document's bytes become symbols, its end 0 as it stands. */
static int make_symbols(struct chunk *k, struct err *e)
{
    uint8_t *text = (uint8_t *)k->corpus->text.p;
    const uint64_t *start = tables_start(&k->corpus->tables);
    uint64_t docs = k->corpus->tables.docs;

    if (k->al.shared != FM_NOT_SHARED) {
        k->wide = mem_array(k->n, sizeof *k->wide, e);
        if (!k->wide)
            return e->code;
        for (uint64_t i = 0; i < k->n; i++)
            k->wide[i] = (uint16_t)(text[i] + 1);
        for (uint64_t d = 0; d < docs; d++)
            k->wide[start[d + 1] - 1] = 0;
        corpus_free_text(k->corpus);
        return 0;
    }
    for (uint64_t d = 0; d < docs; d++)
        for (uint64_t i = start[d]; i + 1 < start[d + 1]; i++)
            text[i] = k->al.code_of[text[i]];
    return 0;
}

/* ---- the order of the suffixes ---- */

static int sort_text(struct chunk *k, struct err *e)
{
    struct corpus *c = k->corpus;
    int64_t len = (int64_t)k->n;

    if (k->o->progress)
        k->o->progress(k->o->progress_ctx, "sorting", 0, k->n);
    corpus_trim(c);
    if (make_symbols(k, e) < 0)
        return e->code;
    k->sa = mem_map((k->n + FM_SUFSORT_EXTRA) * sizeof *k->sa, e);
    if (!k->sa)
        return e->code;
    if (k->wide ? fm_sufsort16(k->wide, k->sa, len, k->o->threads, e) < 0
                : fm_sufsort8((uint8_t *)c->text.p, k->sa, len, k->o->threads, e) < 0)
        return e->code;
    k->sorted.text8 = k->wide ? NULL : (uint8_t *)c->text.p;
    k->sorted.text16 = k->wide;
    k->sorted.sa = k->sa;
    k->sorted.start = tables_start(&c->tables);
    k->sorted.docs = c->tables.docs;
    k->sorted.rate = k->o->rate;
    make_store_codes(k);
    sorted_ready(&k->sorted, k->n, k->al.sigma);
    return 0;
}

static void free_sorted(struct chunk *k)
{
    mem_unmap(k->sa, (k->n + FM_SUFSORT_EXTRA) * sizeof *k->sa);
    k->sa = NULL;
    free(k->wide);
    k->wide = NULL;
    corpus_free_text(k->corpus);
}

int chunk_write(struct corpus *c, const struct index_opts *o, struct sect_writer *w, struct err *e)
{
    struct chunk k = {.corpus = c, .n = c->text.len, .o = o};
    struct encoded enc = {0};
    int rc;

    alphabet_count(&k.al, c->tables.freq);
    if ((rc = write_records(w, &c->raw, &c->meta, e)) < 0)
        return rc;
    store_writer_free(&c->raw);
    store_writer_free(&c->meta);
    rc = sort_text(&k, e);
    if (rc == 0)
        rc = write_rows(w, &k.sorted.rows, o, &enc, e);
    free_sorted(&k);
    if (rc == 0)
        rc = write_rest(w, &c->tables, &k.al, &enc, o, e);
    encoded_free(&enc);
    return rc;
}
