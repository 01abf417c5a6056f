/* progress.c - see progress.h. */
#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DELAY_S  1.0
#define PERIOD_S 0.2

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_init(struct progress *p, bool quiet)
{
    *p = (struct progress){.on = !quiet && isatty(STDERR_FILENO)};
    p->began_s = p->last_s = now_s();
}

static bool in_foreground(void)
{
    return tcgetpgrp(STDERR_FILENO) == getpgrp();
}

void progress_report(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    struct progress *p = ctx;
    double t, rate;

    if (!p->on)
        return;
    t = now_s();
    if (strncmp(p->phase, phase, sizeof p->phase - 1) != 0) {
        snprintf(p->phase, sizeof p->phase, "%s", phase);
        p->began_s = t;
    } else if (t - p->last_s < PERIOD_S) {
        return;
    }
    if ((!p->shown && t - p->began_s < DELAY_S) || !in_foreground())
        return;
    p->last_s = t;
    p->shown = true;
    rate = (double)done / (t - p->began_s > 0 ? t - p->began_s : 1);
    if (total > 0)
        fprintf(stderr, "\r\033[K%s: %3.0f %%, %.1f M/s, %.0f s left", phase,
                100.0 * (double)done / (double)total, rate / 1e6,
                rate > 0 && done < total ? (double)(total - done) / rate : 0.0);
    else
        fprintf(stderr, "\r\033[K%s: %.1f M, %.1f M/s", phase, (double)done / 1e6, rate / 1e6);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
