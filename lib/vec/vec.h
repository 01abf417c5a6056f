/* vec.h - vectors: files, exact neighbours, codecs. The domain's public header; each part says its
 * own shapes, errors, ownership and sources. */
#ifndef VEC_VEC_H
#define VEC_VEC_H

#include "vec/types.h"
#include "vec/file.h"
#include "vec/neigh.h"
#include "vec/ops.h"
#include "vec/codec.h"
#include "vec/codes.h"
#include "vec/eval.h"

#endif
