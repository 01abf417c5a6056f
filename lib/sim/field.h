/* field.h - the fields of a line of a table.
 *
 * Of CSV (RFC 4180, but no line break is inside a field) one in quotes ends at the quote that closes
 * it, and commas may be inside; of TSV one ends at the next tab, whatever is before it, and quotes
 * around it are taken off. Inside this domain only.
 */
#ifndef SIM_FIELD_H
#define SIM_FIELD_H

#include "base/jsonl.h"

/* The field at *p, as a number, or what it may be, which goes on behind it: 1, 0 at the line's end,
 * -1 where a quote is not closed. Quotes inside are still doubled, and the span says `escaped`. */
int field_next(const char **p, const char *end, char between, struct jsonl_span *v);

#endif
