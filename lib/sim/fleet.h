/* fleet.h - the replicas of a replay, of one kind or several, and what goes on above them: a
 * dispatcher (route.h) that says which of them a request goes to, things that are due at a moment
 * of their own, requests that move (migrate.h), replicas that come and go (life.h, scale.h). Inside
 * this domain only.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "sim/budget.h"
#include "sim/engine.h"
#include "sim/events.h"

/* What a replica is. */
struct replica_kind {
    const struct engine_opts *engine;
    const struct sched *sched;
    const struct cost *cost;
};

struct fleet;
struct route;

struct route_opts {
    uint64_t seed;   /* of what is drawn */
    double alpha;    /* workload: the weight of a replica's speed, 0 to 1; ROUTE_TUNES */
    double window_s; /* workload: that tunes, of so much of what has come */
    double overlap_weight, temperature;   /* prefix: of the cost, of the choice */
    double fetch_ratio, fetch_gbs;        /* conductor: when a prefix is fetched, how fast */
    double refuse_ttft_ns, refuse_tbt_ns; /* conductor: objectives; 0: none is refused */
};
#define ROUTE_TUNES (-1.0)

struct migrate_opts;
struct scale_opts;
struct handoff_opts;

/* A replica loses all it has at a moment. */
struct failure {
    uint32_t replica;
    int64_t at_ns, back_ns; /* back_ns: when it is there again; FLIGHT_NEVER: it is not */
};

/* What happened, for who draws it. */
enum fleet_mark {
    MARK_MIGRATED,
    MARK_STARTING,
    MARK_OPEN,
    MARK_DRAINING,
    MARK_OFF,
    MARK_FAILED,
    MARKS
};
typedef void fleet_marked(void *ctx, int64_t t_ns, enum fleet_mark what, uint32_t replica,
                          uint32_t request);

struct fleet_opts {
    uint32_t n;                             /* replicas; 0: one */
    const struct replica_kind *const *kind; /* [n]; NULL: all the one that the replay was given */
    const struct route *route;              /* NULL: round-robin */
    struct route_opts route_opts;
    bool urgency;         /* queues go by budgets (budget.h) */
    bool programs;        /* programs have objectives, whether anybody looks at budgets or not */
    double program_s;     /* their objective; 0: program_scale times their longest chain */
    double program_scale; /* 0: 1 */
    const uint8_t *role;  /* [n] of enum replica_role; NULL: all do both */
    const struct handoff_opts *handoff; /* where some do not */
    uint32_t headroom;                  /* tokens, beside requests of high priority (freeness.h) */
    const struct migrate_opts *migrate; /* NULL: none move */
    const struct scale_opts *scale;     /* NULL: all are on, always */
    const struct failure *failure;      /* [failures] */
    size_t failures;
    double notice_s; /* before a failure, that the replica takes no more */
    fleet_marked *mark;
    void *mark_ctx;
    /* Begins the steps of those that were touched, where they wait for each other (plan_replay.h);
     * NULL: each by itself. */
    int (*begin_steps)(void *ctx, struct fleet *c, struct err *e);
    void *begin_ctx;
};

enum { FLEET_MOST = 1 << 14 };

/* What can be due. */
enum fleet_due {
    DUE_PAIR,    /* replicas between which requests move; periodic */
    DUE_SCALE,   /* a look at how many replicas are needed; periodic */
    DUE_COPIED,  /* a stage of a migration */
    DUE_HANDED,  /* a copy of a request to a replica that decodes (handoff.h) */
    DUE_FETCHED, /* prefixes, for a request that waits for them (fetch.h) */
    DUE_OPEN,    /* a replica starts, or is back */
    DUE_NOTICE,  /* of a failure */
    DUE_FAIL
};

/* Why a migration was given up. */
enum migrate_abort {
    ABORT_ENDED,
    ABORT_DRIVEN_OUT,
    ABORT_NO_ROOM,
    ABORT_STAGES,
    ABORT_REPLICA, /* one of the two closed or failed, or had nothing to send */
    ABORTS
};

struct migrate_totals {
    uint64_t done, stages, aborts[ABORTS];
    double bytes;
    /* From leaving the one batch until all is copied, and until it joins the other. */
    int64_t down_ns, most_down_ns, gap_ns, most_gap_ns;
};

struct handoff_totals {
    uint64_t n;
    double bytes;
    int64_t wait_ns, most_wait_ns; /* from leaving the one until joining the other */
};

