/* prompts.h - prompts in memory, each a row of atoms: token ids, or what stands for whole blocks of
 * tokens. Two prompts whose first n atoms are the same begin with the same text.
 *
 *   ids    a prompt a line: token ids, with blanks between
 *   jsonl  {"id":"a","prompt":[1,2,3]}; without `id` it is the record's number, from 0
 *   trace  of trace(5), with hashes: an atom is a block, and what fills no block is like nothing
 *
 * Errors   ERR_INPUT naming file and line: what is no token id, a prompt of no tokens.
 * Cost     8 bytes an atom; some 10 ns to read one.
 */
#ifndef SIM_PROMPTS_H
#define SIM_PROMPTS_H

#include "base/progress_fn.h"
#include "sim/load.h"
#include "sim/reuse.h"

#define PROMPTS_KINDS "ids|jsonl|trace"
enum prompts_kind { PROMPTS_AUTO = -1, PROMPTS_IDS, PROMPTS_JSONL, PROMPTS_TRACE };

struct prompt {
    const uint64_t *atom;
    uint32_t atoms;
    uint32_t tokens; /* those too that are in no atom, at its end */
};

struct prompts {
    struct prompt *v;
    uint32_t n;
    uint32_t atom_tokens; /* that an atom stands for */
    uint64_t tokens;      /* of all */
    char *ids;            /* of all, one after the other; of a trace they are its own */
    uint64_t *id_end;
    uint64_t *atoms;        /* where they are no trace's */
    struct trace_set trace; /* that was read for them */
};

struct prompts_opts {
    enum prompts_kind kind; /* AUTO: by the first line; of stdin only the first two */
    progress_fn *progress;
    void *progress_ctx;
};

int prompts_read(struct prompts *p, const char *path, const struct prompts_opts *o, struct err *e);
/* Those of a trace, which must live as long; without hashes none has an atom. */
int prompts_of_trace(struct prompts *p, const struct trace_set *t, struct err *e);
/* What an LRU cache of whole blocks of so many tokens, a multiple of an atom's, sees of them. */
int prompts_reuse(const struct prompts *p, uint32_t block_tokens, struct reuse *r, struct err *e);
void prompts_free(struct prompts *p); /* {0} is fine */

static inline const char *prompt_id(const struct prompts *p, uint32_t i, size_t *len)
{
    const uint64_t *end = p->id_end ? p->id_end : p->trace.id_end;
    uint64_t from = i ? end[i - 1] : 0;

    *len = (size_t)(end[i] - from);
    return (p->ids ? p->ids : p->trace.ids) + from;
}

#endif
