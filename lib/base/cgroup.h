/* cgroup.h - the control groups (v2) that this process is in: what a container or a batch job may
 * use is written there.
 *
 * Threads  safe from any.
 */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

/* Calls visit() for the process's own group and for every group above it, whose limits hold too,
 * with the group's folder; not at all where that cannot be found out. */
void cgroup_visit(void (*visit)(void *ctx, const char *folder), void *ctx);

#endif
