/* zoo_int.h - what the files of zoo.h share. */
#ifndef VEC_ZOO_INT_H
#define VEC_ZOO_INT_H

#include "base/mem.h"
#include "vec/zoo.h"

/* "A/B" or "A/B/C", with its NUL, into out. c NULL: no third part. */
int zoo_path(struct buf *out, const char *a, const char *b, const char *c, struct err *e);
/* Of *len bytes, without slashes behind it. */
const char *zoo_last_part(const char *path, size_t *len);

/* Names in a folder, in the order of their bytes; those that begin with '.' are left out. */
struct zoo_names {
    char **v;
    size_t n, cap;
};
int zoo_names(struct zoo_names *out, const char *folder, struct err *e);
void zoo_names_free(struct zoo_names *n);

/* Of a block's bytes, as an object's name without what tells those apart that hash alike. */
void zoo_hash(const struct zoo *z, const void *p, size_t len, char out[ZOO_OBJECT]);
/* The first object whose name does not go before this one. */
size_t zoo_object_from(const struct zoo *z, const char *name);
/* The model's list, as it stands in the store. */
int zoo_list(const struct zoo_model *m, struct buf *out, struct err *e);
int zoo_keep_model(struct zoo *z, struct zoo_model *m, struct err *e); /* *m is the store's then */
void zoo_model_free(struct zoo_model *m);

/* zoo_near.c: the cosine of two npy of the same type and shape, or -2 if they are not, or were not
 * above the bound by far. */
int zoo_cosine(const char *a, const char *b, double bound, double *cosine, struct err *e);

#endif
