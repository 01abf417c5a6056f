/* err.c - see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    e->code = code;
    e->shown = 0;
    return code;
}

int err_show(struct err *e, const char *line, unsigned column)
{
    size_t len = strlen(e->msg), room = sizeof e->msg - len;
    int n = snprintf(e->msg + len, room, "\n  %s\n  %*s^", line, (int)column, "");

    if (n > 0 && (size_t)n < room)
        e->shown = (unsigned)n;
    else
        e->msg[len] = '\0';
    return e->code;
}

int err_sys(struct err *e, const char *verb, const char *path)
{
    int saved = errno;

    return err_set(e, ERR_IO, "%s '%s': %s", verb, path, strerror(saved));
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    struct err old = *e;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof e->msg)
        snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %.*s",
                 (int)(sizeof e->msg - (size_t)n) - 1, old.msg);
    if (e->shown > 0 && (size_t)n + 2 + strlen(old.msg) >= sizeof e->msg)
        e->shown = 0; /* cut: it is all one sentence now */
    return e->code;
}
