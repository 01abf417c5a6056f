/* eval_int.h - what the files of eval.h share. */
#ifndef VEC_EVAL_INT_H
#define VEC_EVAL_INT_H

#include "vec/codec_kind.h"
#include "vec/eval.h"

struct eval {
    const struct codec *c;
    const struct eval_data *d;
    const struct eval_opts *o;
    enum vec_metric metric; /* of scans: l2 or ip */
    uint8_t *codes;         /* of the base, and as a list */
    struct codec_list list;
};

/* Prepared queries, one after the other. */
struct eval_queries {
    uint8_t *p;
    size_t bytes;    /* of one */
    const void **at; /* [n]: each */
    size_t n;
};

int eval_prepare(struct eval_queries *s, const struct codec *c, enum vec_metric m, const float *q,
                 size_t n, struct err *e);
void eval_forget(struct eval_queries *s);

/* Fills encode_vps, prepare_us, scan_vps and batch_vps. */
int eval_speed(struct eval_result *r, const struct eval *v, struct err *e);

#endif
