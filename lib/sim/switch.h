/* switch.h - how requests are moved out of a GPU and back, and what that came to: options and
 * counts of schedulers that switch contexts (sched_fastswitch.c).
 *
 * A swap of b blocks is n copies, for each layer and for keys and values apart: of each block, or
 * of each run of blocks that lie side by side. It takes n x t + bytes / BW, where BW, which depends
 * on the size of a copy, is gbs x size / (size + half): so n (t + half / gbs) + bytes / gbs.
 */
#ifndef SIM_SWITCH_H
#define SIM_SWITCH_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/kv_alloc.h"
#include "sim/priority.h"

struct switch_opts {
    const struct kv_alloc_kind *alloc; /* NULL: groups */
    struct kv_alloc_opts places;       /* all but `blocks` */
    bool async;                        /* copies run beside the steps */
    bool reuse;                        /* host copies stay, and only what is new is copied */
    enum priority_pattern pattern;
    uint32_t period; /* steps from one draw of priorities to the next; 0: none are drawn */
    uint64_t seed;
    double dispatch_us, gbs, half_bytes; /* of a copy */
    uint32_t copies;                     /* that a block, or a run, is */
    double block_bytes;
};

struct switch_counts {
    uint64_t out, in; /* requests that were moved */
    uint64_t copies;
    double out_bytes, in_bytes;
    uint64_t conflicts;   /* requests that got blocks that were still on their way out */
    double conflict_us;   /* of the waits for copies, what those are */
    uint64_t lost_blocks; /* of host copies, overwritten before they were of use */
};

static inline void switch_counts_add(struct switch_counts *sum, const struct switch_counts *of)
{
    sum->out += of->out;
    sum->in += of->in;
    sum->copies += of->copies;
    sum->out_bytes += of->out_bytes;
    sum->in_bytes += of->in_bytes;
    sum->conflicts += of->conflicts;
    sum->conflict_us += of->conflict_us;
    sum->lost_blocks += of->lost_blocks;
}

#endif
