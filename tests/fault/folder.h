/* folder.h - what is in a folder and in those below it: remembered, compared, put back. Small
 * files only: all is kept in memory. What cannot be read or written ends the test. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    char *path; /* relative to the folder; of a folder it ends in a slash */
    char *data;
    size_t len;
};

struct folder {
    struct entry *v;
    size_t n, cap;
};

static void broken(const char *what)
{
    perror(what);
    exit(2);
}

/* All of an open file, from its beginning. */
static char *slurp(int fd, size_t *len)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        broken("fstat");
    char *p = malloc((size_t)st.st_size + 1);
    if (!p || pread(fd, p, (size_t)st.st_size, 0) != st.st_size)
        broken("cannot read back");
    *len = (size_t)st.st_size;
    p[*len] = '\0';
    return p;
}

static struct entry *folder_add(struct folder *f, const char *path)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 16;
        f->v = realloc(f->v, f->cap * sizeof *f->v);
    }
    if (!f->v)
        broken("realloc");
    f->v[f->n] = (struct entry){.path = strdup(path)};
    return &f->v[f->n++];
}

static void folder_look(struct folder *f, const char *below)
{
    DIR *d = opendir(*below ? below : ".");
    const struct dirent *x;
    char path[4096];

    if (!d)
        broken(below);
    while ((x = readdir(d))) {
        struct stat st;

        if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s%s", below, x->d_name);
        if (lstat(path, &st) < 0)
            broken(path);
        if (S_ISDIR(st.st_mode)) {
            strcat(path, "/");
            folder_add(f, path);
            folder_look(f, path);
            continue;
        }
        struct entry *e = folder_add(f, path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            broken(path);
        e->data = slurp(fd, &e->len);
        close(fd);
    }
    closedir(d);
}

static int entry_by_path(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* The working folder. */
static void folder_read(struct folder *f)
{
    *f = (struct folder){0};
    folder_look(f, "");
    if (f->n > 0)
        qsort(f->v, f->n, sizeof *f->v, entry_by_path);
}

static void folder_free(struct folder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].path);
        free(f->v[i].data);
    }
    free(f->v);
    *f = (struct folder){0};
}

static const struct entry *folder_find(const struct folder *f, const char *path)
{
    const struct entry key = {.path = (char *)(uintptr_t)path};

    return f->n ? bsearch(&key, f->v, f->n, sizeof *f->v, entry_by_path) : NULL;
}

static bool entry_same(const struct entry *a, const struct entry *b)
{
    return a && b && a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool folder_same(const struct folder *a, const struct folder *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->v[i].path, b->v[i].path) == 0 && entry_same(&a->v[i], &b->v[i]);
    return same;
}

static void entry_put(const struct entry *e)
{
    size_t len = strlen(e->path);

    if (e->path[len - 1] == '/') {
        if (mkdir(e->path, 0777) < 0 && errno != EEXIST)
            broken(e->path);
        return;
    }
    int fd = open(e->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, e->data, e->len) != (ssize_t)e->len || close(fd) < 0)
        broken(e->path);
}

/* The working folder, in which is `now`, becomes `want`. */
static void folder_restore(const struct folder *now, const struct folder *want)
{
    for (size_t i = now->n; i-- > 0;)
        if (!folder_find(want, now->v[i].path) && remove(now->v[i].path) < 0)
            broken(now->v[i].path);
    for (size_t i = 0; i < want->n; i++)
        if (!entry_same(folder_find(now, want->v[i].path), &want->v[i]))
            entry_put(&want->v[i]);
}

#endif
