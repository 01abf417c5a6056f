/* html.h - text into HTML and Markdown: the one place where markup is escaped.
 *
 * Both take any bytes. Bytes that are no UTF-8 become U+FFFD, one each; so do U+0080-U+009F,
 * U+FFFE, U+FFFF and the controls that turn the direction of writing (U+202A-U+202E,
 * U+2066-U+2069), which could make a page show what it does not say. Other control characters
 * become their pictures (NUL is U+2400). Tab and newline are kept; "\r\n" and "\r" are newlines.
 *
 * Errors   0 or ERR_MEM. The text is appended to *out.
 */
#ifndef BASE_HTML_H
#define BASE_HTML_H

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* For element content (not script or style) and for attribute values in either quotes. */
int html_add(struct buf *out, const char *p, size_t len, struct err *e);

/* For running text, headings and table cells of GitHub Flavored Markdown: shows the characters as
 * they are and makes no markup, address, mention, emoji or formula of them. A newline is <br>, so
 * that the text stays on one line; a tab is a space. */
int html_add_markdown(struct buf *out, const char *p, size_t len, struct err *e);

#endif
