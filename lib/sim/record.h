/* record.h - files of records that programs write, one a line: JSON Lines, or TSV or CSV (field.h)
 * under a header, on any system. Inside this domain only.
 *
 * Errors   a callback's stops the reading and is returned; ERR_INPUT gets file and line in front.
 * Memory   lines and values are spans that live until the callback returns.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/jsonl.h"
#include "base/stream.h"

/* ---- lines ---- */

struct record_line {
    const char *p; /* no return at its end, no byte order mark in front */
    size_t len;
    bool first;                 /* of the file */
    const struct stream *input; /* for progress */
};

/* `take` gets every line that is not empty, of at most `most` bytes (0: any length); not 0: no more
 * lines, and that is returned. `path`: "-" is standard input. */
int record_lines(const char *path, size_t most,
                 int (*take)(void *ctx, const struct record_line *l, struct err *e), void *ctx,
                 struct err *e);

/* ---- fields that have names ---- */

enum { RECORD_COLUMNS_MOST = 64 };

struct record_form {
    int (*named)(const void *ctx, const char *p, size_t len); /* its number, or -1: is left out */
    /* A value: a table's are numbers, whatever they hold. */
    int (*take)(void *ctx, int field, const struct jsonl_span *v, struct err *e);
    void *ctx;
    char between;                    /* a table's fields; 0: JSON Lines */
    int column[RECORD_COLUMNS_MOST]; /* the field that it is, or -1 */
    size_t columns;
};

/* A table's header, behind "# " or not, as the form of what follows. How many of its columns have
 * numbers; ERR_INPUT when there are too many, or a quote is not closed. */
int record_header(struct record_form *f, char between, const char *p, size_t len, struct err *e);
/* Every field of a record goes to `take`, one after the other. */
int record_read(const struct record_form *f, const char *p, size_t len, struct err *e);

/* An empty field, or null. */
static inline bool record_absent(const struct jsonl_span *v)
{
    return v->len == 0 || v->type == JSONL_NULL;
}

#endif
