/* blocks.h - serving many applications from shared blocks of models: a request walks the chain of
 * blocks that its application is, a hop after the other, and blocks that several applications have
 * are in memory once, and run one batch for all of them.
 *
 * A cluster is servers of some devices each. A device has memory for parameters and KV, holds at
 * most one instance of a block, and runs one batch at a time: of the instance nearest to the
 * beginning of its chains among those that somebody waits for, but of a first block only when
 * there is nothing else. So what is under way is a wave that keeps together, and waits for those
 * behind it where they share a block; tokens begin when it is over, those that waited longest
 * first. For the time of a hop an idle device also waits for those on their way to it who would be
 * served before, or with it: without that, waves fall apart into ones of few requests. In an
 * instance's queue tokens that come back go before prompts. A batch takes the longer of two times,
 * for reading the parameters and for its tokens, and what the contexts cost.
 *
 * Admission plans an instance for every block of the chain, and keeps room there for all the KV
 * that the request will have: the owner. At each hop the planned instance is taken, or another
 * whose estimate is lower by more than `stay`: wait and travel, and for an owner also the KV that
 * has to move, or to be computed again, from then on the other's.
 *
 * Parameters are placed before the first request by the trace's own frequencies, a chain on a
 * device as long as that has room; then in copies, the busiest application first. A request to
 * an application that has no place waits until idle blocks have made room and its own are loaded.
 *
 * Cost     some 100 ns a hop of a request, where batches are of two or three.
 * Errors   ERR_INPUT names the file and the block or application, or the request whose model is
 *          none; ERR_USAGE where a batch or a hop takes more than an hour.
 * Source   BlockLLM, arXiv 2404.18322. Blocks are given as they are: that equivalent ones answer
 *          alike is not looked into. Links have no queues.
 */
#ifndef SIM_BLOCKS_H
#define SIM_BLOCKS_H

#include "base/names.h"
#include "sim/replay.h"

enum block_kind {
    BLOCK_EMBED,
    BLOCK_ATTENTION,
    BLOCK_FFN,
    BLOCK_HEAD,
    BLOCK_ADAPTER,
    BLOCK_MERGED
};

enum { BLOCKS_MOST = 1 << 16, BLOCK_CHAIN_MOST = 1 << 12, BLOCK_DEVICES_MOST = 1 << 10 };

/* The longer of the two: for a batch, and for each of its tokens. */
struct block_part {
    double us, token_us;
};

struct block {
    enum block_kind kind;
    uint64_t bytes;    /* of parameters */
    uint64_t kv_bytes; /* of a token; 0: it keeps none */
    double context_us; /* for each token of context that a returning token reads */
    uint32_t batch;    /* most requests; 0: as the options say */
    struct block_part *part;
    uint32_t parts;
    struct block_part guess; /* of a surrogate that says early what will come out */
    double accept;           /* how often it is right; 0: there is none */
    uint32_t alike;          /* the first of the blocks that are equivalent to it; mostly itself */
    uint32_t rank; /* who is served first: how far from a chain's beginning, in 2^-16 of it */
};

enum { BLOCK_RANK_LAST = 1 << 16 /* that of first blocks */ };

struct block_app {
    uint32_t *chain; /* [n] blocks */
    uint32_t n;
};

struct block_set {
    struct block *block;
    uint32_t blocks, apps;
    struct block_app *app;
    struct names *block_id, *app_id;
    double activation_bytes; /* of a token, from block to block */
};

/* How applications become blocks. */
enum block_serving {
    SERVE_BLOCKS,  /* as they are */
    SERVE_SHARING, /* chains that differ in adapters alone are one model, and its adapters */
    SERVE_MODELS   /* each is a model of its own */
};
#define BLOCK_SERVING_NAMES "blocks|sharing|models"

int block_set_load(struct block_set *s, const char *path, struct err *e);
/* The same applications, of merged blocks. */
int block_set_merge(struct block_set *out, const struct block_set *s, enum block_serving how,
                    struct err *e);
void block_set_free(struct block_set *s); /* {0} is fine */
/* Bytes of parameters of a chain, each block once. */
uint64_t block_chain_bytes(const struct block_set *s, uint32_t app);

/* Which instance a hop goes to. */
enum block_choice { CHOOSE_LEAST, CHOOSE_PLANNED, CHOOSE_RANDOM };
#define BLOCK_CHOICE_NAMES "least|planned|random"

struct blocks_opts {
    uint32_t servers, devices; /* devices of a server */
    uint64_t memory;           /* of a device */
    double kv_share;           /* of it that parameters leave free */
    double link_gbs, link_us;  /* between servers */
    double bus_gbs;            /* within one */
    double load_gbs;           /* parameters into a device */
    double hop_us;             /* of every hop */
    double stay_us, scale_us, idle_us;
    uint32_t most_requests, most_tokens; /* of a batch */
    enum block_choice choice;
    uint64_t seed;
    bool check;
    progress_fn *progress;
    void *progress_ctx;
};

struct blocks_totals {
    uint64_t hops, remote_hops; /* remote: from another device */
    uint64_t alike_hops;        /* to an equivalent block */
    uint64_t moves, recomputes; /* owners that changed: KV sent, KV computed again */
    uint64_t batches, batched;  /* batched: requests in all of them */
    uint64_t loads, evictions, copies;
    uint64_t guesses, right;
    double kv_moved, activations_moved, loaded; /* bytes */
    double busy_ns, work_ns; /* work: what the tokens of a batch would take at full speed */
    uint64_t parameters_most, kv_most; /* bytes, in all devices at a time */
    double parameters_once;            /* bytes of all blocks */
};

struct blocks_run {
    struct replay times; /* trace, flight, arrivals, gaps and totals, for summarize(): with a fleet
                            that has a number of devices, and nothing else */
    struct blocks_totals total;
};

/* app: of each request. */
int blocks_run(struct blocks_run *out, const struct trace_set *t, const struct block_set *s,
               const struct blocks_opts *o, struct err *e);
void blocks_run_free(struct blocks_run *r);

#endif
