/* utf8.h - where characters begin in bytes that are mostly, but not always, UTF-8.
 *
 * A character is a well-formed sequence of 1 to 4 bytes (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF); every byte that belongs to none is a character of its own.
 * So any bytes whatever cut into characters in exactly one way, and the cut near a place depends
 * only on the three bytes before it and after it.
 *
 * Nothing here fails or allocates.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length, 1 to 4, of the character at p[0..len); 1 for a byte that is no part of a well-formed
 * sequence (it is >= 0x80, so the caller can tell). len must be at least 1. */
size_t utf8_step(const char *p, size_t len);

/* Number of characters in p[0..len). */
size_t utf8_count(const char *p, size_t len);

/* Largest boundary <= pos, and smallest one >= pos. 0 and len are boundaries, and so is every place
 * that is not inside a well-formed sequence. pos beyond len counts as len. */
size_t utf8_floor(const char *p, size_t len, size_t pos);
size_t utf8_ceil(const char *p, size_t len, size_t pos);

/* Length, 3 or 0, of the byte order mark that some programs put in front of a text. */
size_t utf8_mark(const char *p, size_t len);

/* Must the character p[0..n), n as utf8_step() gives it, not be shown as it is? True for a byte
 * that is no UTF-8, for the controls U+0080-U+009F, and for those that turn the direction of
 * writing (U+202A-U+202E, U+2066-U+2069). ASCII is left to the caller. */
bool utf8_hides(const char *p, size_t n);

/* Is all of p[0..len) well-formed? */
bool utf8_valid(const char *p, size_t len);

#endif
