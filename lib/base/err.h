/* err.h - an error is a code and one sentence, carried up to the command that speaks.
 *
 * Functions that can fail return 0 (or a count) on success and a negative ERR_* on failure, with
 * the sentence in *e. The sentence is lower case, without a full stop, names the file and the
 * place, and quotes what the user typed: "cannot open 'x': No such file or directory".
 *
 * Threads  a struct err belongs to one thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdint.h>

enum err_code {
    ERR_IO = -1,      /* the system refused: open, read, write, sync, rename */
    ERR_MEM = -2,     /* out of memory, or a size that overflows */
    ERR_INPUT = -3,   /* malformed input data; the sentence names file and line or row */
    ERR_CORRUPT = -4, /* one of our own files is damaged; the sentence names the section */
    ERR_USAGE = -5,   /* the request makes no sense for this data; exit code 1 all the same */
};

struct err {
    int code;       /* 0 or an enum err_code */
    unsigned shown; /* bytes at the end of msg that err_show() put there; else 0 */
    char msg[600];
};

/* Fills *e and returns code, so that `return err_set(e, ERR_INPUT, ...)` reads well. A message too
 * long for the buffer is cut. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "VERB 'PATH': strerror(errno)" with code ERR_IO: err_sys(e, "cannot open", path). */
int err_sys(struct err *e, const char *verb, const char *path);

/* Two more lines below the sentence, where there is room: a text, without line ends, and a caret
 * below its column, from 0. Returns e->code. */
int err_show(struct err *e, const char *line, unsigned column);

/* Puts "PREFIX: " before the sentence: gives a lower layer's error its file. Returns e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
