/* setup.c - see setup.h. */
#include "sim/setup.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "sim/memory.h"

enum { VIDUR_REQUESTS = 128, VIDUR_TOKENS = 4096, BLOCKS_MOST = 1000000000 };

static bool is_count(uint64_t v, uint64_t most)
{
    return v == SETUP_NONE || (v >= 1 && v <= most);
}

const char *setup_cost_wrong(const struct cost_opts *o)
{
    if (!(o->tp >= 0 && o->tp <= 1024 && o->tp == floor(o->tp)))
        return "'--tp' is a whole number, 1 to 1024";
    if (!(o->link_gbs >= 0 && o->link_us >= 0))
        return "'--link-gbs' and '--link-us' are 0 or more";
    return NULL;
}

const char *setup_wrong(const struct setup *s)
{
    const struct sched *sched = sched_at((size_t)s->sched);

    if (!s->table)
        return "'--cost' is needed: a table, a folder of layer tables, or roofline";
    if (!is_count(s->block, 1 << 20))
        return "'--block-size' is 1 to 1048576";
    if (!is_count(s->kv_blocks, BLOCKS_MOST))
        return "'--kv-blocks' is 1 to 1000000000";
    if (!is_count(s->seqs, 1 << 20))
        return "'--max-num-seqs' is 1 to 1048576";
    if (!is_count(s->budget, 1 << 30))
        return "'--max-num-batched-tokens' is 1 to 1073741824";
    if (!is_count(s->background, 1 << 20))
        return "'--background' is 1 to 1048576";
    if (s->max_length > UINT32_MAX)
        return "'--max-model-len' is up to 4294967295";
    if (!(s->utilization > 0 && s->utilization <= 1))
        return "'--gpu-memory-utilization' is above 0 and up to 1";
    if (!(s->reserve_gib >= 0))
        return "'--reserve-gib' is 0 or more";
    if (!(s->overhead_us >= 0 && s->overhead_us < 1e9))
        return "'--step-overhead-us' is 0 or more, and below a second";
    if (!(s->slower >= 0 && s->slower <= 1e6))
        return "'slower' is above 0, up to 1e6";
    if (s->host_blocks > BLOCKS_MOST || s->disk_blocks > BLOCKS_MOST)
        return "'--host-kv-blocks' and '--disk-kv-blocks' are up to 1000000000";
    if (!(s->host_gbs > 0 && s->disk_gbs > 0))
        return "'--host-gbs' and '--disk-gbs' are above 0";
    if (!(s->swap_gib >= 0))
        return "'--swap-space' is 0 or more";
    if (s->preemption == PREEMPTION_SWAP && s->compat == COMPAT_VIDUR)
        return "Vidur does not swap: '--preemption-mode swap' does not go with '--compat vidur'";
    if (s->preemption == PREEMPTION_SWAP && !sched->swaps)
        return "'--preemption-mode swap' is of vllm0: the other schedulers do not swap";
    if (s->host_blocks + s->disk_blocks > 0 && (!sched->prefix_cache || s->no_prefix_cache))
        return "'--host-kv-blocks' and '--disk-kv-blocks' need a prefix cache: that of vllm1 or "
               "continuum";
    return setup_cost_wrong(&s->cost_opts);
}

/* What was not asked for is the scheduler's default, but no more than was measured. */
static uint32_t limit(const struct setup *s, uint64_t given, uint32_t usual, double measured)
{
    if (given != SETUP_NONE)
        return (uint32_t)given;
    return measured > 0 && measured < usual && !s->cost_opts.extrapolate ? (uint32_t)measured
                                                                         : usual;
}

static void set_engine(struct setup *s)
{
    const struct sched *sched = sched_at((size_t)s->sched);
    struct engine_opts *o = &s->replay.engine;
    struct cost_memory m;
    bool vidur = s->compat == COMPAT_VIDUR;

    cost_memory(s->cost, &m);
    *o = (struct engine_opts){.block_tokens = (uint32_t)s->block,
                              .most_requests = limit(s, s->seqs,
                                                     vidur ? VIDUR_REQUESTS : sched->most_requests,
                                                     m.most_requests),
                              .most_tokens = limit(s, s->budget, sched->most_tokens, m.most_tokens),
                              .max_length = (uint32_t)s->max_length,
                              .watermark = sched->watermark,
                              .step_overhead_us = s->overhead_us,
                              .slower = s->slower,
                              .prefix_cache = !s->no_prefix_cache,
                              .background = (uint32_t)s->background,
                              .vidur = vidur,
                              .no_repeats = s->check};
    s->replay.sched = sched;
    s->replay.check = s->check;
}

