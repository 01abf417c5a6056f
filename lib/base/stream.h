/* stream.h - bytes and lines in, through whatever compression they carry.
 *
 * A stream is a file or standard input ("-"). Its first bytes decide: zstd frames, gzip members
 * (both may be concatenated, as cat makes them) or plain bytes; the name does not matter. A
 * truncated or damaged compressed file is an error, never a silent end: what stands before the
 * damage is handed out first (of zstd maybe without the last blocks), and the error repeats when it
 * is asked again.
 *
 * Lines end in '\n' or, with delim '\0', in NUL; a last line without its end counts; an empty input
 * has no lines. A '\r' before the '\n' stays part of the line: bytes are bytes.
 *
 * Errors   ERR_IO for the system's refusals, ERR_INPUT for damaged data; sentences name the file.
 * Memory   spans returned by lines_next() live until the next call.
 * Threads  one reader, one thread.
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct stream;

/* Opens and refuses folders; nothing is read yet. */
int stream_open(struct stream **out, const char *path, struct err *e);
/* Puts 1 to cap bytes into p (fewer than cap does not mean the end; cap at least 1); returns how
 * many, 0 at the end, or a negative ERR_*. */
int64_t stream_read(struct stream *s, void *p, size_t cap, struct err *e);
/* Name for messages: the path, or "stdin" for "-". */
const char *stream_name(const struct stream *s);
const char *stream_name_of(const char *path);
/* How far the *compressed* input has been read, and its size (0 when unknown: a pipe), both counted
 * from where reading began: for progress. */
uint64_t stream_raw_pos(const struct stream *s);
uint64_t stream_raw_size(const struct stream *s);
/* Is this a regular file that is not compressed? Known from the first stream_read() on. */
bool stream_can_seek(const struct stream *s);
/* Goes on at this byte, counted from where reading began; only where stream_can_seek(). */
int stream_seek(struct stream *s, uint64_t at, struct err *e);
void stream_close(struct stream *s); /* NULL is fine */

/* ---- names ---- */

/* The name ends in .zst or .gz, in any case. */
bool stream_name_is_packed(const char *path);
/* Does the name, with that taken off, end in a dot and `ending`, in any case, and is something
 * before? */
bool stream_name_ends(const char *path, const char *ending);

/* ---- lines ---- */

struct lines;

enum { LINES_MOST = 1 << 28 }; /* bytes of a line, where nothing says less, or more */

/* max_len bounds a line without its delimiter (0: LINES_MOST); a longer one is ERR_INPUT naming
 * file and line, and the end of reading: what has no line ends does not fill the memory. */
int lines_open(struct lines **out, const char *path, char delim, size_t max_len, struct err *e);
/* 1 and the line without its delimiter, 0 at the end, or a negative ERR_*. The byte after the span
 * is readable and is '\0' (a scanner may rely on it). */
int lines_next(struct lines *l, const char **p, size_t *len, struct err *e);
/* The same of text, whose lines may end in CR LF: the CR is none of the line, nor is a byte order
 * mark in front of the first. */
int lines_next_text(struct lines *l, const char **p, size_t *len, struct err *e);
uint64_t lines_number(const struct lines *l); /* of the line last returned, from 1; 0 before */
/* A place in the raw input of the next line's first byte, never decreasing and, of a regular file,
 * always the same: its offset in plain input, else that of the block of compressed bytes that was
 * decoded last. */
uint64_t lines_place(const struct lines *l);
const struct stream *lines_stream(const struct lines *l);
void lines_close(struct lines *l); /* NULL is fine */

#endif
