/* ann-stat - what is in an index of ann-build, and whether it is whole. */
#include <stdio.h>

#include "ann/ann.h"
#include "base/cli.h"
#include "base/out.h"

static const struct cli_prog prog = {
    "ann-stat", "IDX", "Show what is in an index made by ann-build, or check it.", 1, 1};

struct asked {
    const char *out;
    bool json, check, degrees, verbose, quiet;
};

static void put_info(struct out *o, const struct ann_info *i)
{
    out_word(o, "kind", i->kind);
    out_count(o, "rows", i->rows);
    out_count(o, "live", i->live);
    out_count(o, "deleted", i->rows - i->live);
    out_word(o, "ids", i->ids ? "yes" : "no");
    out_count(o, "dim", i->dim);
    out_word(o, "type", vec_type_name(i->type));
    out_word(o, "metric", vec_metric_name(i->metric));
    out_word(o, "codec", i->codec);
    out_word(o, "vectors", i->vectors ? "yes" : "no");
    out_count(o, "bytes", i->bytes);
    out_value(o, "bytes_a_row", i->rows ? (double)i->bytes / (double)i->rows : 0, 3);
    out_count(o, "code_bytes", i->code_bytes);
}

/* Of a kind with links. */
static void put_graph(struct out *o, const struct ann_info *i)
{
    out_count(o, "link_bytes", i->link_bytes);
    out_count(o, "degree", i->degree);
    out_count(o, "beam", i->beam);
    out_value(o, "alpha", i->alpha, 3);
    out_count(o, "entries", i->entries);
}

static void put_lists(struct out *o, const struct ann *a, const struct ann_info *i)
{
    struct ann_lists l;

    ann_lists(a, &l);
    out_count(o, "lists", i->lists);
    out_value(o, "rows_a_list", l.mean, 3);
    out_count(o, "rows_least", l.least);
    out_count(o, "rows_most", l.most);
    out_count(o, "lists_without_rows", l.none);
    out_value(o, "imbalance", l.imbalance, 3);
    if (i->apart > 0) {
        out_value(o, "lists_a_row", i->entry_mean, 3);
        out_count(o, "bytes_apart", i->apart);
    } else if (!i->parts) {
        out_value(o, "spread", i->spread, 3);
    }
    if (i->leaves == 0)
        return;
    out_count(o, "leaves", i->leaves);
    out_count(o, "depth", i->depth);
    out_value(o, "rows_a_leaf", (double)i->rows / (double)i->leaves, 3);
    out_count(o, "leaf_rows_least", i->leaf_least);
    out_count(o, "leaf_rows_most", i->leaf_most);
    out_count(o, "workload_queries", i->workload);
}

static void put_tenants(struct out *o, const struct ann *a, const struct ann_info *i)
{
    struct ann_tenants t;

    ann_tenants(a, &t);
    out_count(o, "tenants", t.tenants);
    out_count(o, "grants", t.grants);
    out_value(o, "tenants_a_row", i->live ? (double)t.grants / (double)i->live : 0, 3);
    out_count(o, "nodes", t.nodes);
    out_count(o, "leaves", t.leaves);
    out_count(o, "depth", t.depth);
    out_count(o, "leaf_most", t.leaf_most);
    out_count(o, "short_lists", t.lists);
    out_count(o, "short_list_most", t.list_most);
    out_value(o, "bytes_a_grant", t.grants ? (double)t.list_bytes / (double)t.grants : 0, 3);
    out_count(o, "bloom_bits", t.filter_bits);
    out_value(o, "bloom_fill", t.filter_fill, 3);
    out_value(o, "spread", i->spread, 3);
}

static void put_links(struct out *o, const struct asked *a, const struct ann_info *i,
                      const struct ann_links *l)
{
    out_count(o, "reached", l->reached);
    out_count(o, "links", l->links);
    out_value(o, "links_a_row", i->live ? (double)l->links / (double)i->live : 0, 3);
    out_count(o, "links_least", l->least);
    out_count(o, "links_most", l->most);
    out_count(o, "rows_without_links", l->none);
    if (!a->degrees)
        return;
    if (a->json)
        out_array(o, "degrees");
    for (uint32_t d = 0; d <= i->degree; d++) {
        char name[32];

        if (l->by_degree[d] == 0)
            continue;
        if (a->json) {
            out_object(o, NULL);
            out_u64(o, "links", d);
            out_u64(o, "rows", l->by_degree[d]);
            out_close_object(o);
        } else {
            snprintf(name, sizeof name, "rows_of_%u_links", d);
            out_count(o, name, l->by_degree[d]);
        }
    }
    if (a->json)
        out_close_array(o);
}

static void put_sections(struct out *o, const struct asked *a, const struct ann *ann)
{
    struct ann_section s;

    if (a->json)
        out_array(o, "sections");
    for (size_t i = 0; ann_section(ann, i, &s); i++) {
        char name[16];

        if (a->json) {
            out_object(o, NULL);
            out_cstr(o, "id", s.id);
            out_u64(o, "offset", s.offset);
            out_u64(o, "bytes", s.len);
            out_close_object(o);
        } else {
            snprintf(name, sizeof name, "section_%s", s.id);
            out_count(o, name, s.len);
        }
    }
    if (a->json)
        out_close_array(o);
}

