/* codec_kinds.h - the kinds of codec.c's registry, a file each. Inside this domain only. */
#ifndef VEC_CODEC_KINDS_H
#define VEC_CODEC_KINDS_H

#include "vec/codec.h"

extern const struct codec_kind codec_sq, codec_lvq, codec_pq, codec_opq, codec_rabitq, codec_osq,
    codec_qavq, codec_leanvec, codec_w4g;

/* codec.c: an empty codec of a spec, for who fills it. */
struct codec *codec_new(const struct codec_spec *s, uint32_t dim, enum cpu_level cpu,
                        struct err *e);

#endif
