/* ram.h - how much memory is to be had.
 *
 * Threads  safe from any.
 */
#ifndef BASE_RAM_H
#define BASE_RAM_H

#include <stdint.h>

/* Bytes that this process may still take: what the system has available without swapping, or less
 * where its control groups (v2) or its own limit (RLIMIT_AS) allow less. 0 when it is unknown. */
uint64_t ram_available(void);

#endif
