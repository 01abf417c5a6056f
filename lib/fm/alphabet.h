/* alphabet.h - which symbols an index has, and by which codes the rank structure knows them.
 *
 * Storage codes (rank.h) have a byte: 0 is a document's end, the bytes that occur are 1, 2, ... in
 * order. When all 256 occur, the rarest of them, the first of equals, shares code 0 with the end.
 */
#ifndef FM_ALPHABET_H
#define FM_ALPHABET_H

#include <stdbool.h>
#include <stdint.h>

enum { FM_NOT_SHARED = 0xffff };

struct alphabet {
    unsigned sigma; /* storage codes */
    int shared;     /* byte or FM_NOT_SHARED */
    bool present[256];
    uint8_t code_of[256]; /* by byte; only where present */
    uint8_t byte_of[256]; /* by storage code; not for an unshared 0 */
};

/* From which bytes occur; shared is the rarest byte when all do. */
void alphabet_make(struct alphabet *a, const bool present[256], int shared);
/* From how often each byte occurs. */
void alphabet_count(struct alphabet *a, const uint64_t freq[256]);

#endif
