/* vec.h - vectors: files, exact neighbours, codecs. The domain's public header: all that a command
 * or another domain needs; each part says its own shapes, errors, ownership and sources.
 *
 *   types.h     components, rows, matrices          file.h    vector files, read and written
 *   inputs.h    several of them as one              cook.h    rows become what is to be written
 *   sample.h    random rows of a stream             stat.h    what a file is like
 *   ops.h       products, a table a CPU level       allow.h   rows that a filter lets through
 *   knn.h       exact neighbours of a block         knn_file.h  of files of any size
 *   sketch.h    exact ones by 8-bit bounds          neigh.h   lists of neighbours, read and written
 *   recall.h    lists against the truth             eval.h    codecs against it
 *   codec.h     quantizers                          codes.h   their codes as a stream
 *
 * Whatever else lies in this folder is a part of one of these: kinds of codecs (codec_*.c), their
 * kernels by level (*_portable.c, *_avx2.c, *_avx512.c), and mathematics that the ann- indexes use
 * too and include by name: linalg.h, linmap.h, lean.h, kmeans.h, nearest.h, base.h.
 */
#ifndef VEC_VEC_H
#define VEC_VEC_H

#include "vec/types.h"
#include "vec/allow.h"
#include "vec/codec.h"
#include "vec/codes.h"
#include "vec/cook.h"
#include "vec/eval.h"
#include "vec/file.h"
#include "vec/inputs.h"
#include "vec/knn.h"
#include "vec/knn_file.h"
#include "vec/neigh.h"
#include "vec/ops.h"
#include "vec/recall.h"
#include "vec/sample.h"
#include "vec/sketch.h"
#include "vec/stat.h"

#endif
