/* grants.h - which tenant may see which rows: read from a file, held while an index is made, and
 * changed. Inside this domain only, but for what ann.h says.
 *
 * Tenants have numbers in the order in which they were met, and their names are kept as ids are
 * (ids.h). Pairs come in any order and as often as they like; grants_settle() puts them in order,
 * each once.
 */
#ifndef ANN_GRANTS_H
#define ANN_GRANTS_H

#include "ann/ids.h"
#include "base/jsonl.h"

enum { GRANTS_NAME_MOST = 4096 /* bytes of a tenant's name */ };
#define GRANTS_ROWS_MAX    UINT64_C(0x7fffffff)
#define GRANTS_TENANTS_MAX UINT64_C(0x7fffffff)

struct grant {
    uint32_t tenant, row;
};

struct ann_grants {
    struct ann_ids names; /* of tenants */
    struct ids_table table;
    struct grant *come; /* not settled yet */
    size_t n, cap;
    size_t settled;  /* tenants that were there by then */
    uint64_t *start; /* [settled + 1]: where the rows of each begin */
    uint32_t *row;   /* ascending in each */
};

/* ERR_INPUT with why it cannot be a tenant's name. */
int grants_good(struct id name, struct err *e);
/* The tenant's number; it is made one if there is none of the name. ERR_INPUT: it cannot be one. */
int grants_tenant(struct ann_grants *g, struct id name, uint32_t *tenant, struct err *e);
/* Its number, or ANN_NO_TENANT. */
uint32_t grants_find_tenant(const struct ann_grants *g, struct id name);
int grants_add(struct ann_grants *g, uint32_t tenant, uint64_t row, struct err *e);
/* Sorts names and pairs. */
int grants_settle(struct ann_grants *g, struct err *e);
/* Of those settled. */
bool grants_has(const struct ann_grants *g, uint32_t tenant, uint64_t row);
void grants_free(struct ann_grants *g); /* {0} is fine */

/* ---- as text: grants_read.c ---- */

/* The row's number, digits alone: false if it is none. */
bool grants_row(const char *p, size_t len, uint64_t *row);
/* A tenant or an array of some, as JSON Lines has them; each is told, decoded into room. */
typedef int grants_each(void *ctx, struct id name, struct err *e);
int grants_names(const struct jsonl_span *v, struct buf *room, grants_each *each, void *ctx,
                 struct err *e);

/* ---- changes of settled ones ---- */

struct grants_changes {
    uint64_t *slot; /* a hash table: tenant, grant or not, row */
    size_t slots, used;
};

/* From now on the pair is there, or is not. */
int grants_change(struct grants_changes *c, uint32_t tenant, uint64_t row, bool granted,
                  struct err *e);
/* Is it there, with what was before? g: settled, but tenants may have come since. */
bool grants_now(const struct grants_changes *c, const struct ann_grants *g, uint32_t tenant,
                uint64_t row);
/* *out, {0}, settled: what is there now, of the rows that are not dead (bits). */
int grants_changed(const struct grants_changes *c, const struct ann_grants *g, const uint64_t *dead,
                   struct ann_grants *out, struct err *e);
void grants_changes_free(struct grants_changes *c);

#endif
