/* kind.c - the kinds of index. */
#include "ann/kind.h"

#define ADDRESS(upper, name) &ann_kind_##name,

const struct ann_kind *const ann_kinds[ANN_KIND_COUNT] = {ANN_KINDS(ADDRESS, )};
