/* prop_damage.c - damaged index files: found, and survived (damage.h).
 *
 * Small indexes of both layouts that together have every section: fm_open() or fm_check() must find
 * what was done to them, and every query must come back from what was opened.
 *
 * Then, as nobody is bound to call fm_check() first, the contents of one section at a time are
 * filled with noise, in a copy of the index whose sections are laid out with their ends at pages'
 * ends. The pages between are taken away from the process: a wild read is a crash, in any build.
 * A watchdog ends what does not come back.
 */
#include "corpora.h"
#include "damage.h"

#include <sys/mman.h>
#include <sys/time.h>

#include "base/cpu.h"

enum { SEED = 31337, PAGE = 4096, ROUNDS = 12, STRIDE = 64, WATCHDOG_S = 240 /* of CPU time */ };

/* ---- the indexes ---- */

static void make_small_prose(struct naive_docs *d, rng_t *rng)
{
    for (unsigned i = 0; i < 9; i++) {
        struct buf b = {0};
        add_prose(rng, &b, i % 4 ? 20 + rand_below(rng, 200) : 0);
        naive_add(d, b.p, b.len);
        buf_free(&b);
    }
}

static void make_small_256(struct naive_docs *d, rng_t *rng)
{
    random_of(d, rng, 256, 2500);
}

static void write_records(const char *name, const struct naive_docs *d)
{
    struct buf b = {0};
    struct err e;

    for (size_t i = 0; i < d->n; i++) {
        buf_printf(&b, &e, "{\"id\":\"id%zu\",\"source\":\"s%zu\",\"text\":\"", i / 2, i * i);
        add_json(&b, d->doc[i]);
        buf_adds(&b, "\"}\n", &e);
        if (i == 4) /* no id of its own, and on a line further down */
            buf_adds(&b, "\n{\"text\":\"\"}\n", &e);
    }
    tmp_put(name, b.p, b.len);
    buf_free(&b);
}

static void build_damage(const char *index, corpus_fn *make, enum text_rule rule, unsigned rate,
                         enum fm_layout layout)
{
    const char *input = "in.jsonl";
    struct fm_build_opts o = {.rate = rate, .normalize = rule, .layout = layout};
    struct fm_build_report report;
    struct naive_docs d = {0};
    struct err e = {0};
    rng_t rng = SEED;

    make(&d, &rng);
    write_records(input, &d);
    T_CHECKF(fm_build(index, &input, 1, &o, &report, &e) == 0, "%s", e.msg);
    naive_free(&d);
}

/* ---- every query there is, for what it does and not for what it says ---- */

static const struct fm_text patterns[] = {
    {"e", 1},
    {"", 0},
    {"the ", 4},
    {"\0", 1},
    {"\xff", 1},
    {"and of", 6},
    {"caf\xC3\xA9", 5},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 61},
    {"the of and a to in is was he for it on The And are I he for it on", 65},
};

enum { PATTERNS = sizeof patterns / sizeof *patterns };

static void run_hits(const struct fm *fm, uint64_t rows)
{
    struct err e = {0};

    for (size_t i = 0; i < 2 * PATTERNS; i++) {
        struct fm_hits h;
        if (fm_hits_find(&h, fm, patterns[i / 2], i % 2, &e) < 0)
            continue;
        T_CHECKF(h.count <= rows, "%zu hits in %zu rows", (size_t)h.count, (size_t)rows);
        if (h.count <= rows) {
            struct fm_place *place = malloc((h.count + 1) * sizeof *place);
            uint64_t k = h.count < 3 ? h.count : 3, hit_len[3] = {1, 5, 1000};
            struct fm_snippet snippet[3];
            struct buf text = {0};
            fm_hits_locate(&h, place, 1);
            fm_hits_sample(&h, k, i, place, 1, &e);
            fm_hits_first(&h, k, place, 1, &e);
            if (fm_snippets(fm, place, hit_len, k, i % 3 * 10, snippet, &text, 1, &e) == 0)
                for (uint64_t s = 0; s < k; s++)
                    T_CHECK(snippet[s].at + snippet[s].len <= text.len &&
                            snippet[s].hit_at + snippet[s].hit_len <= snippet[s].len);
            buf_free(&text);
            free(place);
        }
        fm_hits_free(&h);
    }
}

