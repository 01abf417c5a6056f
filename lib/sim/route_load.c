/* route_load.c - dispatchers that go by a number of each replica alone: the one of least load, of
 * equal ones the first.
 *
 *   least-outstanding  requests that wait or run there
 *   shortest-queue     requests that wait
 *   shortest-tokens    tokens of prompts that are to be computed yet, of those that run too
 *   free-memory        KV blocks that are held or that waiting prompts want, less those that there
 *                      are: the INFaaS++ of the Llumnix paper (arXiv 2406.03243)
 */
#include "sim/route.h"

static double outstanding(const struct fleet *c, const struct replica *r, uint32_t request)
{
    (void)c, (void)request;
    return (double)replica_requests(r);
}

static double queue(const struct fleet *c, const struct replica *r, uint32_t request)
{
    (void)c, (void)request;
    return (double)r->waiting.n;
}

static double tokens(const struct fleet *c, const struct replica *r, uint32_t request)
{
    (void)c, (void)request;
    return (double)r->due_tokens;
}

static double memory(const struct fleet *c, const struct replica *r, uint32_t request)
{
    (void)c, (void)request;
    return (double)r->queued_blocks - (double)r->kv.free;
}

const struct route route_least_outstanding = {.name = "least-outstanding", .load = outstanding};
const struct route route_shortest_queue = {.name = "shortest-queue", .load = queue};
const struct route route_shortest_tokens = {.name = "shortest-tokens", .load = tokens};
const struct route route_free_memory = {.name = "free-memory", .load = memory};
