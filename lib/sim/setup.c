/* setup.c - see setup.h. */
#include "sim/setup.h"

#include <math.h>
#include <string.h>

#include "base/list.h"
#include "base/num.h"
#include "sim/memory.h"

enum { VIDUR_REQUESTS = 128, VIDUR_TOKENS = 4096, BLOCKS_MOST = 1000000000 };

static bool is_count(uint64_t v, uint64_t most)
{
    return v == SETUP_NONE || (v >= 1 && v <= most);
}

const char *setup_cost_wrong(const struct cost_opts *o)
{
    if (!(o->tp >= 1 && o->tp <= 1024 && o->tp == floor(o->tp)))
        return "'--tp' is a whole number, 1 to 1024";
    if (!(o->link_gbs >= 0 && o->link_us >= 0))
        return "'--link-gbs' and '--link-us' are 0 or more";
    return NULL;
}

const char *setup_cards_wrong(const char *tables, const struct cost_opts *o)
{
    static const char roofline[] = "roofline";
    const char *p;
    size_t len;

    while ((p = list_item(&tables, &len)))
        if (len == sizeof roofline - 1 && memcmp(p, roofline, len) == 0 && (!o->model || !o->gpu))
            return "'--cost roofline' needs cards: '--model' and '--gpu'";
    return NULL;
}

static const char *switching_wrong(const struct setup_switching *w)
{
    if (!(w->frequency >= 0 && w->frequency <= 1))
        return "'--priority-frequency' is 0 to 1";
    if (!is_count(w->group, KV_GROUP_MOST))
        return "'--group' is 1 to 4096";
    if (!(w->spare_share >= 0 && w->spare_share <= 1))
        return "'--spare' is 0 to 1";
    if (!(w->dispatch_us >= 0 && w->dispatch_us < 1e9))
        return "'--swap-dispatch-us' is 0 or more, and below a second";
    if (!(w->gbs > 0))
        return "'--swap-gbs' is above 0";
    if (!(w->half_kib >= 0 && w->half_kib < 1e9))
        return "'--swap-half-kib' is 0 to 1e9";
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
    if (!is_count(s->max_length, UINT32_MAX))
        return "'--max-model-len' is 1 to 4294967295";
    if (!(s->utilization > 0 && s->utilization <= 1))
        return "'--gpu-memory-utilization' is above 0 and up to 1";
    if (!(s->reserve_gib >= 0))
        return "'--reserve-gib' is 0 or more";
    if (!(s->overhead_us >= 0 && s->overhead_us < 1e9))
        return "'--step-overhead-us' is 0 or more, and below a second";
    if (!(s->slower > 0 && s->slower <= 1e6))
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
    return switching_wrong(&s->switching) ? switching_wrong(&s->switching)
                                          : setup_cost_wrong(&s->cost_opts);
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
                              .max_length = setup_max_length(s),
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

static int no_kv_size(struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "the cost table does not say how large a token's keys and values are, so how "
                   "long they take to move is not known");
}

static void set_swap(struct setup *s, double bytes)
{
    double n = floor(s->swap_gib * 0x1p30 / bytes);

    s->replay.engine.swap_blocks = n < BLOCKS_MOST ? (uint32_t)n : BLOCKS_MOST;
}

/* A scheduler that switches contexts always has the host's memory. */
static int set_switching(struct setup *s, struct err *e)
{
    const struct setup_switching *w = &s->switching;
    struct cost_memory m;

    if (!s->replay.sched->switched)
        return 0;
    cost_memory(s->cost, &m);
    if (!(m.kv_bytes > 0) || !(m.layers > 0))
        return no_kv_size(e);
    set_swap(s, m.kv_bytes * (double)s->block);
    s->replay.engine.switching = (struct switch_opts){
        .alloc = kv_alloc_kind_at((size_t)w->alloc),
        .places = {.group = (uint32_t)w->group, .spare_share = w->spare_share},
        .async = w->mode > 0,
        .reuse = w->reuse,
        .pattern = (enum priority_pattern)w->pattern,
        .period = w->frequency > 0 ? (uint32_t)fmin(round(1 / w->frequency), 1e9) : 0,
        .seed = w->seed,
        .dispatch_us = w->dispatch_us,
        .gbs = w->gbs,
        .half_bytes = 1024 * w->half_kib,
        .copies = (uint32_t)(2 * m.layers),
        .block_bytes = m.kv_bytes * (double)s->block};
    return 0;
}

/* Memory beside the GPU, and how long a block takes from there. */
static int set_tiers(struct setup *s, struct err *e)
{
    struct engine_opts *o = &s->replay.engine;
    bool swap = s->preemption == PREEMPTION_SWAP;
    struct cost_memory m;
    double bytes;

    if (!swap && s->host_blocks + s->disk_blocks == 0)
        return 0;
    cost_memory(s->cost, &m);
    if (!(m.kv_bytes > 0))
        return no_kv_size(e);
    bytes = m.kv_bytes * o->block_tokens;
    if (swap)
        set_swap(s, bytes);
    o->tier_blocks[KV_HOST] = (uint32_t)s->host_blocks;
    o->tier_blocks[KV_DISK] = (uint32_t)s->disk_blocks;
    o->swap_block_us = o->tier_block_us[KV_HOST] = bytes / (1e3 * s->host_gbs);
    /* From the disk through the host's memory, one block under way here and one there. */
    o->tier_block_us[KV_DISK] = bytes / (1e3 * fmin(s->disk_gbs, s->host_gbs));
    return 0;
}

int setup_blocks(const struct setup *s, uint32_t *blocks, struct err *e)
{
    struct memory_opts m = {.gpu = s->cost_opts.gpu,
                            .utilization = s->utilization,
                            .reserve_gib = s->reserve_gib,
                            .block_tokens = (uint32_t)s->block,
                            .vidur = s->compat == COMPAT_VIDUR,
                            .max_tokens = VIDUR_TOKENS};

    return memory_blocks(blocks, s->cost, &m, e);
}

int setup_open(struct setup *s, struct err *e)
{
    if (cost_open(&s->cost, s->table, &s->cost_opts, e) < 0)
        return e->code;
    set_engine(s);
    if (set_tiers(s, e) < 0 || set_switching(s, e) < 0)
        return e->code;
    s->replay.engine.kv_blocks = (uint32_t)s->kv_blocks;
    return s->kv_blocks != SETUP_NONE ? 0 : setup_blocks(s, &s->replay.engine.kv_blocks, e);
}

void setup_close(struct setup *s)
{
    cost_close(s->cost);
    s->cost = NULL;
}

static int sched_named(const char *p, size_t len)
{
    for (size_t i = 0; sched_at(i); i++)
        if (strlen(sched_at(i)->name) == len && memcmp(sched_at(i)->name, p, len) == 0)
            return (int)i;
    return -1;
}

size_t setup_scheds(const char *list, int *v, size_t most)
{
    const char *p;
    size_t n = 0, len;

    while ((p = list_item(&list, &len)))
        if (n == most || (v[n++] = sched_named(p, len)) < 0)
            return 0;
    return n;
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
