/* zoo.h - a store of models cut into blocks, in which equal blocks are kept once.
 *
 * A model is a folder of files, a block each (npy of parameters; any other file too), or one file.
 * A block's object is its bytes, under their XXH3; a model is a list of objects and names.
 *
 *   STORE/zoo             "block-zoo 1"
 *   STORE/objects/HASH    the bytes of a file; HASH-1, HASH-2 ... where others hash alike
 *   STORE/models/NAME     a line a block, by name: HASH TAB bytes TAB cosine TAB name;
 *                         then "# " and the XXH3 of the lines
 *
 * Equal means every byte, compared. Near ones stand in for each other only when asked to: npy of
 * the same type and shape, of which the cosine is above a bound; 64 x 64 of their components tell
 * those that need not be read. The line of such a block keeps the cosine; any other's is 1.
 *
 * Objects are written before the list that names them, and each appears whole (atomic.h): whoever
 * is killed leaves the store as it was, and maybe objects that no model has, which the next takes
 * up.
 *
 * Cost     a block is read once to hash it, and once more with the object of the same hash.
 * Memory   about 100 bytes a block of a model.
 * Errors   ERR_CORRUPT names the list or the object; ERR_USAGE: a model is there already, or it
 *          is not. Hidden files are left out; folders in a model's folder are refused.
 * Threads  one store, one thread. One writer at a time: of two of the same model's name the
 *          second one's list stays.
 * Source   the block zoo of BlockLLM, arXiv 2404.18322.
 */
#ifndef VEC_ZOO_H
#define VEC_ZOO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { ZOO_OBJECT = 32 /* room for an object's name */ };

struct zoo_block {
    char *name;
    char object[ZOO_OBJECT];
    uint64_t bytes;
    double cosine; /* of the object and the block; 1: they are the same */
};

struct zoo_model {
    char *name;
    struct zoo_block *block; /* by name */
    size_t blocks, cap;
};

struct zoo_object {
    char name[ZOO_OBJECT];
    uint64_t bytes;
};

struct zoo {
    char *path;
    int hash_bits;           /* of 64 that are used: fewer in tests, so that hashes meet */
    struct zoo_model *model; /* by name */
    size_t models, models_cap;
    struct zoo_object *object; /* by name */
    size_t objects, objects_cap;
};

/* What adding a model came to. */
struct zoo_added {
    uint64_t blocks, shared, near; /* near: that others stand in for */
    uint64_t bytes, new_bytes;     /* of the model; that were written */
};

/* create: makes an empty store where there is nothing. */
int zoo_open(struct zoo *z, const char *path, bool create, struct err *e);
void zoo_close(struct zoo *z); /* {0} is fine */

/* The model is named as the folder or file. near: above which cosine others stand in; above 1: none
 * does. */
int zoo_add(struct zoo *z, const char *from, double near, struct zoo_added *sum, struct err *e);
/* NULL: there is none. */
const struct zoo_model *zoo_find(const struct zoo *z, const char *model);
/* The model as a folder, which must not be there, and appears whole or not at all. Objects are
 * checked on the way. */
int zoo_get(const struct zoo *z, const char *model, const char *to, struct err *e);
/* Every block has its object. */
int zoo_whole(const struct zoo *z, struct err *e);
/* Every object has the hash that it is named by, and every block its object. */
int zoo_check(const struct zoo *z, struct err *e);
/* The object, or NULL. */
const struct zoo_object *zoo_object(const struct zoo *z, const char *name);

#endif
