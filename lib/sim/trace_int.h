/* trace_int.h - what the readers of the formats share. Inside this domain only.
 *
 * Most formats are one request a line, and differ in the names of their columns or members and the
 * units of their times: a table of rules each (trace_formats.c), over one reader of CSV and one of
 * JSON Lines. Two formats hold several requests in a line or document: trace_programs.c makes a
 * queue of them.
 */
#ifndef SIM_TRACE_INT_H
#define SIM_TRACE_INT_H

#include "base/jsonl.h"
#include "base/mem.h"
#include "base/stream.h"
#include "sim/trace.h"

enum trace_field {
    FIELD_ID,
    FIELD_T,
    FIELD_PROMPT,
    FIELD_OUTPUT,
    FIELD_BLOCK,
    FIELD_HASHES,
    FIELD_OUT_HASHES,
    FIELD_SESSION,
    FIELD_TURN,
    FIELD_AFTER,
    FIELD_JOINS,
    FIELD_COMMON,
    FIELD_REUSE,
    FIELD_TOOL,
    FIELD_TOOL_NS,
    FIELD_TENANT,
    FIELD_PRIORITY,
    FIELD_CATEGORY,
    FIELD_MODEL,
    FIELD_DEADLINE,
    FIELD_RACE,
    FIELD_WINNERS,
    FIELD_IF_ENDED,
    FIELD_THEN_OUTPUT,
    FIELD_BACKGROUND,
    FIELD_CALLS, /* agentic: the array of calls */
};

/* How a value is written. */
enum trace_unit {
    UNIT_TEXT,    /* or a number, whose digits are the text */
    UNIT_COUNT,   /* a whole number; "12.0" too, as pandas writes it */
    UNIT_SECONDS, /* decimal */
    UNIT_MS,
    UNIT_NS,
    UNIT_DATE, /* 2023-11-16 18:15:46.6805900; what is no date (NanoFlow's XXX) is no time */
    UNIT_LIST,
    UNIT_PARENT, /* an id, or a negative number for none */
    UNIT_BOOL,
};

struct trace_rule {
    const char *name;
    enum trace_field field;
    enum trace_unit unit;
    bool needed; /* a first line without it is of another format */
};

struct trace_layout {
    const char *name; /* as TRACE_FORMAT_NAMES has it */
    bool csv;
    bool from_zero; /* times count from the first record's */
    bool by_time;   /* lines may stand in any order, and are read in that of their times */
    bool rest;      /* members that no rule names are kept */
    uint64_t block; /* tokens of a hash; 0: the record says, or its lengths */
    const struct trace_rule *rules;
    size_t n_rules;
};

extern const struct trace_layout trace_layouts[TRACE_FORMATS];

enum { COLUMNS_MOST = 64 };

struct trace_reader {
    struct lines *lines;
    const struct trace_layout *layout;
    enum trace_format format;
    struct trace_record rec;
    uint64_t number; /* of the next record, from 0 */
    uint64_t block;  /* of trace_read_opts */
    int64_t origin;  /* from_zero; TRACE_ABSENT before the first */
    bool pending;    /* the first line was read to tell the format, and is still to be used */
    const char *line;
    size_t len;
    /* A record's own: */
    struct buf text; /* decoded strings; has room before a record begins, so it never moves */
    char id[24];
    uint64_t *number_v[2]; /* hashes, out_hashes */
    size_t number_cap[2];
    struct trace_text *after;
    size_t after_cap;
    struct buf rest;
    const struct trace_rule *column[COLUMNS_MOST]; /* csv: NULL: no rule */
    size_t columns;
    struct trace_calls *calls; /* trace_programs.c */
    struct trace_held *held;   /* trace_held.c */
    struct jsonl_span call_list;
};

/* trace_fields.c: a value into r->rec by a rule. ERR_INPUT with a sentence that names the field. */
int trace_set(struct trace_reader *r, const struct trace_rule *rule, const struct jsonl_span *v,
              struct err *e);

/* trace_csv.c: the header line; a line. */
bool trace_csv_header(const struct trace_layout *l, const char *line, size_t len,
                      const struct trace_rule **column, size_t *columns);
int trace_csv_line(struct trace_reader *r, struct err *e);

/* trace_json.c: does the object have all that is needed? A line. */
bool trace_json_is(const struct trace_layout *l, const char *line, size_t len);
int trace_json_line(struct trace_reader *r, struct err *e);
/* ERR_INPUT with what keeps the line from being an object; 0 if it is one. */
int trace_json_wrong(const char *line, size_t len, struct err *e);

/* trace_programs.c: calls of an agentic line, or of a HexGen document that r->lines holds from
 * r->line on. */
int trace_calls_of_line(struct trace_reader *r, struct err *e);
int trace_calls_of_document(struct trace_reader *r, struct err *e);
/* The next call into r->rec: 1, or 0 if there are no more. */
int trace_calls_next(struct trace_reader *r, struct err *e);
void trace_calls_free(struct trace_calls *c);

/* trace_held.c: holds all lines, r->line first if it is pending, in the order of their times. */
int trace_hold(struct trace_reader *r, struct err *e);
/* The next of them into r->line: 1, or 0 at the end. */
int trace_held_next(struct trace_reader *r);
uint64_t trace_held_line(const struct trace_reader *r); /* its number in the file */
void trace_held_free(struct trace_held *h);             /* NULL is fine */

#endif
