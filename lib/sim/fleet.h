/* fleet.h - the replicas of a replay, of one kind or several, and what goes on above them: a
 * dispatcher (route.h) that says which of them a request goes to, and things that are due at a
 * moment of their own. Inside this domain only.
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

struct route;

struct route_opts {
    uint64_t seed;   /* of what is drawn */
    double alpha;    /* workload: the weight of a replica's speed, 0 to 1; ROUTE_TUNES */
    double window_s; /* workload: that tunes, of so much of what has come */
};
#define ROUTE_TUNES (-1.0)

struct fleet_opts {
    uint32_t n;                             /* replicas; 0: one */
    const struct replica_kind *const *kind; /* [n]; NULL: all the one that the replay was given */
    const struct route *route;              /* NULL: round-robin */
    struct route_opts route_opts;
    bool urgency;         /* queues go by budgets (budget.h) */
    bool programs;        /* programs have objectives, whether anybody looks at budgets or not */
    double program_s;     /* their objective; 0: program_scale times their longest chain */
    double program_scale; /* 0: 1 */
};

enum { FLEET_MOST = 1 << 14 };

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
    uint32_t *touched;   /* [n]: replicas to which something happened in this moment */
    uint32_t n_touched;
    bool *is_touched;
};

int fleet_init(struct fleet *c, const struct fleet_opts *o, const struct replica_kind *usual,
               const struct trace_set *t, struct flight *flight, struct kin *kin, struct gaps *gaps,
               struct gaps *step_times, struct err *e);
void fleet_free(struct fleet *c);

/* A request has come; it is sent to a replica, or refused. */
int fleet_arrive(struct fleet *c, uint32_t request, struct err *e);
/* A request has ended. */
void fleet_ended(struct fleet *c, uint32_t request);
/* The replica may have something to do now. */
void fleet_touch(struct fleet *c, struct replica *r);
/* Begins a step of each replica that was touched, if it is idle. */
int fleet_begin_steps(struct fleet *c, struct err *e);
/* The replica whose step ends now, in their order; NULL: none does. */
struct replica *fleet_step_ends(struct fleet *c);

/* Does it take this request? */
static inline bool fleet_may(const struct fleet *c, uint32_t i, uint32_t request)
{
    return !c->replica[i].closed && (!c->mixed || replica_can_run(&c->replica[i], request));
}

#endif
