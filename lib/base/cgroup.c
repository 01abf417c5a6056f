/* cgroup.c - see cgroup.h. */
#include "base/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The "0::/path" line of /proc/self/cgroup, without its newline; 0 when there is none. */
static int own_cgroup(char *path, int cap)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX + 64];
    int found = 0;

    if (!f)
        return 0;
    while (!found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) == 0)
            found = snprintf(path, (size_t)cap, "%s", line + 3) < cap;
    }
    fclose(f);
    return found;
}

void cgroup_visit(void (*visit)(void *ctx, const char *folder), void *ctx)
{
    char cgroup[PATH_MAX], folder[PATH_MAX + 32];
    char *slash;

    if (!own_cgroup(cgroup, (int)sizeof cgroup))
        return;
    for (;;) {
        snprintf(folder, sizeof folder, "/sys/fs/cgroup%s", cgroup);
        visit(ctx, folder);
        slash = strrchr(cgroup, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}