static void run_counts(const struct fm *fm, uint64_t rows)
{
    uint64_t count[PATTERNS];
    struct err e = {0};

    fm_count(fm, patterns, PATTERNS, count, 1);
    for (size_t i = 0; i < PATTERNS; i++)
        T_CHECKF(count[i] <= rows, "%zu of %zu", (size_t)count[i], (size_t)rows);
    fm_count_docs(fm, patterns, PATTERNS, count, 1, NULL, NULL, &e); /* some by a pass, some not */
    for (size_t i = 0; i < PATTERNS; i++)
        fm_count_docs(fm, &patterns[i], 1, &count[i], 1, NULL, NULL, &e);
}

static void run_reading(const struct fm *fm, uint64_t rows)
{
    struct fm_reader *r;
    struct buf out = {0};
    struct err e = {0};
    uint64_t *docs;

    T_CHECK(fm_reader_new(&r, fm, &e) == 0);
    for (uint64_t d = 0; d < fm_docs(fm) && d < 40; d++) {
        T_CHECK(fm_doc_bytes(fm, d) <= rows);
        out.len = 0;
        fm_reader_id(r, d, &out, &e);
        fm_reader_text(r, d, &out, &e);
        fm_reader_record(r, d, true, &out, &e);
        fm_reader_record(r, d, false, &out, &e);
    }
    if (fm_reader_find_id(r, "id1", 3, &docs, &e) >= 0)
        free(docs);
    buf_free(&out);
    fm_reader_free(r);
}

static void run_texts(const struct fm *fm)
{
    struct fm_match *match[PATTERNS], longest[PATTERNS];
    struct fm_verdict v[PATTERNS];
    int64_t found[PATTERNS];
    struct err e = {0};

    if (fm_match(fm, patterns, PATTERNS, 2, match, found, 1, &e) == 0)
        for (size_t i = 0; i < PATTERNS; i++)
            free(match[i]);
    fm_longest(fm, patterns, PATTERNS, longest, 1, &e);
    for (int m = FM_WINDOW; m <= FM_LONGEST; m++) {
        struct fm_contam_opts o = {.method = (enum fm_method)m,
                                   .window_chars = 6,
                                   .words = 2,
                                   .dirty = 0.8,
                                   .suspicious = 0.2,
                                   .verbatim = true};
        fm_contam(fm, patterns, PATTERNS, &o, v, 1, &e);
    }
}

enum { COUNTS = 1, HITS = 2, READING = 4, TEXTS = 8, ALL = 15 };

static void run_queries(const struct fm *fm, unsigned which)
{
    uint64_t rows = fm_bytes(fm) + fm_docs(fm);

    T_CHECK(fm_shard_info(fm, 0).rows == rows);
    for (size_t i = 0; i < fm_shard_sections(fm, 0); i++)
        T_CHECK(fm_shard_section(fm, 0, i).what != NULL);
    if (which & COUNTS)
        run_counts(fm, rows);
    if (which & HITS)
        run_hits(fm, rows);
    if (which & READING)
        run_reading(fm, rows);
    if (which & TEXTS)
        run_texts(fm);
}

/* ---- what it is to open, check and ask an index: damage.h ---- */

