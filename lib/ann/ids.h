/* ids.h - names of rows: one unique string of UTF-8, not empty, a row. Inside this domain only.
 *
 *   xxST  bytes of all ids, one after the other, in the order of the rows
 *   xxSO  where each begins, and the end of the last: n + 1 numbers of 4 bytes, or of 8 where xxST
 *         has 2^32 bytes or more
 *   xxSP  u32: the rows that are not deleted, in the order of their ids as bytes
 *
 * so that the id of a row is one look, and the row of an id a search by halves: nothing is made
 * when an index is opened. A deleted row has no id any more, and xxSO says that it is empty. xx is
 * ID; names of tenants are kept in the same way, with TN.
 *
 * Whatever the bytes, no look leaves the sections.
 */
#ifndef ANN_IDS_H
#define ANN_IDS_H

#include "ann/ann.h"
#include "base/mem.h"
#include "base/sect.h"

#define IDS_ROWS_MAX UINT64_C(0xffffffff)
#define IDS_NO_ROW   UINT64_MAX

struct id {
    const char *p;
    size_t len;
};

/* ---- in an index ---- */

struct ids {
    const char *prefix; /* of its sections: two letters */
    uint64_t rows, live;
    const char *text; /* NULL: the index has no ids */
    uint64_t text_len;
    const uint8_t *ends;
    unsigned width;
    const uint32_t *sorted; /* [live] */
};

/* Leaves *ids empty where the sections are missing. */
int ids_open(struct ids *ids, const struct sect_file *s, const char *prefix, uint64_t rows,
             uint64_t live, struct err *e);
struct id ids_of(const struct ids *ids, uint64_t row);
uint64_t ids_find(const struct ids *ids, struct id id); /* IDS_NO_ROW: none has it */
/* Ids are in order, different, UTF-8, and those of the rows that are not dead (bits; or NULL). */
int ids_check(const struct ids *ids, const struct sect_file *s, const uint64_t *dead,
              struct err *e);

/* ---- being written ---- */

struct ann_ids {
    struct buf text;
    uint64_t *end; /* [n] in text */
    size_t n, cap;
    uint32_t *sorted; /* [live] */
    uint64_t live;
};

/* ERR_INPUT with what is wrong with it: empty, no UTF-8. */
int ids_good(struct id id, struct err *e);
/* The next row's; of length 0: it has none. */
int ids_add(struct ann_ids *m, struct id id, struct err *e);
/* Sorts all. Two rows with one id: ERR_INPUT, and they are rows[0] < rows[1]. */
int ids_sort(struct ann_ids *m, uint64_t rows[2], struct err *e);
/* Of sorted ids: the row, or IDS_NO_ROW. */
uint64_t ids_find_made(const struct ann_ids *m, struct id id);
int ids_save(const struct ann_ids *m, const char *prefix, struct sect_writer *w, struct err *e);
void ids_free(struct ann_ids *m); /* {0} is fine */

static inline struct id ids_made(const struct ann_ids *m, uint64_t row)
{
    uint64_t from = row ? m->end[row - 1] : 0;

    return (struct id){m->text.p + from, (size_t)(m->end[row] - from)};
}

/* A hash table of such ids while they come: 1 + the number of the last that was given an id. */
struct ids_table {
    uint32_t *slot;
    size_t slots, used; /* slots: a power of two */
};

/* Where the id is, or would be (0); there is room. */
uint32_t *ids_slot(const struct ids_table *t, const struct ann_ids *m, struct id id);
/* Room for one more. */
int ids_table_room(struct ids_table *t, const struct ann_ids *m, struct err *e);

#endif
