/* dist.h - random numbers of tokens, seconds, turns: a distribution as text.
 *
 *   fixed:X           always X              normal:MEAN,SD     cut at 0
 *   uniform:A,B       from A to B           lognormal:MEAN,SD  of the number itself, not its log
 *   exp:MEAN          exponential           gamma:MEAN,CV
 *   pareto:S,MIN,MAX  MIN or more, above x with the probability (MIN / x)^S, what is beyond MAX
 *                     being MAX
 *   zipf:S,MAX        1 to MAX, the k-th as likely as k^-S
 */
#ifndef SIM_DIST_H
#define SIM_DIST_H

#include <stdbool.h>
#include <stdint.h>

enum dist_kind {
    DIST_FIXED,
    DIST_UNIFORM,
    DIST_EXP,
    DIST_NORMAL,
    DIST_LOGNORMAL,
    DIST_GAMMA,
    DIST_ZIPF,
    DIST_PARETO
};

struct dist {
    enum dist_kind kind;
    double a, b, c;
};

#define DIST_FORMS                                                                    \
    "a number or fixed:X, uniform:A,B, exp:MEAN, normal:MEAN,SD, lognormal:MEAN,SD, " \
    "gamma:MEAN,CV, zipf:S,MAX or pareto:S,MIN,MAX"

/* A number alone is fixed. False if it is none of these. */
bool dist_parse(struct dist *d, const char *text);
/* 0 or more. */
double dist_draw(const struct dist *d, uint64_t *seed);

/* With this mean and coefficient of variation (Marsaglia and Tsang 2000). */
double dist_gamma(double mean, double cv, uint64_t *seed);

#endif