/* Columns of attributes. */
static void put_columns(struct out *o, bool json, const struct ann *ann, uint32_t n)
{
    char name[300], value[128];

    if (json && n > 0)
        out_array(o, "columns");
    for (uint32_t i = 0; i < n; i++) {
        struct ann_column c = ann_column(ann, i);

        if (json) {
            out_object(o, NULL);
            out_cstr(o, "name", c.name);
            out_cstr(o, "type", c.type);
            out_u64(o, "distinct", c.distinct);
            out_u64(o, "nulls", c.nulls);
            out_u64(o, "bytes", c.bytes);
            out_close_object(o);
            continue;
        }
        snprintf(name, sizeof name, "column_%s", c.name);
        snprintf(value, sizeof value, "%s, %u distinct, %llu null, %llu bytes", c.type, c.distinct,
                 (unsigned long long)c.nulls, (unsigned long long)c.bytes);
        out_word(o, name, value);
    }
    if (json && n > 0)
        out_close_array(o);
}

static void put_setting(struct out *o, const struct ann_setting *s)
{
    out_object(o, NULL);
    out_u64(o, "k", s->k);
    out_double(o, "target", s->target, 4);
    out_bool(o, "reached", s->effort > 0);
    out_double(o, "recall", s->recall, 4);
    out_u64(o, "queries", s->queries);
    out_u64(o, "effort", s->effort);
    out_u64(o, "rerank", s->rerank);
    out_double(o, "slack", (double)s->slack, 4);
    out_double(o, "codes", s->keys, 1);
    out_double(o, "vectors", s->exact, 1);
    out_close_object(o);
}

/* As options of ann-search. */
static void put_options(struct out *o, const struct ann_info *i, const struct ann_setting *s)
{
    char name[48], value[128];
    int n = snprintf(value, sizeof value, "--%s %u", i->effort, s->effort);

    if (i->rerank && s->rerank > 0)
        n += snprintf(value + n, sizeof value - (size_t)n, " --rerank %u", s->rerank);
    if (i->slack && s->slack > 0)
        snprintf(value + n, sizeof value - (size_t)n, " --slack %.6g", (double)s->slack);
    snprintf(name, sizeof name, "recall_%g_at_%u", s->target, s->k);
    out_word(o, name, s->effort > 0 ? value : "not reached");
}

/* What ann-tune stored. */
static void put_settings(struct out *o, bool json, const struct ann_info *info,
                         const struct ann_setting *s, size_t n)
{
    if (json && n > 0)
        out_array(o, "settings");
    for (size_t i = 0; i < n; i++)
        if (json)
            put_setting(o, &s[i]);
        else
            put_options(o, info, &s[i]);
    if (json && n > 0)
        out_close_array(o);
}

static int show(const struct asked *a, const struct ann *ann, struct err *e)
{
    struct out *o = NULL;
    const struct ann_setting *settings;
    struct ann_links l;
    struct ann_info i;
    size_t n;

    ann_info(ann, &i);
    if (a->degrees && !i.has_links)
        return err_set(e, ERR_USAGE, "an index of kind %s has no links to be counted", i.kind);
    if ((i.has_links && ann_links(ann, &l, e) < 0) || ann_settings(ann, &settings, &n, e) < 0 ||
        out_open(&o, &(struct out_opts){a->out, a->json, false}, e) < 0)
        return e->code;
    out_facts(o);
    put_info(o, &i);
    if (i.has_links) {
        put_graph(o, &i);
        put_links(o, a, &i, &l);
    }
    if (i.has_lists)
        put_lists(o, ann, &i);
    if (i.has_tenants)
        put_tenants(o, ann, &i);
    put_columns(o, a->json, ann, i.columns);
    put_settings(o, a->json, &i, settings, n);
    put_sections(o, a, ann);
    out_end_facts(o);
    return out_commit(&o, e);
}

int main(int argc, char **argv)
{
    struct asked a = {0};
    const struct cli_opt opts[] = {
        CLI_FLAG(0, "check", &a.check, "read everything: every checksum, link, id and row"),
        CLI_FLAG(0, "degrees", &a.degrees, "how many rows have how many links, too"),
        CLI_OUT(&a.out),
        CLI_JSON(&a.json),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv), ok;
    struct ann *ann = NULL;
    struct err e = {0};

    cli_inputs_stay(&a.out, 1, (const char *const *)argv + first, 1);
    ok = ann_open(&ann, argv[first], cli_cpu(), &e) == 0;
    if (ok && a.check) {
        ok = ann_check(ann, &e) == 0;
        if (ok)
            cli_note(a.quiet, "%s is whole", argv[first]);
    } else if (ok) {
        ok = show(&a, ann, &e) == 0;
    }
    ann_close(ann);
    cli_finish(a.verbose);
    return ok ? CLI_DONE : cli_fail(&e);
}
