/* knn_file.h - exact neighbours of files: queries in blocks that fit into memory, the base read
 * once for each.
 *
 * Binary files that are plain are searched where the page cache holds them, others are read a block
 * at a time; either may be larger than memory.
 *
 * Errors   ERR_INPUT names file and row. ERR_USAGE when dimensions differ, or when the base, which
 *          cannot be read twice, would have to be.
 */
#ifndef VEC_KNN_FILE_H
#define VEC_KNN_FILE_H

#include "base/progress_fn.h"
#include "vec/allow.h"
#include "vec/file.h"
#include "vec/knn.h"
#include "vec/neigh.h"

struct knn_files {
    struct knn_opts knn;
    uint64_t memory; /* bytes to use, about; at least one query's and one block's are used */
    const struct allow *allow;   /* NULL: all rows */
    const struct sketch *sketch; /* of the base; NULL: none */
    progress_fn *progress;       /* NULL: none */
    void *progress_ctx;
};

/* From where the readers stand, at their beginning. */
int knn_files(const struct knn_files *f, struct vec_reader *base, struct vec_reader *queries,
              struct neigh_writer *out, struct err *e);

#endif
