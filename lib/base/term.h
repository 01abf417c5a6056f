/* term.h - text for a terminal: what would act upon it, rather than stand in it, is replaced.
 *
 * Names and texts come from files that strangers wrote. An escape sequence in one could move the
 * cursor over what was printed before, set the title of the window, or make the terminal type
 * something; a change of the direction of writing could make a line show what it does not say. So
 * control characters (U+0000-U+001F, U+007F, U+0080-U+009F), the controls of direction
 * (U+202A-U+202E, U+2066-U+2069) and bytes that are no UTF-8 are replaced, one '?' each; as ls and
 * git do, and other than jq -r, grep and cat do. In JSON an escape stands for them, so that it says
 * the same as before. Text for files and pipes is not for here: it stays as it is.
 *
 * A '?' is never longer than what it stands for, and as wide as a character: texts can be cleaned
 * where they stand, and what was in line stays so.
 */
#ifndef BASE_TERM_H
#define BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* Cleans p[0..len) in its place and returns how long it is now. Control characters in `keep` stay
 * (which of "\t\n" the text may have), and so does a return right before a newline that does. */
size_t term_clean(char *p, size_t len, const char *keep);

/* Appends JSON with \uXXXX in place of such characters, but for tab, newline and return between
 * values. Bytes that are no UTF-8 become \ufffd. ERR_MEM. */
int term_add_json(struct buf *out, const char *p, size_t len, struct err *e);

/* How much of p[0..len), which goes on, can be cleaned now: all but a piece of a character, or a
 * return, at its end. */
size_t term_whole(const char *p, size_t len);

#endif
