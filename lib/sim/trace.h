/* trace.h - serving traces in: one request after the other, of any format that is known.
 *
 * A trace is a file of requests to a language model: when each came, how long prompt and answer
 * were, which blocks of the prompt others share, what it waits for. trace(5) describes the
 * canonical form, JSON Lines; the public formats (Azure, Vidur, Mooncake, Bailian, LLMServingSim,
 * APEX, BurstGPT, splitwise-sim, HexGen, measured runs of vLLM) are told by their first line and
 * become the same records.
 *
 * Times are whole nanoseconds, read from decimal text without rounding.
 *
 * Errors   ERR_INPUT sentences name file and line (HexGen: the program).
 * Memory   a record and what it points to live until the next trace_read() of the same reader.
 * Threads  one reader, one thread.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TRACE_ABSENT INT64_MIN

enum { TRACE_TOKENS_MOST = 1 << 30 }; /* of a prompt, or an answer */

struct trace_text {
    const char *p; /* NULL: absent */
    size_t len;
};

/* One request. Numbers that are absent: TRACE_ABSENT, or 0 where they are unsigned. */
struct trace_record {
    struct trace_text id; /* never absent; the record's number where the format has none */
    int64_t t_ns;         /* arrival */
    uint64_t prompt;      /* tokens, at least 1 */
    uint64_t output;      /* the same; the first token counts */
    uint64_t block;       /* tokens that a hash stands for */
    const uint64_t *hashes, *out_hashes; /* of the prompt's blocks, the answer's */
    size_t n_hashes, n_out_hashes;
    struct trace_text session;
    int64_t turn;
    const struct trace_text *after; /* ids that must have ended before */
    size_t n_after;
    uint64_t joins;  /* how many of `after`, the first ones, the prompt begins with the texts of */
    uint64_t common; /* tokens that all of those begin with: they count once */
    int64_t reuse;   /* tokens of them whose KV is taken over; absent: all that there are */
    struct trace_text tool; /* that runs between `after` and this */
    int64_t tool_ns;
    struct trace_text tenant;
    int64_t priority; /* smaller first */
    struct trace_text category, model;
    int64_t deadline_ns;
    struct trace_text race; /* when `winners` of a race have ended, the others are stopped */
    uint64_t winners;
    struct trace_text if_ended; /* id of a request: if it has ended when this one comes, */
    uint64_t then_output;       /* that is the output */
    bool background;            /* it runs where others leave room, and makes way for them */
    struct trace_text rest; /* members that this version does not know, as JSON: ,"a":1,"b":[2] */
};

/* Nothing of it is there. */
#define TRACE_RECORD_NONE                            \
    ((struct trace_record){.t_ns = TRACE_ABSENT,     \
                           .turn = TRACE_ABSENT,     \
                           .reuse = TRACE_ABSENT,    \
                           .tool_ns = TRACE_ABSENT,  \
                           .priority = TRACE_ABSENT, \
                           .deadline_ns = TRACE_ABSENT})

struct trace_reader;

/* In the order of `enum trace_format`; a reader is told "auto", or which. */
#define TRACE_FORMAT_NAMES                                                          \
    "sluice|azure|vidur|mooncake|bailian|llmservingsim|agentic|vllm|apex|burstgpt|" \
    "splitwise|hexgen"

enum trace_format {
    TRACE_AUTO = -1,
    TRACE_SLUICE,
    TRACE_AZURE,
    TRACE_VIDUR,
    TRACE_MOONCAKE,
    TRACE_BAILIAN,
    TRACE_LLMSERVINGSIM,
    TRACE_AGENTIC,
    TRACE_VLLM,
    TRACE_APEX,
    TRACE_BURSTGPT,
    TRACE_SPLITWISE,
    TRACE_HEXGEN,
    TRACE_FORMATS
};

struct trace_read_opts {
    enum trace_format format;
    uint64_t block; /* tokens of a hash where the file does not say; 0: by the lengths */
};

/* path "-": standard input; compressed files are read as they are. */
int trace_open(struct trace_reader **out, const char *path, const struct trace_read_opts *o,
               struct err *e);
/* 1 and a record; 0 at the end; ERR_INPUT: a bad record, after which the next may be asked for;
 * other errors repeat. */
int trace_read(struct trace_reader *r, struct trace_record *rec, struct err *e);
void trace_close(struct trace_reader *r); /* NULL is fine */

const char *trace_name(const struct trace_reader *r); /* for messages */
enum trace_format trace_format(const struct trace_reader *r);
uint64_t trace_line(const struct trace_reader *r); /* of the last record, from 1 */
/* For progress: bytes of input read, and there are (0: not known). */
uint64_t trace_pos(const struct trace_reader *r);
uint64_t trace_size(const struct trace_reader *r);

/* ---- several as one, in the order of time ---- */

struct trace_merge;

/* n 1: the file as it is. More: ties go by the order of the files, and what is told apart inside a
 * file stays apart: ids and sessions of file k (from 0) become "k/ID", and hashes other ones, those
 * of file 0 too. Merges may be merged again. */
int trace_merge_open(struct trace_merge **out, const char *const *paths, size_t n,
                     const struct trace_read_opts *o, struct err *e);
/* As trace_read(), of the reader that *from (NULL: not asked) is set to. Of several files a record
 * without a time, or before the one above it, is a bad one; hashes of another number of tokens than
 * those so far are ERR_USAGE. */
int trace_merge_next(struct trace_merge *m, struct trace_record *rec, struct trace_reader **from,
                     struct err *e);
void trace_merge_close(struct trace_merge *m); /* NULL is fine */

/* ---- out ---- */

struct buf;

/* Appends the record as a line of trace(5), newline included. */
int trace_append(struct buf *out, const struct trace_record *rec, struct err *e);

/* ---- changes of one record (trace_edit.c) ---- */

/* Prompt and output together are at most `most` (at least 2) tokens: the prompt is cut first, as
 * Vidur does, to 1 token at least, then the output. Hashes of what is cut go. True if it was. */
bool trace_clip(struct trace_record *rec, uint64_t most);

/* Arrivals of a Poisson process of `rate` a second, whatever the records' own. Those that wait for
 * others come with the last that does not; so do those that follow in the same session. */
struct trace_poisson {
    double rate;
    uint64_t seed;
    double at_s;
    int64_t t_ns;
    bool begun;
    char session[64]; /* the last one's, cut */
    size_t session_len;
};

int trace_poisson(struct trace_poisson *p, struct trace_record *rec, struct err *e);

/* A sample of sessions, and of the requests of none, which remembers the ids of what it keeps. */
struct trace_sample {
    double share;
    uint64_t seed;
    struct names *kept; /* NULL at first */
};

/* Is it of the sample, 1 or 0? Requests of a session are together in it or not. ERR_INPUT for one
 * that waits for others and is of no session, or for one that is not in the sample. */
int trace_sampled(struct trace_sample *s, const struct trace_record *rec, struct err *e);
void trace_sample_free(struct trace_sample *s);

#endif
