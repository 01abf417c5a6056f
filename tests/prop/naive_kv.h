/* naive_kv.h - the state of naive_sched.h's replica, its queues and its blocks: of the GPU, and of
 * the host and the disk behind it.
 */
#ifndef TESTS_NAIVE_KV_H
#define TESTS_NAIVE_KV_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "naive_map.h"

enum { REQUESTS_MOST = 200, BLOCKS_MOST = 512, HASHES_MOST = 64, GAPS_MOST = 1 << 16, TIERS = 2 };
enum { TEXT_MOST = 2048, BLOCK_TOKENS_MOST = 16 };

enum policy {
    STATIC,
    ORCA,
    VLLM0,
    VLLM1,
    SARATHI,
    SPLITFUSE,
    LIGHTLLM,
    CONTINUUM,
    NANOFLOW,
    BATCHLLM,
    FASTSWITCH,
    POLICIES
};

/* How FastSwitch moves requests, and when it draws priorities. */
struct moves {
    bool single, async, reuse, markov;
    int group, period, copies;
    double aside, dispatch_us, gbs, half_bytes, block_bytes;
    uint64_t seed;
};

struct rules {
    enum policy policy;
    bool vidur, priorities;
    bool sharing; /* the prefix cache is on */
    bool hashed;  /* the trace says which blocks are alike */
    int blocks, block_tokens, most_requests, most_tokens, max_length;
    int clients;    /* 0: requests come at their times */
    int background; /* requests of a step up to which those join */
    double watermark, overhead_us;
    int swap_blocks; /* the host's, for who is driven out */
    int tier[TIERS]; /* blocks of the host's memory and the disk, for the prefix cache */
    double swap_us, tier_us[TIERS];
    struct moves moves;
};

struct request {
    /* Given: */
    int64_t t_ns, tool_ns;
    int prompt, output, priority;
    int session, tool; /* -1: none */
    int after[4], n_after;
    uint64_t hash[HASHES_MOST];
    int n_hashes;
    int group; /* batchllm: of one request at least */
    /* Of programs: how many of `after` it goes on from, tokens that those begin with, how many are
     * taken over (-1: all), a race (-1: none) and how many win it, whose end (-1: nobody's) makes
     * the output another. */
    int joins, common, reuse, race, winners, if_ended, then_output;
    bool background;
    int given_prompt, given_output; /* as the trace has them */
    /* Its way: */
    enum { AHEAD, WAITING, RUNNING, SWAPPED, ENDED, REJECTED, HELD, COMING, PAUSED, STOPPED } state;
    int64_t arrival, start, first, end, last;
    int need, computed, given, preemptions, hits;
    long came; /* which one to arrive it was */
    int block[BLOCKS_MOST], n_blocks, named;
    bool admitted;
    /* What each token that it took over is, and where in its
     * blocks; blocks and tokens of these; tokens behind which no place
     * is lost. */
    int text[TEXT_MOST], place[TEXT_MOST], taken_blocks, taken, solid;
    bool lost;     /* what it kept for others, or had taken over */
    int64_t there; /* on its way in: when it is */
    long came_in;
};

/* Of a request in the host's memory. */
struct copy {
    int tokens;
    long spare_since; /* 0: it must not go */
    int64_t ready;
};

struct block {
    int holders;
    bool named;
    uint64_t hash;
    long freed_at, named_at;
    int token[BLOCK_TOKENS_MOST]; /* what stands in it */
};

/* A block that is not in the GPU. */
struct aside {
    uint64_t hash;
    long used_at;
};

/* Blocks of a session that are kept while its tool runs. */
struct pin {
    int session, block[BLOCKS_MOST], n_blocks;
    int64_t until;
};

/* Requests that share their first `prefix` tokens. */
struct team {
    int prefix;
    bool begun; /* its prefix is there, or is of no whole block */
    int leader; /* who computes it; -1: nobody */
    int block[BLOCKS_MOST], n_blocks;
};

struct queue {
    int v[REQUESTS_MOST], n;
};

