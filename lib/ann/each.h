/* each.h - n things are done, each by one of some threads, in any order.
 *
 * Errors   of what fails the first thing's, however many threads there are.
 */
#ifndef ANN_EACH_H
#define ANN_EACH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct each {
    uint64_t n;
    int threads;
    void *ctx;
    /* Room of a thread: so many bytes, zero at first; begin and end are NULL where there is none.
     */
    size_t room;
    int (*begin)(void *room, void *ctx, struct err *e);
    void (*end)(void *room);
    int (*one)(void *ctx, uint64_t i, void *room, struct err *e);
};

int each(const struct each *f, struct err *e);

#endif
