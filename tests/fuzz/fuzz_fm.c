/* fuzz_fm.c - full-text indexes of both layouts whose sections are any bytes, and sets: checked,
 * counted and found in, read.
 *
 *   0 1 level of CPU    1 1 what is asked (enum)    2 1 seed    3 1 0: sections (fuzz.h), 1: a set
 */
#include "fuzz.h"

#include "base/rand.h"
#include "fm/fm.h"

enum { CONTROL = 4, PATTERNS = 6, PLACES = 9, DOC_MOST = 1 << 12 };

enum { ASK_FOLD = 1, ASK_LOAD = 2, ASK_BARE = 4, ASK_CONTAM = 8, ASK_IDS = 16 };

static const struct fm_text patterns[PATTERNS] = {{"a", 1},  {"the ", 4},  {"", 0},
                                                  {"\n", 1}, {"row 1", 5}, {"\xc3\xa9", 2}};

static void find(const struct fm *fm, struct fm_text pat, unsigned what)
{
    struct fm_place place[PLACES];
    struct fm_snippet snippet[PLACES];
    uint64_t len[PLACES], n;
    struct fm_hits h = {0};
    struct buf text = {0};
    struct err e;

    if (fm_hits_find(&h, fm, pat, what & ASK_FOLD, &e) == 0) {
        n = h.count < PLACES ? h.count : PLACES;
        if (pat.len > 0 && fm_hits_first(&h, n, place, 1, &e) == 0) {
            for (size_t i = 0; i < n; i++) {
                FUZZ_CHECK(place[i].doc < fm_docs(fm));
                len[i] = pat.len;
            }
            fm_snippets(fm, place, len, n, 10, snippet, &text, 1, &e);
        }
        if (pat.len > 0)
            fm_hits_sample(&h, n, 3, place, 1, &e);
    }
    fm_hits_free(&h);
    buf_free(&text);
}

static void read_docs(const struct fm *fm, unsigned what)
{
    struct fm_reader *r = NULL;
    struct buf out = {0};
    uint64_t *docs = NULL;
    struct err e;

    fuzz_good(fm_reader_new(&r, fm, &e), &e);
    for (uint64_t d = 0; d < fm_docs(fm) && d < 8; d++) {
        fm_reader_id(r, d, &out, &e);
        fm_reader_record(r, d, what & ASK_FOLD, &out, &e);
        fm_reader_text(r, d, &out, &e);
        out.len = 0;
    }
    if (what & ASK_IDS && fm_reader_find_id(r, "a1", 2, &docs, &e) >= 0)
        free(docs);
    fm_reader_free(r);
    buf_free(&out);
}

static void pieces(const struct fm *fm, unsigned seed)
{
    uint64_t doc = fm_docs(fm) ? seed % fm_docs(fm) : 0;
    uint64_t len = fm_docs(fm) ? fm_doc_bytes(fm, doc) : 0;
    char *dst = fuzz_need(malloc(DOC_MOST + 1));
    struct fm_piece p = {doc, 0, len < DOC_MOST ? len : DOC_MOST, dst};

    if (fm_docs(fm))
        fm_read(fm, &p, 1, 1);
    free(dst);
}

static void match(const struct fm *fm, unsigned what)
{
    struct fm_text text = {"the quick row 17 of the text, and a row 1", 41};
    struct fm_contam_opts o = {.method = (enum fm_method)(what / 32 % 3),
                               .window_chars = 7,
                               .words = 2,
                               .dirty = 0.8,
                               .suspicious = 0.2,
                               .verbatim = true};
    struct fm_match *m = NULL;
    struct fm_verdict v;
    int64_t found = 0;
    struct err e;

    if (fm_match(fm, &text, 1, 3, &m, &found, 1, &e) == 0) {
        for (int64_t i = 0; i < found; i++)
            FUZZ_CHECK(m[i].offset + m[i].len <= text.len);
        free(m);
    }
    if (what & ASK_CONTAM)
        fm_contam(fm, &text, 1, &o, &v, 1, &e);
}

static void ask(const struct fm *fm, unsigned what, unsigned seed)
{
    uint64_t counts[PATTERNS];
    struct err e;

    fm_check(fm, NULL, NULL, &e);
    fm_count(fm, patterns, PATTERNS, counts, 1);
    for (size_t i = 0; i < PATTERNS; i++)
        find(fm, patterns[i], what);
    if (fm_docs(fm) < 1000)
        fm_count_docs(fm, patterns, PATTERNS, counts, 1, NULL, NULL, &e);
    for (size_t s = 0; s < fm_shards(fm); s++) {
        fm_shard_info(fm, s);
        for (size_t i = 0; i < fm_shard_sections(fm, s); i++)
            fm_shard_section(fm, s, i);
    }
    read_docs(fm, what);
    pieces(fm, seed);
    match(fm, what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct fm_open_opts o = {.cpu = fuzz_cpu(&in), .threads = 1};
    unsigned what = fuzz_byte(&in), seed = fuzz_byte(&in);
    struct fm *fm = NULL;
    struct err e;

    o.load = what & ASK_LOAD;
    o.bare = what & ASK_BARE;
    if (fm_open(&fm,
                fuzz_byte(&in) & 1 ? fuzz_file("set", in.p, in.len) : fuzz_container(in, "fm  ", 2),
                &o, &e) < 0)
        return 0;
    ask(fm, what, seed);
    fm_close(fm);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_parts(data, size, most, seed, CONTROL);
}