/* Every few times one thing or another is asked, and now and then all of it is. */
static int look(const char *path, bool hostile, struct err *e)
{
    static const struct fm_open_opts mapped = {.cpu = CPU_PORTABLE};
    static const struct fm_open_opts loaded = {.cpu = CPU_PORTABLE, .load = true, .threads = 2};
    static unsigned n;
    struct fm *fm;
    int rc = fm_open(&fm, path, ++n % 16 ? &mapped : &loaded, e);

    if (rc < 0) {
        T_CHECK(fm == NULL && e->code < 0);
        return rc;
    }
    if (n % STRIDE == 0)
        run_queries(fm, ALL);
    else if (n % (hostile ? 7 : 16) == 0)
        run_queries(fm, 1U << n / 7 % 4);
    rc = fm_check(fm, NULL, NULL, e);
    fm_close(fm);
    return rc;
}

/* ---- noise between fences ---- */

struct fenced {
    struct damage_file file;
    size_t count;
    uint64_t from[32], len[32]; /* of each section in the file */
};

/* The same index, each section ending where a page ends (but for up to 63 bytes, as sections begin
 * at multiples of 64), a page of nothing behind it. */
static struct fenced fence(const char *path)
{
    struct damage_file old = damage_read(path);
    struct fenced f = {.count = damage_sections(&old)};
    size_t at = PAGE, cap = (f.count + 3) * 2 * PAGE + 4 * old.len;

    if (!(f.file.p = calloc(cap, 1)))
        exit(1);
    memcpy(f.file.p, old.p, DAMAGE_HEADER);
    for (size_t i = 0; i < f.count; i++) {
        const uint8_t *row = damage_row(&old, i);

        f.len[i] = damage_get64(row + 16);
        uint64_t room = (f.len[i] + 63) / 64 * 64, pages = (room + PAGE - 1) / PAGE;
        f.from[i] = at + PAGE + pages * PAGE - room;
        memcpy(f.file.p + f.from[i], old.p + damage_get64(row + 8), f.len[i]);
        at += (pages + 1) * PAGE;
    }
    at += PAGE;
    damage_put64(f.file.p + 24, at);
    for (size_t i = 0; i < f.count; i++) {
        memcpy(f.file.p + at + i * DAMAGE_ROW, damage_row(&old, i), DAMAGE_ROW);
        damage_put64(f.file.p + at + i * DAMAGE_ROW + 8, f.from[i]);
    }
    f.file.len = at + f.count * DAMAGE_ROW + 8;
    damage_put64(f.file.p + 16, f.file.len);
    damage_seal(&f.file);
    free(old.p);
    return f;
}

/* The process's mapping of the file, or NULL. */
static char *mapping_of(const char *name)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long from = 0;

    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, name) && sscanf(line, "%lx", &from) == 1)
            break;
    if (maps)
        fclose(maps);
    return (char *)from;
}

/* Takes away the pages in which no section has a byte. */
static void close_gaps(const struct fenced *f, char *base)
{
    for (size_t page = 1; page < f->file.len / PAGE; page++) {
        bool used = false;
        for (size_t i = 0; i < f->count; i++)
            used |= f->from[i] < (page + 1) * PAGE && f->from[i] + f->len[i] > page * PAGE;
        if (!used && mprotect(base + page * PAGE, PAGE, PROT_NONE) < 0)
            perror("mprotect"), exit(1);
    }
}

static void ask_fenced(const struct fenced *f, const char *path, enum cpu_level level, bool must)
{
    struct fm *fm;
    struct err e = {0};

    tmp_put("fenced.fmi", f->file.p, f->file.len);
    if (fm_open(&fm, "fenced.fmi", &(struct fm_open_opts){.cpu = level}, &e) < 0) {
        T_CHECKF(!must, "%s: %s", path, e.msg);
        return;
    }
    char *base = mapping_of("/fenced.fmi");
    T_CHECK(base != NULL);
    if (base)
        close_gaps(f, base);
    run_queries(fm, ALL);
    fm_close(fm);
}

