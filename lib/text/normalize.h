/* normalize.h - rules that make texts comparable before they are indexed or looked for.
 *
 *   none   bytes as they are.
 *   gpt3   letters in lower case, punctuation dropped, every run of white space one space, none at
 *          the ends (Brown et al. 2020, appendix C). Lower case: ASCII, Latin-1 and Latin
 *          Extended-A, Greek and Cyrillic letters; punctuation: ASCII's, U+00A1-U+00BF's and
 *          U+2010-U+205E's; white space: ASCII's, U+0085, U+00A0, U+2000-U+200B, U+2028, U+2029,
 *          U+202F, U+3000. Dropped punctuation leaves nothing behind: "don't" is "dont". Bytes that
 *          are not UTF-8 stay.
 *
 * Errors   ERR_MEM.
 */
#ifndef TEXT_NORMALIZE_H
#define TEXT_NORMALIZE_H

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum text_rule { TEXT_NONE, TEXT_GPT3 };

#define TEXT_RULE_NAMES "none|gpt3" /* by enum text_rule */

const char *text_rule_name(enum text_rule rule);
/* Appends the text under the rule. */
int text_normalize(enum text_rule rule, const char *p, size_t len, struct buf *out, struct err *e);

#endif
