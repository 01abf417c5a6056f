/* kv_alloc.c - the allocators there are, and what is the same for all of them. */
#include "sim/kv_alloc.h"

const struct kv_alloc_kind *kv_alloc_kind_at(size_t i)
{
    static const struct kv_alloc_kind *const kinds[KV_ALLOC_KINDS] = {
        &kv_alloc_group, &kv_alloc_block, &kv_alloc_buddy};

    return i < KV_ALLOC_KINDS ? kinds[i] : NULL;
}

int kv_alloc_open(struct kv_alloc **out, const struct kv_alloc_kind *kind,
                  const struct kv_alloc_opts *o, struct err *e)
{
    *out = NULL;
    if (o->blocks == 0 || o->blocks == KV_NONE)
        return err_set(e, ERR_USAGE, "an allocator of %u blocks", o->blocks);
    return kind->open(out, o, e);
}

void kv_alloc_close(struct kv_alloc *a)
{
    if (a)
        a->kind->close(a);
}

uint32_t kv_alloc_runs(const struct kv_alloc *a, const struct kv_held *h, uint32_t from,
                       uint32_t to)
{
    uint32_t n = 0, at = 0, end = KV_NONE;

    for (uint32_t p = h->first; p != KV_NONE && at < to; p = kv_alloc_next(a, h, p)) {
        uint32_t len = kv_alloc_length(a, h, p);

        at += len;
        if (at <= from)
            continue;
        n += p != end;
        end = p + len;
    }
    return n;
}

uint32_t kv_alloc_copies(const struct kv_alloc *a, const struct kv_held *h, uint32_t from,
                         uint32_t to)
{
    to = to < h->blocks ? to : h->blocks;
    if (from >= to)
        return 0;
    return a->kind->single ? to - from : kv_alloc_runs(a, h, from, to);
}
