/* where_lex.h - words of a predicate, and where in its text something is wrong. */
#ifndef ANN_WHERE_LEX_H
#define ANN_WHERE_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum lex_type {
    LEX_END,
    LEX_WORD,   /* of the language, lower case in `is` */
    LEX_NAME,   /* of a column, or what could be one */
    LEX_NUMBER, /* as it stands */
    LEX_TEXT,   /* without its quotes */
    LEX_SIGN    /* ( ) , = != < <= > >= in `is` */
};

struct lex {
    const char *text;
    size_t len, at; /* at: behind the word */
    enum lex_type type;
    size_t from;   /* of the word */
    const char *p; /* the word as it is meant */
    size_t size;
    char is[12];     /* LEX_WORD, LEX_SIGN */
    struct buf room; /* of LEX_TEXT and LEX_NAME, until the next of its type is read */
    struct buf name;
};

void lex_begin(struct lex *l, const char *text, size_t len);
void lex_free(struct lex *l);
int lex_next(struct lex *l, struct err *e);
/* Is the word this one of the language, or this sign? */
bool lex_is(const struct lex *l, const char *is);
/* ERR_USAGE of a place, with the text around it and a caret under it. */
int lex_wrong(const struct lex *l, size_t at, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* What stands there, for messages: "'x'", or "the end". text: room for LEX_SHOWN. */
enum { LEX_SHOWN = 64 };
const char *lex_shown(const struct lex *l, char *text);

#endif