/* All ones, all zeros, small numbers, random bits, a few of them flipped. */
static void add_noise(uint8_t *p, uint64_t len, unsigned kind, rng_t *rng)
{
    uint64_t from = kind % 2 ? 0 : rand_below(rng, len), to = kind % 3 ? len : from + 1;

    for (uint64_t i = from; i < to && i < len; i++) {
        if (kind < 2)
            p[i] = kind ? 0xff : 0;
        else if (kind < 4)
            p[i] = rand_below(rng, 4) ? 0 : (uint8_t)rand_below(rng, 3);
        else if (kind < 8)
            p[i] = (uint8_t)rand_below(rng, 256);
        else
            p[i] ^= (uint8_t)(rand_below(rng, 16) ? 0 : 1u << rand_below(rng, 8));
    }
}

static void noise(const char *path)
{
    struct fenced f = fence(path);
    struct fm *fm;
    struct err e = {0};
    rng_t rng = SEED;
    char *keep = malloc(f.file.len);

    memcpy(keep, f.file.p, f.file.len);
    ask_fenced(&f, path, cpu_detect(), true);
    fm = must_open("fenced.fmi", CPU_PORTABLE);
    T_CHECKF(fm_check(fm, NULL, NULL, &e) == 0, "%s: %s", path, e.msg);
    fm_close(fm);
    for (size_t i = 0; i < f.count; i++)
        for (unsigned k = 0; k < ROUNDS && f.len[i]; k++) {
            add_noise(f.file.p + f.from[i], f.len[i], k, &rng);
            ask_fenced(&f, path, k % 2 ? cpu_detect() : CPU_PORTABLE, false);
            memcpy(f.file.p, keep, f.file.len);
        }
    free(keep);
    free(f.file.p);
}

/* ---- all of them ---- */

static void note_sections(const char *path, struct buf *seen)
{
    struct fm *fm = must_open(path, CPU_PORTABLE);
    struct err e;

    for (size_t i = 0; i < fm_shard_sections(fm, 0); i++)
        buf_adds(seen, fm_shard_section(fm, 0, i).id, &e);
    buf_addc(seen, '\0', &e);
    seen->len--;
    fm_close(fm);
}

int main(void)
{
    static const struct {
        const char *path;
        corpus_fn *make;
        enum text_rule rule;
        unsigned rate;
        enum fm_layout layout;
    } index[] = {{"meta.fmi", make_small_prose, TEXT_NONE, 60, FM_LAYOUT_FAST},
                 {"normal.fmi", make_small_prose, TEXT_GPT3, 4, FM_LAYOUT_FAST},
                 {"256.fmi", make_small_256, TEXT_NONE, 9, FM_LAYOUT_FAST},
                 {"small.fmi", make_small_prose, TEXT_GPT3, 60, FM_LAYOUT_SMALL},
                 {"small256.fmi", make_small_256, TEXT_NONE, 9, FM_LAYOUT_SMALL}};
    static const char *const section[] = {"HEAD", "HYPR", "SUPR", "BDIR", "BLKS", "ZROW", "MDIR",
                                          "MARK", "SAMP", "SINV", "DOCS", "DORD", "MIDX", "MBLK",
                                          "RIDX", "RBLK", "IDHS", "FLDS", "RUNS"};
    struct buf seen = {0};
    size_t bytes = 0;

    setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = WATCHDOG_S}, NULL);
    tmp_enter();
    for (size_t i = 0; i < sizeof index / sizeof *index; i++) {
        build_damage(index[i].path, index[i].make, index[i].rule, index[i].rate, index[i].layout);
        note_sections(index[i].path, &seen);
        noise(index[i].path);
        damage_versions(index[i].path, look);
        damage_hostile(index[i].path, look);
        bytes += damage_small(index[i].path, look);
    }
    for (size_t i = 0; i < sizeof section / sizeof *section; i++)
        T_CHECKF(strstr(seen.p, section[i]) != NULL, "no index here has section %s", section[i]);
    buf_free(&seen);
    printf("%zu kinds, %zu bytes, each flipped and cut at\n", sizeof index / sizeof *index, bytes);
    tmp_leave();
    return t_done("damage");
}
