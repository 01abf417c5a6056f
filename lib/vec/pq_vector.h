/* pq_vector.h - the vector types of pq_body.h: handed to functions by address only, as how they
 * travel by value differs between levels. */
#ifndef VEC_PQ_VECTOR_H
#define VEC_PQ_VECTOR_H

#include <stdint.h>

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

#endif
