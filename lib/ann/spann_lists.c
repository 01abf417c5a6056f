/* spann_lists.c - rows go to lists, and the lists to a file: spann.h. Entries are spooled by ranges
 * of lists as they come, in memory or, beyond the bound, in files (base/spool.h); then one range
 * after the other is sorted, cut, packed and written. An entry:
 *
 *    0  4  u32  list
 *    4  4  u32  row
 *    8  4  f32  d, the squared distance to the head; -1 - d if it is the nearest: such rows stand
 *               first, the farthest of them first, and are never cut
 *   12          the code, filled up to a multiple of 4
 */
#include <stdlib.h>
#include <string.h>

#include "ann/spann.h"
#include "base/hash.h"

enum {
    ENTRY = 12,
    PART_BYTES = 64 << 20, /* of entries that are sorted together, about */
    PARTS_MOST = 4096,
    LONG = 2, /* times the mean: a list is cut there */
    ALIGN = 64,
};

struct entry {
    uint64_t cand; /* by distance and row; those of the nearest head first */
    const uint8_t *code;
};

int spann_lists_init(struct spann_lists *l, const struct codec *c, uint32_t lists, uint64_t entries,
                     struct spool_room *room, struct err *e)
{
    uint64_t parts;

    *l = (struct spann_lists){.codec = c, .room = room, .lists = lists};
    l->width = ENTRY + (c->code_bytes + 3) / 4 * 4;
    parts = entries * l->width / PART_BYTES + 1;
    l->parts = (uint32_t)(parts < PARTS_MOST ? parts : PARTS_MOST);
    l->parts = l->parts < lists ? l->parts : lists;
    l->part = mem_zero(l->parts, sizeof *l->part, e);
    l->size = mem_zero(lists, sizeof *l->size, e);
    if (!l->part || !l->size)
        return e->code;
    for (uint32_t i = 0; i < l->parts; i++)
        l->part[i].room = room;
    return 0;
}

void spann_lists_free(struct spann_lists *l)
{
    for (uint32_t i = 0; l->part && i < l->parts; i++)
        spool_free(&l->part[i]);
    free(l->part);
    free(l->size);
    *l = (struct spann_lists){0};
}

int spann_lists_add(struct spann_lists *l, uint32_t list, uint32_t row, uint32_t rank, float d,
                    const uint8_t *code, struct err *e)
{
    struct spool *p = &l->part[(uint64_t)list * l->parts / l->lists];
    float key = rank == 0 ? -1 - d : d;

    if (spool_reserve(p, l->width, e) < 0)
        return e->code;
    memcpy(p->p + p->len, &list, sizeof list);
    memcpy(p->p + p->len + 4, &row, sizeof row);
    memcpy(p->p + p->len + 8, &key, sizeof key);
    memcpy(p->p + p->len + ENTRY, code, l->codec->code_bytes);
    p->len += l->width;
    l->size[list]++;
    l->entries++;
    return 0;
}

/* ---- writing ---- */

/* Room for one range and one list. */
struct putting {
    struct entry *entry;
    uint64_t *at; /* [lists + 1] */
    uint8_t *codes, *packed;
    size_t packed_room;
};

static int by_cand(const void *a, const void *b)
{
    uint64_t x = ((const struct entry *)a)->cand, y = ((const struct entry *)b)->cand;

    return (x > y) - (x < y);
}

static void group(const struct spann_lists *l, const struct spool *part, struct putting *p)
{
    memset(p->at, 0, ((size_t)l->lists + 1) * sizeof *p->at);
    for (size_t i = 0; i < part->len; i += l->width) {
        uint32_t list;

        memcpy(&list, part->p + i, sizeof list);
        p->at[list + 1]++;
    }
    for (uint32_t i = 0; i < l->lists; i++)
        p->at[i + 1] += p->at[i];
    for (size_t i = 0; i < part->len; i += l->width) {
        uint32_t list, row;
        float key;

        memcpy(&list, part->p + i, sizeof list);
        memcpy(&row, part->p + i + 4, sizeof row);
        memcpy(&key, part->p + i + 8, sizeof key);
        p->entry[p->at[list]++] = (struct entry){cand_of(key, row),
                                                 (const uint8_t *)part->p + i + ENTRY};
    }
    memmove(p->at + 1, p->at, l->lists * sizeof *p->at);
    p->at[0] = 0;
}

