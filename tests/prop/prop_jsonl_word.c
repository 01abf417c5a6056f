/* prop_jsonl_word.c - prop_jsonl.c with the scanner as it is built where there is no SSE2: jsonl.c
 * is compiled here, so that the library's own does not get linked. */
#undef __SSE2__
#include "base/jsonl.c"

#include "prop_jsonl.c"
