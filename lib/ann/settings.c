/* settings.c - section TUNE: what a search is told for a recall, as it was measured.
 *
 * A row of 64 bytes a setting, ascending by k and then by target, each pair once:
 *
 *    0  8  f64  target, above 0, at most 1
 *    8  8  f64  recall that was measured, 0 to 1
 *   16  8  f64  codes compared, 24 8 f64 vectors read: of a query
 *   32  4  u32  k                              44  4  f32  slack
 *   36  4  u32  effort; 0: not reached         48  4  u32  queries it was measured by
 *   40  4  u32  rerank                         52 12       zero
 *
 * A reader need not know the section (its flag is 0). It is read when it is asked for: damage in it
 * stops no other search.
 */
#include <math.h>

#include "ann/kind.h"

static bool is_right(const struct ann_setting *s)
{
    for (size_t i = 0; i < sizeof s->zero / sizeof *s->zero; i++)
        if (s->zero[i] != 0)
            return false;
    return s->target > 0 && s->target <= 1 && s->recall >= 0 && s->recall <= 1 && s->keys >= 0 &&
           isfinite(s->keys) && s->exact >= 0 && isfinite(s->exact) && s->k >= 1 &&
           s->k <= ANN_EFFORT_MOST && s->effort <= ANN_EFFORT_MOST &&
           s->rerank <= ANN_EFFORT_MOST && s->slack >= 0 && s->slack <= ANN_SLACK_MOST;
}

static bool before(const struct ann_setting *a, const struct ann_setting *b)
{
    return a->k < b->k || (a->k == b->k && a->target < b->target);
}

int ann_settings(const struct ann *a, const struct ann_setting **s, size_t *n, struct err *e)
{
    uint64_t len;

    *s = sect_get(a->file, "TUNE", &len);
    *n = (size_t)(len / sizeof **s);
    if (!*s)
        return 0;
    if (sect_verify(a->file, "TUNE", e) < 0)
        return e->code;
    if (len % sizeof **s != 0 || *n > ANN_SETTINGS_MOST)
        return sect_bad(a->file, "TUNE", "it is no list of settings", e);
    for (size_t i = 0; i < *n; i++)
        if (!is_right(*s + i) || (i > 0 && !before(*s + i - 1, *s + i)))
            return sect_bad(a->file, "TUNE", "a setting is none that can be", e);
    return 0;
}

/* Those of the index for other k, and the new ones among them; how many. */
static size_t merge(const struct ann_setting *old, size_t n_old, const struct ann_setting *s,
                    size_t n, struct ann_setting *all)
{
    size_t m = 0, i = 0;

    for (; i < n_old && old[i].k < s->k; i++)
        all[m++] = old[i];
    for (size_t j = 0; j < n; j++)
        all[m++] = s[j];
    for (; i < n_old; i++)
        if (old[i].k > s->k)
            all[m++] = old[i];
    return m;
}

static int write_settings(const struct ann *a, const char *path, const struct ann_setting *s,
                          size_t n, struct err *e)
{
    struct sect_writer *w = NULL;
    int rc = sect_create(&w, path, "ann ", 1, sect_minor(a->file), e);

    if (rc == 0)
        sect_replaces(w, a->file);
    if (rc == 0)
        rc = sect_copy(w, a->file, "TUNE", e);
    if (rc == 0)
        rc = sect_put(w, "TUNE", 0, s, n * sizeof *s, e);
    if (rc == 0)
        rc = sect_commit(&w, e);
    sect_abort(&w);
    return rc;
}

int ann_save_settings(const struct ann *a, const char *path, const struct ann_setting *s, size_t n,
                      struct err *e)
{
    struct ann_setting all[2 * ANN_SETTINGS_MOST];
    const struct ann_setting *old;
    size_t n_old;

    if (ann_settings(a, &old, &n_old, e) < 0)
        return e->code;
    if (n == 0 || n > ANN_SETTINGS_MOST)
        return err_set(e, ERR_USAGE, "an index holds 1 to %d settings", ANN_SETTINGS_MOST);
    n = merge(old, n_old, s, n, all);
    if (n > ANN_SETTINGS_MOST)
        return err_set(e, ERR_USAGE, "%s holds settings for so many k that there is no room",
                       sect_path(a->file));
    return write_settings(a, path, all, n, e);
}

int ann_setting_for(const struct ann *a, double recall, uint32_t k, struct ann_setting *s,
                    struct err *e)
{
    const char *path = sect_path(a->file);
    const struct ann_setting *all;
    size_t n, i = 0;
    uint32_t tuned;

    if (ann_settings(a, &all, &n, e) < 0)
        return e->code;
    if (n == 0)
        return err_set(e, ERR_INPUT, "%s was not tuned: ann-tune finds the settings for a recall",
                       path);
    while (i < n && all[i].k < k)
        i++;
    if (i == n)
        return err_set(e, ERR_INPUT, "%s was tuned for up to %u neighbours, not for %u", path,
                       all[n - 1].k, k);
    for (tuned = all[i].k; i < n && all[i].k == tuned && all[i].target < recall;)
        i++;
    if (i == n || all[i].k != tuned)
        return err_set(e, ERR_INPUT, "%s was tuned for a recall of up to %g, not for %g", path,
                       all[i - 1].target, recall);
    *s = all[i];
    if (s->effort > 0)
        return 0;
    if (s->recall >= s->target)
        return err_set(e, ERR_INPUT,
                       "%s was tuned by %u queries, too few to be sure of a recall of %g: ann-tune "
                       "needs more",
                       path, s->queries, s->target);
    return err_set(e, ERR_INPUT,
                   "%s does not reach a recall of %g: the most that was found is %.4f", path,
                   s->target, s->recall);
}
