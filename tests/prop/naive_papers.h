/* naive_papers.h - Continuum and NanoFlow, as their papers and trace-replay(1) have them, slow and
 * plain. Part of naive_run.h; nothing here was taken from lib/sim.
 */
#ifndef TESTS_NAIVE_PAPERS_H
#define TESTS_NAIVE_PAPERS_H

#include "naive_sched.h"

/* ---- Continuum: programs are sessions, their requests turns ---- */

static int pin_of(const struct naive *s, int session)
{
    for (int i = 0; session >= 0 && i < s->n_pins; i++)
        if (s->pin[i].session == session)
            return i;
    return -1;
}

static void unpin(struct naive *s, int at)
{
    if (at < 0)
        return;
    give_blocks(s, s->pin[at].block, &s->pin[at].n_blocks);
    s->n_pins--;
    memmove(&s->pin[at], &s->pin[at + 1], (size_t)(s->n_pins - at) * sizeof *s->pin);
}

/* When its program came, told by the number of its first request. */
static int program_of(const struct naive *s, int request)
{
    int first = 0;

    if (s->r[request].session < 0)
        return request;
    while (s->r[first].session != s->r[request].session)
        first++;
    return first;
}

static bool has_next_turn(const struct naive *s, int request, int *tool)
{
    for (int i = request + 1; s->r[request].session >= 0 && i < s->n; i++)
        if (s->r[i].session == s->r[request].session) {
            *tool = s->r[i].tool;
            return true;
        }
    return false;
}

/* The length of time that is worth most: of those that the tool took, if more than a hundred are
 * known, of those of all tools, if more than a hundred are known, and else by an exponential law of
 * mean 1 s, of which lost x (1 - exp(-t)) - t is largest where the derivative is 0. */
static double time_to_live(const struct naive *s, int tool, double lost)
{
    int same = 0, all = s->n_tools;
    double best = 0, most = 0;

    for (int i = 0; i < all; i++)
        same += tool >= 0 && s->tool_of[i] == tool;
    if (all <= 100)
        return lost > 1 ? log(lost) : 0;
    for (int i = 0; i < all; i++) {
        int within = 0;
        double worth;

        if (same > 100 && s->tool_of[i] != tool)
            continue;
        for (int k = 0; k < all; k++)
            within += s->tool_s[k] <= s->tool_s[i] && (same <= 100 || s->tool_of[k] == tool);
        worth = (double)within / (same > 100 ? same : all) * lost - s->tool_s[i];
        if (worth > most || (worth == most && s->tool_s[i] < best)) {
            most = worth;
            best = s->tool_s[i];
        }
    }
    return best;
}

/* A turn has ended: its blocks are pinned if that is worth something. */
static bool pin_blocks(struct naive *s, int request)
{
    struct request *r = &s->r[request];
    double again = alone_us(s, 0, r->computed), load, live;
    double wait = s->waited_tokens > 0 ? s->waited_s / s->waited_tokens : 0;
    int tool;

    if (!s->o.sharing || !(s->o.hashed || s->o.tier[0] + s->o.tier[1] > 0) ||
        !has_next_turn(s, request, &tool))
        return false;
    load = blocks_of(s, r->computed) * s->o.tier_us[0];
    if (s->o.tier[0] > 0 && load < again)
        again = load;
    live = time_to_live(s, tool, 1e-6 * again + wait * r->computed);
    if (live <= 0)
        return false;
    unpin(s, pin_of(s, r->session));
    s->pin[s->n_pins] = (struct pin){
        .session = r->session, .n_blocks = r->n_blocks, .until = s->now + llround(1e9 * live)};
    memcpy(s->pin[s->n_pins++].block, r->block, sizeof r->block);
    r->n_blocks = 0;
    return true;
}

/* A turn has come: what its tool took is known, and its pin holds until it is admitted. */
static void turn_arrives(struct naive *s, int request)
{
    const struct request *r = &s->r[request];
    int at = pin_of(s, r->session);

    if (at >= 0)
        s->pin[at].until = INT64_MAX;
    if (r->session < 0 || program_of(s, request) == request)
        return;
    s->tool_s[s->n_tools] = 1e-9 * (double)r->tool_ns;
    s->tool_of[s->n_tools++] = r->tool;
}

