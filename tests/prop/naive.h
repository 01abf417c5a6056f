/* naive.h - documents in memory, and slow, obvious answers to what an index answers fast.
 *
 * Every function here follows the sentence that defines its answer and nothing of the library's
 * code: byte by byte comparison at every place of every document.
 *
 * Memory   what is returned through a pointer to a pointer is the caller's to free. Out of memory
 *          aborts.
 */
#ifndef TESTS_NAIVE_H
#define TESTS_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fm/fm.h"

struct naive_docs {
    struct fm_text *doc; /* each in memory of its own, of exactly its size */
    size_t n, cap;
    uint64_t bytes;
};

void naive_add(struct naive_docs *d, const void *p, size_t len);
void naive_free(struct naive_docs *d);

/* ---- occurrences; with fold the letters A-Z and a-z equal each other ---- */

bool naive_has(const struct naive_docs *d, struct fm_text pat);
/* Overlaps count; the empty pattern occurs at every byte. */
uint64_t naive_count(const struct naive_docs *d, struct fm_text pat, bool fold);
/* The empty pattern is in every document that has a byte. */
uint64_t naive_count_docs(const struct naive_docs *d, struct fm_text pat);
/* All places by document and offset; none of the empty pattern. */
uint64_t naive_places(const struct naive_docs *d, struct fm_text pat, bool fold,
                      struct fm_place **place);

/* ---- matches ---- */

/* Stretches of at least min_len bytes that occur and lie in no longer stretch that does, by offset:
 * offset, len and count are filled in. */
size_t naive_matches(const struct naive_docs *d, struct fm_text text, uint64_t min_len,
                     struct fm_match **match);
/* The first of the longest; len 0 when there is none. */
struct fm_match naive_longest(const struct fm_match *match, size_t n);

/* ---- windows of a benchmark's entry ---- */

struct naive_windows {
    struct fm_text *v;
    size_t n, cap;
};

/* `chars` characters from every word's start that has as many after it; if there is none, all of
 * the entry. A character is one of well-formed UTF-8 or a stray byte. */
void naive_char_windows(struct fm_text t, uint64_t chars, struct naive_windows *w);
/* `words` words in a row, from the first's begin to the last's end; with fewer, all of them. */
void naive_word_windows(struct fm_text t, uint64_t words, struct naive_windows *w);
/* How many of them occur. */
size_t naive_found(const struct naive_docs *d, const struct naive_windows *w);
/* The same where a window and a document are words in a row, whatever blanks are between them. */
size_t naive_found_words(const struct naive_docs *d, const struct naive_windows *w);

/* Where characters begin: at[0..n], the last one t.len. */
size_t naive_chars(struct fm_text t, size_t **at);

#endif
