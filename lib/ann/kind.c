/* kind.c - the kinds of index. */
#include "ann/kind.h"

const struct ann_kind *const ann_kinds[ANN_KINDS] = {&ann_graph, &ann_ivf, &ann_tenant_kind,
                                                     &ann_spann, &ann_hqi, &ann_osq};
