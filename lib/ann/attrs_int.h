/* attrs_int.h - the bytes of attributes, and what the attrs_*.c files share: attrs.h.
 *
 * Numbers are packed: bits of one width, the first in the lowest bits of the first byte. Of each
 * column, in the order of the columns,
 *   ATTD  int, bool: value - base of each code, packed; float: f32 where all are, else f64; string,
 *         set: ends of the strings, packed, distinct + 1 from 0 on; then their bytes
 *   ATTC  codes of the rows, packed
 *   ATTL  sums: rows of the codes 1 .. i for i = 0 .. distinct, packed; places: bytes before the
 *         list of code i + 1, packed, distinct + 1; lists
 * A list begins at a byte. Of c rows of n it has, with l = floor(log2(n / c)), the l low bits of
 * each row and then, for each row in order, a 1 at the place (row >> l) + its number, c + (n >> l)
 * + 1 places in all (Elias and Fano). Rows of a set's string are a plain bitmap where 8 c >= n. A
 * value of any other column has no list where 64 c > n: comparing all codes is as fast.
 */
#ifndef ANN_ATTRS_INT_H
#define ANN_ATTRS_INT_H

#include <endian.h>
#include <string.h>

#include "ann/attrs.h"
#include "base/mem.h"

struct attrs_head {
    uint64_t rows;
    uint32_t columns, names; /* names: bytes */
};
_Static_assert(sizeof(struct attrs_head) == 16, "ATTH has no holes");

struct attrs_meta {
    uint8_t type, value_bits;
    uint16_t name; /* bytes, without the NUL */
    uint32_t distinct;
    uint64_t nulls;
    uint64_t pairs; /* of a row and a value */
    int64_t base;
    uint64_t text, lists; /* bytes */
};
_Static_assert(sizeof(struct attrs_meta) == 48, "ATTH has no holes");

enum {
    ATTRS_SLACK = 256,      /* bytes of zero behind the last part of a section */
    ATTRS_RANGES_MOST = 16, /* that a kernel compares with */
    LIST_SHARE = 64,        /* of a value of more rows than one of so many there is no list */
    LIST_MAP = 32 /* of a set's string of as many as one of so many a bitmap: it is larger,
                     and read in a tenth of the time */
};

/* What an opened set of columns owns, when it was made. */
struct attrs_made {
    struct buf head, dict, codes, lists; /* the sections */
};

/* Kernels. Codes are of `bits` 1 to 32 and not 31, and ATTRS_SLACK bytes may be read behind them.
 */
struct attrs_ops {
    const char *name;
    /* Rows whose code is in one of 1 to ATTRS_RANGES_MOST ranges; all words of bits, bits behind
     * the last row 0. */
    void (*scan)(const uint8_t *codes, unsigned bits, uint64_t rows, const struct attr_range *r,
                 size_t n, enum attrs_put put, uint64_t *out);
    uint64_t (*count)(const uint64_t *words, size_t n);
};

extern const struct attrs_ops attrs_ops_portable, attrs_ops_avx2, attrs_ops_avx512;

/* ---- packed numbers ---- */

/* Of numbers up to v: widths that two words would be read for are not used, and 31 is none of the
 * kernels'. */
static inline unsigned attrs_width(uint64_t v)
{
    unsigned bits = v ? 64 - (unsigned)__builtin_clzll(v) : 0;

    return bits > 57 ? 64 : bits == 31 ? 32 : bits;
}

static inline uint64_t attrs_bytes(uint64_t n, unsigned bits)
{
    return (n * bits + 7) / 8;
}

/* 57 bits and more from a place on. */
static inline uint64_t attrs_load(const uint8_t *p, uint64_t at)
{
    uint64_t v;

    memcpy(&v, p + at / 8, sizeof v);
    return le64toh(v) >> at % 8;
}

static inline uint64_t attrs_mask(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static inline uint64_t attrs_get(const uint8_t *p, unsigned bits, uint64_t i)
{
    return attrs_load(p, i * bits) & attrs_mask(bits);
}

/* Into bits that are 0. */
static inline void attrs_put_at(uint8_t *p, uint64_t at, uint64_t v)
{
    uint64_t w;

    memcpy(&w, p + at / 8, sizeof w);
    w = htole64(le64toh(w) | v << at % 8);
    memcpy(p + at / 8, &w, sizeof w);
}

static inline bool attrs_in(uint32_t code, const struct attr_range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (code - r[i].lo <= r[i].hi - r[i].lo)
            return true;
    return false;
}

static inline uint64_t attrs_join(uint64_t old, uint64_t now, enum attrs_put put)
{
    return put == ATTRS_SET ? now : put == ATTRS_AND ? old & now : old | now;
}

static inline bool attrs_is_text(enum attr_type t)
{
    return t == ATTR_STRING || t == ATTR_SET;
}

/* Bits of rows in the last word. */
static inline uint64_t attrs_last(uint64_t rows)
{
    return rows % 64 ? (UINT64_C(1) << rows % 64) - 1 : UINT64_MAX;
}

/* ---- lists (attrs_list.c) ---- */

/* Of a value of c rows of n: bytes. */
uint64_t list_size(uint64_t c, uint64_t n, bool set);
/* p: zero, with 8 bytes more. */
void list_make(const uint32_t *row, uint64_t c, uint64_t n, bool set, uint8_t *p);
/* The rows of the list of a code, 1 .. distinct, set in bits. Nothing of a list that does not lie
 * in its section. */
void list_or(const struct attrs_column *c, uint32_t code, uint64_t *bits);
/* Of a code that has a list: its rows, of which there is room for attrs_count(); how many. */
uint64_t list_rows(const struct attrs_column *c, uint32_t code, uint32_t *row);

/* ---- sections (attrs_pack.c) ---- */

/* Rows of each code, by code and then ascending: those of code i are row[start[i - 1]] up to
 * row[start[i]]. */
struct rows_of {
    uint32_t *row;   /* [start[distinct]] */
    uint64_t *start; /* [distinct + 1] */
    uint32_t distinct;
};

/* Of pairs of a code (0: none) and a row, which is the pair's number where row is NULL. Rows of a
 * code ascend where they do among the pairs. */
int rows_of_codes(struct rows_of *o, const uint32_t *code, const uint32_t *row, uint64_t pairs,
                  uint32_t distinct, struct err *e);
void rows_of_free(struct rows_of *o);
int attrs_pack_u64(struct buf *b, const uint64_t *v, uint64_t n, unsigned bits, struct err *e);
int attrs_pack_u32(struct buf *b, const uint32_t *v, uint64_t n, unsigned bits, struct err *e);
int attrs_pack_text(struct buf *b, const void *p, size_t len, struct err *e);
/* Sums, places and lists; *len: bytes of the lists. */
int attrs_pack_lists(struct buf *b, const struct rows_of *o, uint64_t rows, bool set, uint64_t *len,
                     struct err *e);

/* attrs.c: of sections in memory, which *a then owns, also where it fails. */
int attrs_open_made(struct attrs *a, struct attrs_made *made, uint64_t rows, enum cpu_level cpu,
                    struct err *e);

#endif
