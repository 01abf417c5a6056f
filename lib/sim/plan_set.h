/* plan_set.h - the plans of a question: on which machines, with which cost models and schedulers.
 */
#ifndef SIM_PLAN_SET_H
#define SIM_PLAN_SET_H

#include "sim/plan_search.h"

enum { PLAN_SET_MOST = 64, PLAN_SET_TEXT = 1024 };

/* A cost model that was named, and what it is of. */
struct plan_table {
    char path[PLAN_SET_TEXT];
    bool roofline;
    struct cost_memory memory;
};

struct plan_set { /* {0} is empty */
    struct model_card model;
    struct plan_cluster cluster[PLAN_SET_MOST];
    size_t clusters;
    struct plan_table table[PLAN_SET_MOST];
    size_t tables;
    int sched[PLAN_SET_MOST];
    size_t scheds;
    struct plan_try *v;
    size_t n, cap;
};

/* "8xH100,2x8xH100": GPUs of a machine and their card, or machines and GPUs of each. False if it is
 * not like that. */
bool plan_set_clusters(struct plan_set *s, const char *list);
/* The cards of the model and of all clusters. */
int plan_set_cards(struct plan_set *s, const char *model, struct err *e);
/* Cost models, with commas between them: a plan takes the first that is of it. ERR_USAGE for
 * tables, where clusters are of different GPUs. */
int plan_set_tables(struct plan_set *s, const char *list, const struct cost_opts *o, struct err *e);
/* Every plan of every cluster with every scheduler; by_size: of one replica on each number of GPUs
 * that is a part of a machine or whole ones. */
int plan_set_make(struct plan_set *s, bool by_size, struct err *e);
void plan_set_free(struct plan_set *s);

#endif