struct naive {
    struct rules o;
    struct request r[REQUESTS_MOST];
    int n;
    struct queue waiting, running, swapped, idle, paused, offered;
    struct block block[BLOCKS_MOST];
    struct aside aside[TIERS][BLOCKS_MOST];
    int n_aside[TIERS];
    double moving_us; /* what the next step waits for */
    long swaps, tier_tokens[TIERS];
    long clock;
    int batch[REQUESTS_MOST], tokens[REQUESTS_MOST], n_batch;
    /* The parts of a step that products may hide: of memory, of the network. */
    double (*read_us)(double us, int decodes);
    double (*sent_us)(double us, int decodes, int tokens);
    double (*us)(int decodes, const int *context, int pieces, const int *chunk, const int *kv);
    bool restarted; /* somebody, while the step was formed */
    int since_prompts;
    struct pin pin[REQUESTS_MOST]; /* in the order in which they were set */
    int n_pins;
    double waited_s, waited_tokens;
    double tool_s[REQUESTS_MOST]; /* what tools took, in the order in which that was known */
    int tool_of[REQUESTS_MOST], n_tools;
    struct team team[2 * REQUESTS_MOST];
    int failed;        /* batchllm: who found no blocks; -1: nobody */
    struct queue late; /* nanoflow: ended, which it learns after their next step */
    int vain, vain_context[REQUESTS_MOST]; /* of them in the step */
    int64_t done[REQUESTS_MOST]; /* when requests ended, or were rejected, one after the other */
    int n_done;
    int64_t now, step_end;
    bool busy, stuck;
    long steps, preemptions, computed, gaps, reused;
    int peak;
    bool programs, kin; /* there are some; some go on from others */
    int64_t gap[GAPS_MOST];
    struct map map; /* fastswitch: the places of blocks */
    struct copy copy[REQUESTS_MOST];
    int64_t leaving[BLOCKS_MOST], out_free, in_free, wait_until;
    int last_turn[REQUESTS_MOST]; /* of a session */
    uint64_t epoch;
    long moves, copies, conflicts, lost_blocks;
    double moved_bytes;
};

/* ---- queues ---- */

static void queue_insert(struct queue *q, int at, int request)
{
    memmove(&q->v[at + 1], &q->v[at], (size_t)(q->n - at) * sizeof *q->v);
    q->v[at] = request;
    q->n++;
}

static int queue_remove(struct queue *q, int at)
{
    int request = q->v[at];

    q->n--;
    memmove(&q->v[at], &q->v[at + 1], (size_t)(q->n - at) * sizeof *q->v);
    return request;
}

static int queue_find(const struct queue *q, int request)
{
    for (int i = 0; i < q->n; i++)
        if (q->v[i] == request)
            return i;
    return -1;
}

/* ---- blocks ---- */

static int blocks_of(const struct naive *s, int tokens)
{
    return (tokens + s->o.block_tokens - 1) / s->o.block_tokens;
}

static int free_blocks(const struct naive *s)
{
    int n = 0;

    for (int i = 0; i < s->o.blocks; i++)
        n += s->block[i].holders == 0;
    return n;
}

/* Of a tier, the block with this text; -1: it has none. */
static int find_aside(const struct naive *s, int tier, uint64_t hash)
{
    for (int i = 0; i < s->n_aside[tier]; i++)
        if (s->aside[tier][i].hash == hash)
            return i;
    return -1;
}

/* Into a tier, whose block that was used least lately goes to the next one if need be. */
static void put_aside(struct naive *s, int tier, uint64_t hash)
{
    int at, oldest = 0;

    if (tier == TIERS)
        return;
    at = find_aside(s, tier, hash);
    for (int i = 1; i < s->n_aside[tier]; i++)
        if (s->aside[tier][i].used_at < s->aside[tier][oldest].used_at)
            oldest = i;
    if (s->o.tier[tier] == 0) {
        put_aside(s, tier + 1, hash);
        return;
    }
    if (at < 0 && s->n_aside[tier] < s->o.tier[tier]) {
        at = s->n_aside[tier]++;
    } else if (at < 0) {
        at = oldest;
        put_aside(s, tier + 1, s->aside[tier][at].hash);
    }
    s->aside[tier][at] = (struct aside){hash, ++s->clock};
}