/* How many of a list's n entries stay: none goes that is in its nearest head's list. */
static size_t cut(const struct spann_lists *l, const struct entry *list, size_t n)
{
    size_t least = 0;

    while (least < n && cand_key(list[least].cand) < 0)
        least++;
    return n <= l->most ? n : least > l->most ? least : l->most;
}

static int put_list(const struct spann_lists *l, const struct entry *list, size_t n,
                    struct putting *p, struct sect_writer *w, struct err *e)
{
    const struct codec *c = l->codec;
    size_t bytes = spann_list_bytes(c, n), done = 0;
    uint64_t sum;

    memset(p->packed, 0, bytes);
    for (size_t from = 0, m; from < n; from += m) {
        m = n - from < CODEC_LIST ? n - from : CODEC_LIST;
        for (size_t i = 0; i < m; i++)
            memcpy(p->codes + i * c->code_bytes, list[from + i].code, c->code_bytes);
        if (c->spec.kind->pack)
            c->spec.kind->pack(c, p->codes, c->code_bytes, m, p->packed + done);
        else
            memcpy(p->packed + done, p->codes, m * c->code_bytes);
        done += ivf_packed(c, m);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t row = cand_row(list[i].cand);

        memcpy(p->packed + done + i * sizeof row, &row, sizeof row);
    }
    sum = hash64(p->packed, spann_sum_at(c, n));
    memcpy(p->packed + spann_sum_at(c, n), &sum, sizeof sum);
    return sect_add(w, p->packed, bytes, e);
}

static int put_part(struct spann_lists *l, struct spool *part, struct putting *p,
                    struct sect_writer *w, struct err *e)
{
    int rc = 0;

    if (!(p->entry = mem_array(part->len / l->width, sizeof *p->entry, e)))
        return e->code;
    group(l, part, p);
    for (uint32_t i = 0; rc == 0 && i < l->lists; i++) {
        struct entry *list = p->entry + p->at[i];
        size_t n = (size_t)(p->at[i + 1] - p->at[i]);

        if (n == 0)
            continue;
        qsort(list, n, sizeof *list, by_cand);
        l->size[i] = (uint32_t)cut(l, list, n);
        rc = put_list(l, list, l->size[i], p, w, e);
    }
    free(p->entry);
    spool_free(part);
    return rc;
}

int spann_lists_put(struct spann_lists *l, bool resident, struct sect_writer *w, struct err *e)
{
    struct putting p = {0};
    uint32_t largest = 0;
    int rc = 0;

    for (uint32_t i = 0; i < l->lists; i++)
        largest = l->size[i] > largest ? l->size[i] : largest;
    l->most = l->lists ? (size_t)(LONG * l->entries / l->lists) + 1 : 0;
    p.at = mem_array((size_t)l->lists + 1, sizeof *p.at, e);
    p.codes = codec_array(CODEC_LIST, l->codec->code_bytes, e);
    p.packed = codec_array(spann_list_bytes(l->codec, largest) + ALIGN, 1, e);
    if (!p.at || !p.codes || !p.packed)
        rc = e->code;
    if (rc == 0)
        rc = sect_begin(w, "POST", SECT_REQUIRED | (resident ? 0 : SECT_APART), e);
    l->entries = 0;
    for (uint32_t i = 0; rc == 0 && i < l->parts; i++)
        rc = put_part(l, &l->part[i], &p, w, e);
    for (uint32_t i = 0; i < l->lists; i++)
        l->entries += l->size[i];
    free(p.at);
    free(p.codes);
    free(p.packed);
    return rc == 0 ? sect_end(w, e) : rc;
}
