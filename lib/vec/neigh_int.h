/* neigh_int.h - DiskANN's truth, byte by byte. Inside this domain only.
 *
 *   0  4  queries      4  4  k      8  4 * queries * k  ids (absent: 2^32 - 1), then as many f32
 */
#ifndef VEC_NEIGH_INT_H
#define VEC_NEIGH_INT_H

enum { TRUTH_HEAD = 8 };
#define TRUTH_NONE UINT32_MAX

#endif
