/* prop_codec_damage.c - damaged and hostile codec files, and codes that no vector has.
 *
 * One bit of every byte of small files is flipped, and they are cut to every shorter length:
 * codec_open() must say so. Then the checksums are made right again, so that it is the kind that
 * must look: numbers in sections and the sections' lengths are replaced by what a hostile writer
 * would choose. What opens all the same must encode, decode and scan without a crash, and without a
 * word from the sanitizer.
 */
#include "codec_forms.h"

#include "damage.h"

enum { DIM = 24, ROWS = 320, TRY = 67 };

static const char *form; /* being tried */

/* ---- using what was opened ---- */

static void scan_any(const struct codec *c, const uint8_t *codes, const float *q)
{
    const struct codec_kind *kind = c->spec.kind;
    float *key = malloc(TRY * sizeof *key), *low = malloc(TRY * sizeof *low);
    void *query = take(kind->query_bytes(c));
    const void *queries[] = {query};
    struct codec_list l;
    struct err e = {0};

    T_CHECK(codec_list_init(&l, c, codes, TRY, 1, &e) == 0);
    for (int m = VEC_L2; m <= VEC_IP; m++) {
        kind->query_init(c, (enum vec_metric)m, q, query);
        codec_list_scan(c, &l, queries, 1, key, kind->bounds ? low : NULL);
    }
    codec_list_free(&l);
    free(query);
    free(key);
    free(low);
}

static void use(const struct codec *c)
{
    float *x = vectors(SPREAD, TRY, c->dim, 8), *back = malloc(TRY * c->dim * sizeof *back);
    size_t bytes = (size_t)TRY * c->code_bytes;
    uint8_t *codes = malloc(bytes);
    uint64_t seed = 3;
    struct err e = {0};

    if (codec_encode(c, x, TRY, codes, 1, &e) == 0) {
        codec_decode(c, codes, TRY, back, 1, &e);
        scan_any(c, codes, x);
    }
    for (size_t i = 0; i < bytes; i++)
        codes[i] = (uint8_t)rand_u64(&seed);
    codec_decode(c, codes, TRY, back, 1, &e);
    scan_any(c, codes, x);
    memset(codes, 0xff, bytes);
    codec_decode(c, codes, TRY, back, 1, &e);
    scan_any(c, codes, x);
    free(x);
    free(back);
    free(codes);
}

/* ---- the file ---- */

static struct damage_file copy_of(const struct damage_file *f)
{
    struct damage_file c = {malloc(f->len), f->len};

    memcpy(c.p, f->p, f->len);
    return c;
}

static int open_bytes(struct codec **c, const uint8_t *p, size_t len, struct err *e)
{
    tmp_put("bad", p, len);
    return codec_open(c, "bad", cpu_detect(), e);
}

/* It is refused, or works. */
static void try_hostile(const struct damage_file *f)
{
    struct damage_file c = copy_of(f);
    struct codec *codec = NULL;
    struct err e = {0};

    damage_seal(&c);
    if (open_bytes(&codec, c.p, c.len, &e) == 0)
        use(codec);
    else
        T_CHECKF(e.code == ERR_CORRUPT || e.code == ERR_MEM, "%s: %d %s", form, e.code, e.msg);
    t_passed++;
    codec_free(codec);
    free(c.p);
}

static void check_words(const struct damage_file *f, uint64_t at, uint64_t len)
{
    static const uint32_t word[] = {0,          1,          2,          0x7f,       0xff,
                                    0x7fffffff, 0x80000000, ~0U,        0x7f800000, 0xff800000,
                                    0x7fc00000, 0x7f7fffff, 0x00000001, 0x00100000, 0xbf800000};
    enum { WORDS = sizeof word / sizeof *word, MOST = 400 };
    uint64_t step = len / 4 > MOST / 2 ? len / 4 / (MOST / 2) : 1, seed = at;

    for (uint64_t i = 0; i + 4 <= len; i += 4 * (i < 256 ? 1 : step)) {
        uint8_t old[4];
        size_t each = i < 32 || (i >= 96 && i < 128) ? 1 : 6;

        memcpy(old, f->p + at + i, 4);
        for (size_t w = rand_below(&seed, each); w < WORDS; w += each) {
            memcpy(f->p + at + i, &word[w], 4);
            try_hostile(f);
        }
        memcpy(f->p + at + i, old, 4);
    }
}