static bool goes_before(const struct naive *s, int a, int b)
{
    bool back_a = s->r[a].preemptions > 0, back_b = s->r[b].preemptions > 0;
    bool pin_a = pin_of(s, s->r[a].session) >= 0, pin_b = pin_of(s, s->r[b].session) >= 0;

    if (back_a != back_b)
        return back_a;
    if (pin_a != pin_b)
        return pin_a;
    if (program_of(s, a) != program_of(s, b))
        return program_of(s, a) < program_of(s, b);
    return a < b;
}

static void admit_turns(struct naive *s)
{
    while (s->waiting.n > 0 && s->running.n < s->o.most_requests &&
           batch_tokens(s) < s->o.most_tokens) {
        int at = 0, request;

        for (int i = 1; i < s->waiting.n; i++)
            if (goes_before(s, s->waiting.v[i], s->waiting.v[at]))
                at = i;
        /* It stands first, whether it is admitted or not. */
        request = queue_remove(&s->waiting, at);
        queue_insert(&s->waiting, 0, request);
        if (!admit_v1(s, 0))
            return;
        if (s->r[request].preemptions == 0) {
            s->waited_s += 1e-9 * (double)(s->now - s->r[request].arrival);
            s->waited_tokens += s->r[request].need;
        }
        unpin(s, pin_of(s, s->r[request].session));
    }
}

/* Of the program that came last. */
static void unpin_last(struct naive *s)
{
    int last = 0, newest = -1;

    for (int i = 0; i < s->n_pins; i++)
        for (int k = 0; k < s->n; k++)
            if (s->r[k].session == s->pin[i].session && program_of(s, k) > newest) {
                newest = program_of(s, k);
                last = i;
            }
    unpin(s, last);
}

static void form_continuum(struct naive *s)
{
    for (int i = 0; i < s->n_pins;)
        if (s->pin[i].until <= s->now)
            unpin(s, i);
        else
            i++;
    schedule_v1_running(s);
    if (!s->restarted)
        admit_turns(s);
    while (s->n_batch == 0 && s->waiting.n > 0 && s->n_pins > 0) {
        unpin_last(s);
        admit_turns(s);
    }
}

/* ---- NanoFlow ---- */

static int left_of_batch(const struct naive *s)
{
    return s->o.most_tokens - batch_tokens(s) - s->vain;
}

/* Answers are expected to have the trace's mean length, rounded up. */
static int expected(const struct naive *s, const struct request *r)
{
    int all = 0, mean;

    for (int i = 0; i < s->n; i++)
        all += s->r[i].given_output;
    mean = (all + s->n - 1) / s->n;
    return mean > r->given + 1 ? mean - r->given - 1 : 0;
}

/* At no step to come do those that run, and one more, need more than there is. */
static bool peak_fits(const struct naive *s, int candidate)
{
    for (int k = 0; k <= 128; k++) {
        int tokens = (s->running.n + 1) * (s->o.block_tokens - 1);

        for (int i = 0; i <= s->running.n; i++) {
            const struct request *r = &s->r[i < s->running.n ? s->running.v[i] : candidate];

            if (k <= expected(s, r))
                tokens += r->prompt + r->given + 1 + k;
        }
        if (tokens > s->o.blocks * s->o.block_tokens)
            return false;
    }
    return true;
}

static void fill_batch(struct naive *s)
{
    for (int i = 0; i < s->running.n; i++) {
        const struct request *r = &s->r[s->running.v[i]];
        int left = left_of_batch(s), n = r->need - r->computed;

        if (is_prefill(r) && left > 0)
            schedule(s, s->running.v[i], n < left ? n : left);
    }
    while (s->waiting.n > 0 && s->running.n < s->o.most_requests && left_of_batch(s) > 0) {
        struct request *r = &s->r[s->waiting.v[0]];
        int left = left_of_batch(s), n = r->need - r->computed;

        if (!leaves_watermark(s, r) || (s->running.n > 0 && !peak_fits(s, s->waiting.v[0])))
            return;
        take_for(s, r, r->need);
        schedule(s, s->waiting.v[0], n < left ? n : left);
        begin_running(s, 0);
    }
}

