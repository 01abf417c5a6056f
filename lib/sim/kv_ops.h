/* kv_ops.h - what requests ask of an allocator of KV blocks, one after the other: read, made of a
 * serving trace, written, and played to an allocator (kv_alloc.h).
 *
 * A file is TSV under a line `# t op request blocks`, in any order of columns, or JSON Lines with
 * members of those names: `alloc` and `grow` ask for blocks, `free` gives all of a request's back.
 * A request may be allocated again when it was freed. t does not go back; what it counts is not
 * said.
 *
 * Errors   ERR_INPUT names file and line.
 * Memory   24 bytes an operation.
 */
#ifndef SIM_KV_OPS_H
#define SIM_KV_OPS_H

#include "base/out.h"
#include "sim/kv_alloc.h"
#include "sim/load.h"

enum kv_op_kind { KV_OP_ALLOC, KV_OP_GROW, KV_OP_FREE };

struct kv_op {
    uint64_t t;
    uint32_t request, blocks;
    enum kv_op_kind kind;
};

struct kv_ops { /* {0} is none */
    struct kv_op *v;
    size_t n, cap;
    uint32_t requests;
};

struct kv_ops_opts {
    uint32_t block_tokens;
    uint32_t most; /* blocks that are held at once */
};

int kv_ops_read(struct kv_ops *o, const char *path, struct err *e);
/* Requests in the trace's order, each as soon as its prompt fits beside the others, a token of each
 * a step; where that does not fit the one that came last goes, and comes again, with what it had.
 * One that never fits is left out. */
int kv_ops_make(struct kv_ops *o, const struct trace_set *t, const struct kv_ops_opts *how,
                struct err *e);
void kv_ops_write(const struct kv_ops *o, struct out *to);
void kv_ops_free(struct kv_ops *o);

struct kv_played {
    uint64_t refused;       /* operations for which there were not so many blocks */
    uint64_t frees, copies; /* of requests that held some; what would have moved them */
};

struct kv_player {
    const struct kv_ops *ops;
    struct kv_alloc *a;
    struct kv_held *held; /* [requests] */
    struct kv_played done;
    size_t at; /* the next operation */
};

int kv_player_init(struct kv_player *p, const struct kv_ops *ops, struct kv_alloc *a,
                   struct err *e);
/* Up to so many more: false when there are none left. */
bool kv_player_go(struct kv_player *p, size_t most);
void kv_player_free(struct kv_player *p);

#endif
