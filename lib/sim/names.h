/* names.h - texts become numbers, in the order in which they appear first. */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct names {      /* {0} is empty */
    uint32_t *slot; /* [slots]: 1 + the number, 0 is free */
    size_t slots, n;
    struct buf text;
    uint64_t *end;
    size_t end_cap;
};

#define NAMES_NONE UINT32_MAX

/* Its number; a new text gets the next. 0 or ERR_MEM. */
int names_add(struct names *n, const char *p, size_t len, uint32_t *number, struct err *e);
/* NAMES_NONE if it was never added. */
uint32_t names_find(const struct names *n, const char *p, size_t len);
const char *names_text(const struct names *n, uint32_t number, size_t *len);
void names_free(struct names *n);

#endif
