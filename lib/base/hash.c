/* hash.c - see hash.h.
 *
 * XXH_INLINE_ALL compiles the header's code here instead of calling libxxhash.so: the same speed at
 * 64 bytes (11 ns), 21 against 14 GB/s at 1 MB, measured with gcc 12 at -O3 on a Xeon (SSE2 both).
 */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>

struct hasher {
    XXH3_state_t state;
};

uint64_t hash64(const void *p, size_t len)
{
    return XXH3_64bits(p, len);
}

int hasher_new(struct hasher **out, struct err *e)
{
    struct hasher *h = aligned_alloc(_Alignof(struct hasher), sizeof *h);

    *out = h;
    if (!h)
        return err_set(e, ERR_MEM, "out of memory (%zu bytes)", sizeof *h);
    XXH3_INITSTATE(&h->state);
    hasher_reset(h);
    return 0;
}

void hasher_reset(struct hasher *h)
{
    XXH3_64bits_reset(&h->state);
}

void hasher_add(struct hasher *h, const void *p, size_t len)
{
    if (len > 0)
        XXH3_64bits_update(&h->state, p, len);
}

uint64_t hasher_value(const struct hasher *h)
{
    return XXH3_64bits_digest(&h->state);
}

void hasher_free(struct hasher *h)
{
    free(h);
}