/* Memory beside the GPU, and how long a block takes from there. */
static int set_tiers(struct setup *s, struct err *e)
{
    struct engine_opts *o = &s->replay.engine;
    bool swap = s->preemption == PREEMPTION_SWAP;
    struct cost_memory m;
    double bytes, n;

    if (!swap && s->host_blocks + s->disk_blocks == 0)
        return 0;
    cost_memory(s->cost, &m);
    if (!(m.kv_bytes > 0))
        return err_set(e, ERR_USAGE,
                       "the cost table does not say how large a token's keys and values are, so "
                       "how long they take to move is not known");
    bytes = m.kv_bytes * o->block_tokens;
    n = floor(s->swap_gib * 0x1p30 / bytes);
    o->swap_blocks = !swap ? 0 : n < BLOCKS_MOST ? (uint32_t)n : BLOCKS_MOST;
    o->tier_blocks[KV_HOST] = (uint32_t)s->host_blocks;
    o->tier_blocks[KV_DISK] = (uint32_t)s->disk_blocks;
    o->swap_block_us = o->tier_block_us[KV_HOST] = bytes / (1e3 * s->host_gbs);
    /* From the disk through the host's memory, one block under way here and one there. */
    o->tier_block_us[KV_DISK] = bytes / (1e3 * fmin(s->disk_gbs, s->host_gbs));
    return 0;
}

int setup_open(struct setup *s, struct err *e)
{
    struct memory_opts m = {.gpu = s->cost_opts.gpu,
                            .utilization = s->utilization,
                            .reserve_gib = s->reserve_gib,
                            .block_tokens = (uint32_t)s->block,
                            .vidur = s->compat == COMPAT_VIDUR,
                            .max_tokens = VIDUR_TOKENS};

    if (cost_open(&s->cost, s->table, &s->cost_opts, e) < 0)
        return e->code;
    set_engine(s);
    if (set_tiers(s, e) < 0)
        return e->code;
    s->replay.engine.kv_blocks = (uint32_t)s->kv_blocks;
    return s->kv_blocks != SETUP_NONE ? 0
                                      : memory_blocks(&s->replay.engine.kv_blocks, s->cost, &m, e);
}

void setup_close(struct setup *s)
{
    cost_close(s->cost);
    s->cost = NULL;
}

/* Where the objective of this name goes, and how many of it a unit is. */
static double *objective(struct slo *slo, const char *text, size_t len, double *unit)
{
    const struct {
        const char *name;
        double *to, unit;
    } known[] = {{"ttft", &slo->ttft_ns, 1e9},
                 {"tbt", &slo->tbt_ns, 1e9},
                 {"e2e", &slo->e2e_ns, 1e9},
                 {"prompt_rate", &slo->prompt_rate, 1},
                 {"ema_rate", &slo->ema_rate, 1}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == len && memcmp(known[i].name, text, len) == 0) {
            *unit = known[i].unit;
            return known[i].to;
        }
    return NULL;
}

bool setup_slo(struct slo *slo, const char *text)
{
    *slo = (struct slo){0};
    if (!text)
        return true;
    while (*text) {
        size_t name = strcspn(text, "=,"), len = strcspn(text, ",");
        double unit, v, *to = objective(slo, text, name, &unit);
        char number[40];

        if (!to || text[name] != '=' || len - name > sizeof number - 1)
            return false;
        memcpy(number, text + name + 1, len - name - 1);
        number[len - name - 1] = '\0';
        if (!num_double(number, &v) || !(v > 0) || *to > 0)
            return false;
        *to = unit * v;
        text += len;
        if (*text == ',' && !*++text)
            return false;
    }
    return true;
}