struct fetch_totals {
    uint64_t n, blocks;
    int64_t wait_ns;
};

struct migrate;
struct handoff;
struct fetch;
struct life;

struct fleet {
    const struct fleet_opts *o;
    const struct trace_set *trace;
    struct flight *flight; /* [trace->n] */
    struct replica *replica;
    uint32_t n;
    bool mixed; /* not every replica can run what one can */
    int64_t now;
    uint64_t refused;          /* requests, by the dispatcher */
    struct replica_kind usual; /* what the replay was given */
    struct budgets budgets;
    const struct route *route;
    void *route_state;
    uint64_t seed;
    struct events steps; /* that end; `order` is the replica */
    struct events due;   /* `what` is an enum fleet_due */
    uint64_t n_due;      /* ever */
    int64_t began_ns;    /* the first arrival; FLIGHT_NEVER: it is yet to come */
    unsigned asleep;     /* bits of periodic dues that wait until something happens */
    uint32_t *touched;   /* [n]: replicas to which something happened in this moment */
    uint32_t n_touched;
    bool *is_touched;
    /* Of requests that move, and replicas that come and go: */
    int32_t last_priority;   /* of the trace's requests */
    struct migrate *migrate; /* NULL: none move */
    struct migrate_totals migrated;
    uint32_t moving;  /* migrations under way */
    uint32_t copying; /* what comes to an end at a moment: stages of them, copies, prefixes */
    struct handoff *handoff; /* NULL: all replicas do both */
    struct handoff_totals handed;
    struct fetch *fetch; /* NULL: none has waited for a prefix */
    struct fetch_totals fetched;
    uint32_t fetch_blocks; /* what the dispatcher has just chosen; 0: nothing */
    double fetch_us;
    struct life *life;
    uint32_t *held; /* [n_held]: requests that no replica can take now, as they came */
    size_t n_held, held_cap;
    uint64_t restarted;  /* requests, as their replica failed */
    replica_ended *gone; /* told of requests that were refused when they came again */
    void *gone_ctx;
};

int fleet_init(struct fleet *c, const struct fleet_opts *o, const struct replica_kind *usual,
               const struct trace_set *t, struct flight *flight, struct kin *kin, struct gaps *gaps,
               struct gaps *step_times, struct err *e);
void fleet_free(struct fleet *c);

/* A request has come; it is sent to a replica, or refused, or held until a replica opens. */
int fleet_arrive(struct fleet *c, uint32_t request, struct err *e);
/* It goes to this replica. */
int fleet_send(struct fleet *c, uint32_t request, uint32_t replica, struct err *e);
/* It comes again, as it cannot be where it was to be; if it is refused now `gone` is told. */
int fleet_send_again(struct fleet *c, uint32_t request, struct err *e);
/* A request has ended, or leaves its replica to come again. */
void fleet_ended(struct fleet *c, uint32_t request);
/* The replica may have something to do now. */
void fleet_touch(struct fleet *c, struct replica *r);
/* Begins a step of each replica that was touched, if it is idle. */
int fleet_begin_steps(struct fleet *c, struct err *e);
/* The replica whose step ends now, in their order; NULL: none does. */
struct replica *fleet_step_ends(struct fleet *c);

/* ---- what is due ---- */

int fleet_due(struct fleet *c, int64_t t_ns, enum fleet_due what, uint32_t arg, struct err *e);
/* When something is; periodic things alone do not go on when all else has come to an end. */
int64_t fleet_next_due(const struct fleet *c, bool over);
/* All that is due now. */
int fleet_run_due(struct fleet *c, struct err *e);
/* Something happens: periodic things that slept go on at their next moment, which may be this one.
 * Before the first arrival, from which they count, they sleep. */
int fleet_wake(struct fleet *c, struct err *e);

static inline void fleet_mark(const struct fleet *c, enum fleet_mark what, uint32_t replica,
                              uint32_t request)
{
    if (c->o->mark)
        c->o->mark(c->o->mark_ctx, c->now, what, replica, request);
}

/* Does it take this request? */
static inline bool fleet_may(const struct fleet *c, uint32_t i, uint32_t request)
{
    return !c->replica[i].closed && c->replica[i].role != ROLE_DECODE &&
           (!c->mixed || replica_can_run(&c->replica[i], request));
}

#endif
