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

static void put_u64(struct out *o, bool json, const char *name, uint64_t v)
{
    if (!json) {
        out_row(o);
        out_cstr(o, "name", name);
    }
    out_u64(o, name, v);
    if (!json)
        out_end_row(o);
}

static void put_text(struct out *o, bool json, const char *name, const char *v)
{
    if (!json) {
        out_row(o);
        out_cstr(o, "name", name);
    }
    out_cstr(o, name, v);
    if (!json)
        out_end_row(o);
}

static void put_double(struct out *o, bool json, const char *name, double v)
{
    if (!json) {
        out_row(o);
        out_cstr(o, "name", name);
    }
    out_double(o, name, v, 3);
    if (!json)
        out_end_row(o);
}

static void put_info(struct out *o, bool json, const struct ann_info *i)
{
    put_text(o, json, "kind", i->kind);
    put_u64(o, json, "rows", i->rows);
    put_u64(o, json, "live", i->live);
    put_u64(o, json, "deleted", i->rows - i->live);
    put_text(o, json, "ids", i->ids ? "yes" : "no");
    put_u64(o, json, "dim", i->dim);
    put_text(o, json, "type", vec_type_name(i->type));
    put_text(o, json, "metric", vec_metric_name(i->metric));
    put_text(o, json, "codec", i->codec);
    put_text(o, json, "vectors", i->vectors ? "yes" : "no");
    put_u64(o, json, "bytes", i->bytes);
    put_double(o, json, "bytes_a_row", i->rows ? (double)i->bytes / (double)i->rows : 0);
    put_u64(o, json, "code_bytes", i->code_bytes);
}

/* Of a kind with links. */
static void put_graph(struct out *o, bool json, const struct ann_info *i)
{
    put_u64(o, json, "link_bytes", i->link_bytes);
    put_u64(o, json, "degree", i->degree);
    put_u64(o, json, "beam", i->beam);
    put_double(o, json, "alpha", i->alpha);
    put_u64(o, json, "entries", i->entries);
}

static void put_lists(struct out *o, bool json, const struct ann *a, const struct ann_info *i)
{
    struct ann_lists l;

    ann_lists(a, &l);
    put_u64(o, json, "lists", i->lists);
    put_double(o, json, "rows_a_list", l.mean);
    put_u64(o, json, "rows_least", l.least);
    put_u64(o, json, "rows_most", l.most);
    put_u64(o, json, "lists_without_rows", l.none);
    put_double(o, json, "imbalance", l.imbalance);
    if (i->apart > 0) {
        put_double(o, json, "lists_a_row", i->entry_mean);
        put_u64(o, json, "bytes_apart", i->apart);
    } else {
        put_double(o, json, "spread", i->spread);
    }
    if (i->leaves == 0)
        return;
    put_u64(o, json, "leaves", i->leaves);
    put_u64(o, json, "depth", i->depth);
    put_double(o, json, "rows_a_leaf", (double)i->rows / (double)i->leaves);
    put_u64(o, json, "leaf_rows_least", i->leaf_least);
    put_u64(o, json, "leaf_rows_most", i->leaf_most);
    put_u64(o, json, "workload_queries", i->workload);
}

static void put_tenants(struct out *o, bool json, const struct ann *a, const struct ann_info *i)
{
    struct ann_tenants t;

    ann_tenants(a, &t);
    put_u64(o, json, "tenants", t.tenants);
    put_u64(o, json, "grants", t.grants);
    put_double(o, json, "tenants_a_row", i->live ? (double)t.grants / (double)i->live : 0);
    put_u64(o, json, "nodes", t.nodes);
    put_u64(o, json, "leaves", t.leaves);
    put_u64(o, json, "depth", t.depth);
    put_u64(o, json, "leaf_most", t.leaf_most);
    put_u64(o, json, "short_lists", t.lists);
    put_u64(o, json, "short_list_most", t.list_most);
    put_double(o, json, "bytes_a_grant", t.grants ? (double)t.list_bytes / (double)t.grants : 0);
    put_u64(o, json, "bloom_bits", t.filter_bits);
    put_double(o, json, "bloom_fill", t.filter_fill);
    put_double(o, json, "spread", i->spread);
}

static void put_links(struct out *o, const struct asked *a, const struct ann_info *i,
                      const struct ann_links *l)
{
    put_u64(o, a->json, "reached", l->reached);
    put_u64(o, a->json, "links", l->links);
    put_double(o, a->json, "links_a_row", i->live ? (double)l->links / (double)i->live : 0);
    put_u64(o, a->json, "links_least", l->least);
    put_u64(o, a->json, "links_most", l->most);
    put_u64(o, a->json, "rows_without_links", l->none);
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
            put_u64(o, false, name, l->by_degree[d]);
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
            put_u64(o, false, name, s.len);
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
        put_text(o, false, name, value);
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
    put_text(o, false, name, s->effort > 0 ? value : "not reached");
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
    out_header(o, "name value");
    if (a->json)
        out_row(o);
    put_info(o, a->json, &i);
    if (i.has_links) {
        put_graph(o, a->json, &i);
        put_links(o, a, &i, &l);
    }
    if (i.has_lists)
        put_lists(o, a->json, ann, &i);
    if (i.has_tenants)
        put_tenants(o, a->json, ann, &i);
    put_columns(o, a->json, ann, i.columns);
    put_settings(o, a->json, &i, settings, n);
    put_sections(o, a, ann);
    if (a->json)
        out_end_row(o);
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
