/* rows.h - a replay as rows of its requests. */
#ifndef SIM_ROWS_H
#define SIM_ROWS_H

#include "sim/replay.h"

/* A row a request, in the trace's order: id arrival_ns start_ns first_token_ns end_ns prompt output
 * prefix_hit_tokens preemptions replica status. Times of one that was rejected or refused, or
 * stopped before its first token, are -1. path NULL: none are asked for; "-": standard output. */
int rows_write(const char *path, const struct replay *p, struct err *e);

#endif