/* All of a section the same byte, or noise. */
static void check_fills(const struct damage_file *f, uint64_t at, uint64_t len)
{
    uint8_t *old = malloc(len + 1);
    uint64_t seed = 6;

    memcpy(old, f->p + at, len);
    for (int i = 0; i < 8; i++) {
        for (uint64_t k = 0; k < len; k++)
            f->p[at + k] = (uint8_t)(i == 0 ? 0 : i == 1 ? 255 : rand_u64(&seed));
        try_hostile(f);
    }
    memcpy(f->p + at, old, len);
    free(old);
}

static void check_lengths(const struct damage_file *f, uint8_t *r)
{
    static const int64_t by[] = {-64, -8, -4, -1, 1, 4, 8};
    uint64_t len = damage_get64(r + 16);

    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        damage_put64(r + 16, len + (uint64_t)by[i]);
        try_hostile(f);
    }
    damage_put64(r + 16, 0);
    try_hostile(f);
    damage_put64(r + 16, len);
    for (int i = 0; i < 8; i++) { /* as if it were not there, and another, to be known or not */
        r[4] ^= (uint8_t)(i / 4);
        r[i % 4] ^= 1;
        try_hostile(f);
        r[i % 4] ^= 1;
        r[4] ^= (uint8_t)(i / 4);
    }
}

static void check_hostile(const struct damage_file *f)
{
    for (size_t i = 0; i < damage_sections(f); i++) {
        uint8_t *r = damage_row(f, i);

        check_words(f, damage_get64(r + 8), damage_get64(r + 16));
        check_fills(f, damage_get64(r + 8), damage_get64(r + 16));
        check_lengths(f, r);
    }
}

/* With one section more: one that a reader must know is refused, another ignored. */
static void check_unknown(const char *path)
{
    for (uint32_t flags = 0; flags <= SECT_REQUIRED; flags++) {
        struct sect_file *f = NULL;
        struct sect_writer *w = NULL;
        struct codec *c = NULL;
        struct err e = {0};
        int rc;

        T_CHECK(sect_open(&f, path, "vcod", 1, &e) == 0);
        T_CHECK(sect_create(&w, "more", "vcod", 1, 0, &e) == 0);
        for (size_t i = 0; i < sect_count(f); i++) {
            struct sect_row r = sect_row(f, i);

            T_CHECK(sect_put(w, r.id, r.flags, sect_get(f, r.id, &r.len), r.len, &e) == 0);
        }
        T_CHECK(sect_put(w, "NEW0", flags, "new", 3, &e) == 0);
        T_CHECK(sect_commit(&w, &e) == 0);
        sect_close(f);
        rc = codec_open(&c, "more", cpu_detect(), &e);
        if (flags)
            T_CHECKF(rc == ERR_CORRUPT && !c && strstr(e.msg, "'NEW0'"), "%s: %s", form, e.msg);
        else
            T_CHECKF(rc == 0, "%s: %s", form, e.msg);
        codec_free(c);
    }
}

/* damage.h: what it is to open and use a codec. */
static int look(const char *path, bool hostile, struct err *e)
{
    struct codec *c = NULL;
    int rc = codec_open(&c, path, cpu_detect(), e);

    if (rc == 0 && hostile)
        use(c);
    codec_free(c);
    return rc;
}

int main(void)
{
    struct err e = {0};
    size_t bytes = 0;

    tmp_enter();
    for (size_t i = 0; i < FORMS; i++) {
        struct codec *c;
        struct damage_file f;

        form = forms[i].spec;
        c = trained(form, NORMAL, ROWS, DIM, cpu_detect(), 1);
        T_CHECKF(c != NULL, "%s", form);
        if (!c)
            continue;
        T_CHECK(codec_save(c, "good", &e) == 0);
        use(c);
        codec_free(c);
        check_unknown("good");
        f = damage_read("good");
        damage_versions("good", look);
        if (f.len < 9000) /* of each kind there is a form as small */
            bytes += damage_small("good", look);
        check_hostile(&f);
        free(f.p);
    }
    printf("%zu bytes, each flipped and cut at\n", bytes);
    tmp_leave();
    return t_done("codec_damage");
}
