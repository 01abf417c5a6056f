/* out.h - results out: TSV with a '#' header line, or JSON Lines, to a file or standard output.
 *
 * A named file appears whole at out_commit() or not at all (atomic.h). Standard output is written
 * as the buffer fills; out_commit() flushes it and reports what failed. A closed pipe is ERR_IO
 * with an empty sentence: the command exits 1 and says nothing, as its reader has gone.
 *
 * One row is built field by field; the format decides how it looks:
 *
 *     out_row(o);
 *     out_u64(o, "doc", 7);
 *     out_str(o, "id", id, id_len);
 *     out_end_row(o);
 *
 * gives "7\tid\n" or {"doc":7,"id":"id"}\n. In TSV tab, newline, return and backslash are written
 * \t \n \r \\ and other bytes as they are. In JSON, text that is not UTF-8 has U+FFFD in place of
 * the bad bytes; keys are encoded like text. TSV rows may end in NUL instead of newline, their
 * fields raw with tabs between them: out_opts.nul.
 *
 * Where that is a terminal, control characters in what is written are replaced (term.h), raw bytes
 * among it too. Files and pipes get the bytes as they are.
 *
 * Errors   out_open() reports its own; later ones are kept inside: every call after a failure
 *          does nothing, and out_commit() returns the first. So row code needs no checks; long
 *          loops ask out_failed() now and then.
 * Threads  one writer, one thread.
 */
#ifndef BASE_OUT_H
#define BASE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct out;

struct out_opts {
    const char *path; /* NULL or "-": standard output */
    bool json;
    bool nul; /* TSV rows end in NUL, and fields are raw bytes; no effect on JSON */
};

int out_open(struct out **out, const struct out_opts *o, struct err *e);

/* "# a<TAB>b<TAB>c", TSV only (nothing in JSON or with nul). Names separated by spaces. */
void out_header(struct out *o, const char *names);
/* "# sentence", TSV only like the header; escaped like a field, so that it stays one line. */
void out_comment(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void out_row(struct out *o);
void out_u64(struct out *o, const char *key, uint64_t v);
void out_i64(struct out *o, const char *key, int64_t v);
/* `decimals` digits after the point, at most 40. Not a number: nan in TSV, null in JSON; infinite:
 * inf or -inf in TSV, null in JSON. */
void out_double(struct out *o, const char *key, double v, int decimals);
/* A number that is text already, as JSON writes numbers. */
void out_number(struct out *o, const char *key, const char *p, size_t len);
void out_str(struct out *o, const char *key, const char *p, size_t len);
/* The same, and on a terminal, in TSV, the n bytes from `at` on are coloured as grep does it. */
void out_str_marked(struct out *o, const char *key, const char *p, size_t len, size_t at, size_t n);
void out_cstr(struct out *o, const char *key, const char *s);
void out_bool(struct out *o, const char *key, bool v);
/* JSON only: an array or object value; fields go inside until the matching end. In an array `key`
 * is NULL. In TSV these and what is inside them write nothing: rows are flat. */
void out_array(struct out *o, const char *key);
void out_object(struct out *o, const char *key);
void out_close_array(struct out *o);
void out_close_object(struct out *o);
void out_end_row(struct out *o);

/* Facts of one thing: in TSV rows `what value` under that header, in JSON members of one object. */
void out_facts(struct out *o);
void out_value(struct out *o, const char *what, double v, int decimals);
void out_count(struct out *o, const char *what, uint64_t v);
void out_word(struct out *o, const char *what, const char *v);
/* A table among them: in TSV a header and rows, in JSON a member, an array of objects. */
void out_table(struct out *o, const char *name, const char *columns);
void out_table_row(struct out *o);
void out_end_table_row(struct out *o);
void out_end_table(struct out *o);
void out_end_facts(struct out *o);

/* Bytes as they are, between rows: for tools whose output is not rows (fm-cat). */
void out_raw(struct out *o, const void *p, size_t len);

/* All of a file, or of standard output, at once. */
int out_bytes(const char *path, const void *p, size_t len, struct err *e);

bool out_is_json(const struct out *o);
bool out_failed(const struct out *o);
/* For interactive use: rows so far, now. Returns the first failure, like out_commit(). */
int out_flush(struct out *o, struct err *e);
int out_commit(struct out **o, struct err *e); /* flush, rename; frees *o either way */
void out_abort(struct out **o);                /* no-op on NULL; what is buffered is not written */

#endif