/* The free block that has been so for longest; whatever it held is lost, or goes aside. */
static void take_block(struct naive *s, struct request *r)
{
    int best = -1;

    for (int i = 0; i < s->o.blocks; i++)
        if (s->block[i].holders == 0 &&
            (best < 0 || s->block[i].freed_at < s->block[best].freed_at))
            best = i;
    if (best < 0)
        abort();
    if (s->block[best].named)
        put_aside(s, 0, s->block[best].hash);
    s->block[best].holders = 1;
    s->block[best].named = false;
    r->block[r->n_blocks++] = best;
}

/* Places before its own tokens that hold none of its text. */
static int holes_of(const struct request *r)
{
    return r->taken > 0 ? r->place[r->taken - 1] + 1 - r->taken : 0;
}

/* Its own first token would go where others read. */
static bool must_copy(const struct naive *s, const struct request *r)
{
    return r->taken > 0 && r->computed == r->taken && r->n_blocks == r->taken_blocks &&
           (r->place[r->taken - 1] + 1) % s->o.block_tokens != 0 &&
           s->block[r->block[r->n_blocks - 1]].holders > 1;
}

/* Free blocks that it needs to hold so many tokens. */
static int blocks_wanted(const struct naive *s, const struct request *r, int tokens)
{
    int more = blocks_of(s, tokens + holes_of(r)) - r->n_blocks;

    return (more > 0 ? more : 0) + must_copy(s, r);
}

static void take_for(struct naive *s, struct request *r, int tokens)
{
    if (must_copy(s, r)) {
        int old = r->block[--r->n_blocks];

        s->block[old].holders--;
        take_block(s, r);
        memcpy(s->block[r->block[r->n_blocks - 1]].token, s->block[old].token,
               sizeof s->block[old].token);
    }
    while (r->n_blocks < blocks_of(s, tokens + holes_of(r)))
        take_block(s, r);
}

/* The last first. */
static void give_blocks(struct naive *s, const int *v, int *n)
{
    while (*n > 0) {
        struct block *b = &s->block[v[--*n]];

        if (--b->holders == 0)
            b->freed_at = ++s->clock;
    }
}

static void give_back(struct naive *s, struct request *r)
{
    give_blocks(s, r->block, &r->n_blocks);
    r->named = 0;
}

/* All but what it took over and others hold too, as far as that goes from the beginning. */
static void give_own(struct naive *s, struct request *r)
{
    int kept = 0, tokens = 0, own;

    while (kept < r->taken_blocks && s->block[r->block[kept]].holders > 1)
        kept++;
    while (tokens < r->taken && r->place[tokens] < kept * s->o.block_tokens)
        tokens++;
    if (kept < r->taken_blocks && holes_of(r) > 0 && tokens <= r->solid)
        kept = tokens = 0;
    own = r->n_blocks - kept;
    give_blocks(s, r->block + kept, &own);
    r->n_blocks = r->taken_blocks = kept;
    r->taken = tokens;
    r->named = 0;
}

/* The block that has held this text for longest. */
static int find_block(const struct naive *s, uint64_t hash)
{
    int best = -1;

    for (int i = 0; i < s->o.blocks; i++)
        if (s->block[i].named && s->block[i].hash == hash &&
            (best < 0 || s->block[i].named_at < s->block[best].named_at))
            best = i;
    return best;
}

/* What a block of the request holds: as the trace says, or what is like nothing else. */
static uint64_t text_of(const struct naive *s, const struct request *r, int i)
{
    return s->o.hashed && i < r->n_hashes
               ? r->hash[i]
               : UINT64_C(1) << 62 | (uint64_t)(r - s->r) << 32 | (uint64_t)i;
}

/* All blocks that are full once `tokens` are computed can be found from now on. */
static void name_blocks(struct naive *s, struct request *r, int tokens)
{
    for (; s->o.sharing && r->taken == 0 && r->named < tokens / s->o.block_tokens; r->named++) {
        struct block *b = &s->block[r->block[r->named]];

        b->named = true;
        b->hash = text_of(s, r, r->named);
        b->named_at = ++s->clock;
    }
}

#endif
