/* host_copy.h - copies in the host's memory of what requests computed: of those that were driven
 * out, which have nothing else, and of others, which are worth keeping as long as nobody needs
 * their room. What goes first is what was used least lately, its end before its beginning; a copy
 * is always of a text's beginning.
 *
 * Cost     a few instructions a call, and one for each copy that goes.
 * Memory   32 bytes a request.
 */
#ifndef SIM_HOST_COPY_H
#define SIM_HOST_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct host_copy {
    uint32_t tokens, blocks;
    uint32_t prev, next; /* of those that may go, in the order of use */
    bool spare;          /* is among them */
    int64_t ready_ns;    /* when it is whole */
};

struct host_copies {
    uint32_t total, free, spare; /* blocks; spare: of copies that may go */
    uint32_t block_tokens;
    uint32_t n;
    uint64_t lost;          /* blocks of copies that had to go */
    struct host_copy *copy; /* [n + 1]; the last is the ends of the order */
};

int host_copies_init(struct host_copies *h, uint32_t n, uint32_t blocks, uint32_t block_tokens,
                     struct err *e);
void host_copies_close(struct host_copies *h);

/* The request's copy has so many tokens from now on, no fewer than it had, and must not go. False,
 * and nothing has changed: there is no room. */
bool host_copy_hold(struct host_copies *h, uint32_t request, uint32_t tokens);
/* It may go: it is the one used last. */
void host_copy_spare(struct host_copies *h, uint32_t request);
/* Only its first tokens are worth something. 0: it goes. */
void host_copy_cut(struct host_copies *h, uint32_t request, uint32_t tokens);
/* It is `to`'s, which has none. */
void host_copy_pass(struct host_copies *h, uint32_t from, uint32_t to);

/* Every block is free, or of one copy. For --check. */
bool host_copies_consistent(const struct host_copies *h);

#endif
