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
    return code;
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
    return e->code;
}