static void form_nanoflow(struct naive *s)
{
    s->vain = s->late.n;
    for (int i = 0; i < s->running.n; i++)
        if (!is_prefill(&s->r[s->running.v[i]])) {
            if (!make_slot(s, i))
                break;
            schedule(s, s->running.v[i], 1);
        }
    fill_batch(s);
    for (int i = 0; i < s->late.n; i++) {
        s->vain_context[i] = s->r[s->late.v[i]].computed + 1;
        give_back(s, &s->r[s->late.v[i]]);
    }
    s->late.n = 0;
    if (s->n_batch > 0 || s->vain == 0)
        return;
    /* Nothing but the vain tokens would be in this step: it is not made. */
    s->vain = 0;
    fill_batch(s);
}

/* The speed of what memory or network bind with a share of the device: lines between (.08, 0),
 * (.2, .3), (.4, .8) and (1, 1). */
static double speed_with(double share)
{
    if (share <= .08)
        return 0;
    if (share <= .2)
        return .3 * (share - .08) / .12;
    if (share <= .4)
        return .3 + .5 * (share - .2) / .2;
    return .8 + .2 * (share - .4) / .6;
}

/* A nano-batch: 'c' computes, 'm' reads memory, 'n' is at the network. */
struct nano {
    int ops; /* that it has done */
    bool on; /* at its resource, not waiting for it */
    double left;
};

static const char layer_ops[] = "cmcncn";

static char need_of(const struct nano *b)
{
    return layer_ops[b->ops % 6];
}

/* Gives it the next operator that takes time: products are a tenth, a tenth, and eight of all. */
static void give_operator(struct nano *b, double tokens, const double cost[3])
{
    static const double of[] = {.1, 1, .1, .5, .8, .5};

    for (b->on = false;; b->ops++) {
        char need = need_of(b);

        b->left = tokens * of[b->ops % 6] * cost[need == 'c' ? 0 : need == 'm' ? 1 : 2];
        if (b->left > 0)
            return;
    }
}

/* How fast b goes beside the other one. */
static double pace(const struct nano *b, const struct nano *other, double m, double n)
{
    double mine = need_of(b) == 'm' ? m : n, its = need_of(other) == 'm' ? m : n;

    if (!b->on || !other->on)
        return b->on;
    if (need_of(b) == 'c')
        return 1 - its;
    return speed_with(need_of(other) == 'c' ? mine : mine / (mine + its));
}

/* How long four layers take after two, of nano-batches of three and five eighths. */
static double four_layers(const double cost[3], double m, double n)
{
    struct nano a = {0}, b = {0};
    double now = 0, two = 0, small = 1e-9 * (cost[0] + cost[1] + cost[2]);

    give_operator(&a, .375, cost);
    give_operator(&b, .625, cost);
    while (a.ops < 36 || b.ops < 36) {
        double fast_a, fast_b, step;

        if (need_of(&a) != need_of(&b))
            a.on = b.on = true;
        else if (!a.on && !b.on)
            *(b.ops < a.ops ? &b.on : &a.on) = true;
        fast_a = pace(&a, &b, m, n);
        fast_b = pace(&b, &a, m, n);
        step = fmin(fast_a > 0 ? a.left / fast_a : INFINITY,
                    fast_b > 0 ? b.left / fast_b : INFINITY);
        now += step;
        a.left -= fast_a * step;
        b.left -= fast_b * step;
        if (a.on && a.left <= small) {
            a.ops++;
            give_operator(&a, .375, cost);
        }
        if (b.on && b.left <= small) {
            b.ops++;
            give_operator(&b, .625, cost);
        }
        if (two <= 0 && a.ops >= 12 && b.ops >= 12)
            two = now;
    }
    return now - two;
}

/* As it is; or split, which costs products 13.2 % of their speed, one after the other or side by
 * side with the best shares: a layer amidst others. */
static double overlapped_us(double us, double memory, double network)
{
    double cost[3] = {fmax(0, us - memory - network) / .868, memory, network};
    double best = fmin(us, cost[0] + memory + network);

    for (int m = 1; m <= 8 && us > 0; m++)
        for (int n = 1; m + n <= 9; n++)
            if ((memory > 0 || m == 1) && (network > 0 || n == 1))
                best = fmin(best, four_layers(cost, m / 10.0, n / 10.0) / 4);
    return best;
}

#endif
