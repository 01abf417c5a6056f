/* parts.h - many indexes become one: they come in the order of their documents, and neighbours of
 * like size are merged as they come, so that a row is rewritten about log2(parts) times.
 *
 * What is made on the way lies in a folder beside the target, TARGET.parts, each file whole or not
 * there, named after the range of parts that it holds ("000002-000003.fmi"). A build that was
 * interrupted finds them again. The folder is locked while it is used, and gone when all is done.
 *
 * Memory   what merging two holds beside them is at most the bound, or where that is less, 8 MB,
 *          1.5 MB a thread and .003 bytes a row; the rest goes on in unnamed files (base/spool.h).
 *          Both are read into memory if all fits, else they are mapped.
 * Disk     of a text of n bytes the parts take as much as indexes of it do, less than n / 2, and
 *          the unnamed files as much as n / 3: below 1 n, if it is not normalised nor sampled more
 *          often than every 32nd position. The result, which is an index too, comes on top.
 * Errors   ERR_IO, ERR_CORRUPT, ERR_MEM; ERR_INPUT when the folder is in use or of another build.
 */
#ifndef FM_PARTS_H
#define FM_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sect.h"
#include "fm/write.h"

struct parts;

#define PARTS_STATE "sluice-parts 1\n" /* how a state begins */

struct parts_opts {
    const char *target; /* path of the index to be */
    const char *state;  /* what the build is of, beginning with PARTS_STATE: a folder with another
                           state is not gone on with */
    bool resume;        /* go on with what an earlier run left; else it is removed */
    bool keep;          /* parts are left after an error, to go on with; else also no signal leaves
                           any, but SIGKILL */
    bool spare;         /* do not remove what another build could go on with: an error */
    uint64_t memory_bytes; /* of merging, the indexes as well if they are loaded; 0: no bound */
    const struct index_opts *io;
};

/* *o is kept. The folder is made with the first file. */
int parts_open(struct parts **out, const struct parts_opts *o, struct err *e);
/* The next part is this finished index, which stays where it is. Before any other kind. */
int parts_borrow(struct parts *p, const char *path, struct err *e);
/* Takes over what was found, after the last borrowed one. */
int parts_resume(struct parts *p, struct err *e);
uint64_t parts_docs(const struct parts *p); /* of all parts so far */
uint64_t parts_rows(const struct parts *p);
/* More will come: merges the last ones, as far as their sizes ask for it. */
int parts_settle(struct parts *p, struct err *e);
/* The next part is about to be written; then it is complete, and committed. */
int parts_begin(struct parts *p, struct sect_writer **w, struct err *e);
int parts_end(struct parts *p, struct sect_writer **w, struct err *e);
/* Merges all there is into *w, which was opened for the target, and commits it; then what lies in
 * the folder is removed, as far as that goes. */
int parts_finish(struct parts *p, struct sect_writer **w, struct err *e);
/* Does something lie there, to go on with after an error? */
bool parts_left(const struct parts *p);
void parts_close(struct parts *p); /* what may not be kept is removed */

#endif
