/* docs.h - documents out of files: JSON Lines, lines of plain text, or whole files.
 *
 *   jsonl  one object a line: `field` holds the text, `id_field` (a string, or a number as its
 *          digits; a value of another kind is no id) the name; the rest of the record is kept byte
 *          for byte. Blank lines, and a UTF-8 byte order mark before a record, are passed over.
 *   lines  every line is a document, empty ones too; its bytes as they are.
 *   text   every file is one document, all of its bytes (an empty file an empty document); its id
 *          is the path as it was given.
 *
 * A record without the field, or whose field is no string, or that is not JSON, is bad: an error
 * that names file and line, or skipped and counted. A repeated field name takes the first.
 * A damaged or truncated compressed input is always an error, and so is a line, or a file that is a
 * document, longer than DOCS_LINE_MAX. After an error only docs_close() makes sense.
 *
 * A corpus can be read in shards, by readers that know nothing of each other: the bytes of all
 * files, as they are stored, one after the other, are cut in equal ranges, and a document belongs
 * to the range in which its place lies. That is where its line begins, or its file (text), or, as
 * lines of compressed files have no place of their own, the block of 256 KB in which it was found.
 * So the documents of all shards, one shard after the other, are the documents, each once; shards
 * may be empty. A reader skips the files that lie outside of its range, reads a file that it enters
 * in the middle from its beginning, for the line numbers, without parsing what it passes over (bad
 * records there are not its own), and stops at its range's end.
 *
 * jsonl_decode() rules for text and id: \u0000 is a NUL byte, invalid UTF-8 passes.
 *
 * Errors   ERR_IO, ERR_INPUT ("FILE:LINE: sentence"), ERR_MEM.
 * Memory   a struct doc's pointers live until the next docs_next().
 * Threads  one reader, one thread.
 * Cost     one pass over a record; a text without escapes is not copied.
 */
#ifndef TEXT_DOCS_H
#define TEXT_DOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DOCS_LINE_MAX   ((size_t)2 << 30) /* bytes of a line, or of a file that is a document */
#define DOCS_SHARDS_MAX 65536

enum docs_format { DOCS_AUTO, DOCS_JSONL, DOCS_LINES, DOCS_TEXT };

struct docs_opts {
    enum docs_format format; /* AUTO: by each file's name with .zst/.gz taken off: .jsonl .ndjson
                                .json jsonl, .txt lines (stream.h); anything else, "-" too: jsonl */
    const char *field;       /* NULL: "text" */
    const char *id_field;    /* NULL: "id" */
    bool skip_bad;
    size_t most;            /* bytes of a line or file, if less than DOCS_LINE_MAX; 0: that */
    uint64_t shard, shards; /* read the shard-th (from 0) of so many; shards 0 or 1: everything */
};

/* The record of a jsonl document is cut around its text value: `head` is the line up to and with
 * the text's opening quote, `tail` from its closing quote to the line's end (blanks at both ends
 * of the line taken off). Empty for the other formats. */
struct doc {
    const char *text;
    size_t text_len;
    const char *id; /* NULL when the record has none (and for lines) */
    size_t id_len;
    const char *head, *tail;
    size_t head_len, tail_len;
    const char *path; /* as given; "-" for standard input; lives as long as the reader */
    uint64_t line;    /* 1-based line in that file; 0 for format text */
};

struct docs;

/* paths and the strings in *o are not copied and must outlive the reader. n == 0 reads nothing. A
 * path that does not exist or is a folder is an error now, before any work is done; with shards
 * also standard input and every path that is no regular file (ERR_USAGE). */
int docs_open(struct docs **out, const char *const *paths, size_t n, const struct docs_opts *o,
              struct err *e);
int docs_next(struct docs *d, struct doc *doc, struct err *e); /* 1, 0 at the end, negative ERR_* */
uint64_t docs_skipped(const struct docs *d);                   /* bad records passed over so far */
/* Bytes read of the (compressed) inputs and their total, 0 when it is unknown (a pipe); of a shard
 * those of its range. */
uint64_t docs_raw_pos(const struct docs *d);
uint64_t docs_raw_size(const struct docs *d);
void docs_close(struct docs *d); /* NULL is fine */

#endif
