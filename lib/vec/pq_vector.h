/* pq_vector.h - vectors of LANES floats, and as many whole numbers and bytes, for pq_body.h. */
#ifndef VEC_PQ_VECTOR_H
#define VEC_PQ_VECTOR_H

#include <stdint.h>

typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t int_lanes __attribute__((vector_size(4 * LANES)));
typedef uint8_t byte_lanes __attribute__((vector_size(LANES)));

#endif
