/* hash.h - XXH3, 64 bits: section checksums and hash tables. Not for secrets. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

uint64_t hash64(const void *p, size_t len);

/* The same over pieces. */
struct hasher;
int hasher_new(struct hasher **out, struct err *e);
void hasher_reset(struct hasher *h);
void hasher_add(struct hasher *h, const void *p, size_t len);
uint64_t hasher_value(const struct hasher *h);
void hasher_free(struct hasher *h);

#endif
