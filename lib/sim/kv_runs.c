/* kv_runs.c - see kv_runs.h. */
#include "sim/kv_runs.h"

static uint32_t weight(uint32_t run)
{
    uint32_t x = (run ^ run >> 16) * UINT32_C(0x7feb352d);

    x = (x ^ x >> 15) * UINT32_C(0x846ca68b);
    return x ^ x >> 16;
}

static bool before(const struct kv_slot *s, uint32_t a, uint32_t b)
{
    return s[a].len != s[b].len ? s[a].len < s[b].len : a < b;
}

/* What is below its place is split into what comes before it and what after. */
void kv_runs_add(struct kv_runs *t, uint32_t run)
{
    struct kv_slot *s = t->slot;
    uint32_t *link = &t->root, *less = &s[run].left, *more = &s[run].right, w = weight(run), at;

    while (*link != KV_NONE && weight(*link) >= w)
        link = before(s, run, *link) ? &s[*link].left : &s[*link].right;
    at = *link;
    *link = run;
    while (at != KV_NONE)
        if (before(s, at, run)) {
            *less = at;
            less = &s[at].right;
            at = *less;
        } else {
            *more = at;
            more = &s[at].left;
            at = *more;
        }
    *less = *more = KV_NONE;
}

/* Both of its subtrees become one in its place. */
void kv_runs_remove(struct kv_runs *t, uint32_t run)
{
    struct kv_slot *s = t->slot;
    uint32_t *link = &t->root, a = s[run].left, b = s[run].right;

    while (*link != run)
        link = before(s, run, *link) ? &s[*link].left : &s[*link].right;
    while (a != KV_NONE && b != KV_NONE)
        if (weight(a) >= weight(b)) {
            *link = a;
            link = &s[a].right;
            a = *link;
        } else {
            *link = b;
            link = &s[b].left;
            b = *link;
        }
    *link = a != KV_NONE ? a : b;
}

uint32_t kv_runs_fit(const struct kv_runs *t, uint32_t len)
{
    uint32_t at = t->root, best = KV_NONE;

    while (at != KV_NONE)
        if (t->slot[at].len >= len) {
            best = at;
            at = t->slot[at].left;
        } else {
            at = t->slot[at].right;
        }
    return best;
}

uint32_t kv_runs_longest(const struct kv_runs *t)
{
    uint32_t at = t->root;

    if (at == KV_NONE)
        return KV_NONE;
    while (t->slot[at].right != KV_NONE)
        at = t->slot[at].right;
    return kv_runs_fit(t, t->slot[at].len);
}

/* ---- short ones ---- */

void kv_short_add(struct kv_short_runs *t, uint32_t run)
{
    uint32_t len = t->slot[run].len,
             next = t->word[len / 64] >> len % 64 & 1 ? t->first[len] : KV_NONE;

    t->slot[run].left = KV_NONE;
    t->slot[run].right = next;
    if (next != KV_NONE)
        t->slot[next].left = run;
    t->first[len] = run;
    t->word[len / 64] |= UINT64_C(1) << len % 64;
    t->words |= UINT64_C(1) << len / 64;
}

void kv_short_remove(struct kv_short_runs *t, uint32_t run)
{
    uint32_t len = t->slot[run].len, before = t->slot[run].left, next = t->slot[run].right;

    if (next != KV_NONE)
        t->slot[next].left = before;
    if (before != KV_NONE) {
        t->slot[before].right = next;
        return;
    }
    t->first[len] = next;
    if (next != KV_NONE)
        return;
    t->word[len / 64] &= ~(UINT64_C(1) << len % 64);
    if (t->word[len / 64] == 0)
        t->words &= ~(UINT64_C(1) << len / 64);
}

uint32_t kv_short_longest(const struct kv_short_runs *t)
{
    int word;

    if (t->words == 0)
        return KV_NONE;
    word = 63 - __builtin_clzll(t->words);
    return t->first[64 * word + 63 - __builtin_clzll(t->word[word])];
}
