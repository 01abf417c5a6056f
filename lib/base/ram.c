/* ram.c - see ram.h. */
#include "base/ram.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/cgroup.h"

/* MemAvailable of /proc/meminfo: free memory and what the page cache would give up. */
static uint64_t system_available(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;
    char line[256];

    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    fclose(f);
    return (uint64_t)kib * 1024;
}

/* The number in a group's file; UINT64_MAX for "max", and when there is none. */
static uint64_t group_value(const char *folder, const char *file)
{
    char name[PATH_MAX + 64];
    unsigned long long v;
    uint64_t value = UINT64_MAX;
    FILE *f;

    snprintf(name, sizeof name, "%s/%s", folder, file);
    f = fopen(name, "re");
    if (!f)
        return UINT64_MAX;
    if (fscanf(f, "%llu", &v) == 1)
        value = v;
    fclose(f);
    return value;
}

/* The page cache counts as used, though it would be given up: so this is rather too little. */
static void lower_to_group(void *ctx, const char *folder)
{
    uint64_t *left = ctx, max = group_value(folder, "memory.max");
    uint64_t used = group_value(folder, "memory.current");

    if (max == UINT64_MAX || used == UINT64_MAX)
        return;
    max -= used < max ? used : max;
    *left = max < *left ? max : *left;
}

static uint64_t address_space_left(void)
{
    struct rlimit limit;
    unsigned long long pages = 0;
    FILE *f;

    if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%llu", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    pages *= 4096;
    return limit.rlim_cur > pages ? limit.rlim_cur - pages : 0;
}

uint64_t ram_available(void)
{
    uint64_t left = system_available(), own = address_space_left();

    if (!left)
        return 0;
    cgroup_visit(lower_to_group, &left);
    return own < left ? own : left;
}
