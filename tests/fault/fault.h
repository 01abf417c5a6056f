/* fault.h - what fault.so and walk share: the kinds of call that can fail, and a page of memory in
 * which the library counts them, across the processes that a tool forks. */
#ifndef FAULT_H
#define FAULT_H

#include <stdatomic.h>
#include <stdint.h>

/* In the order of FAULT_NAMES. */
enum fault_kind {
    FAULT_WRITE,  /* write, pwrite, writev, and stdio's buffer for standard output */
    FAULT_SYNC,   /* fsync, fdatasync of a file */
    FAULT_FOLDER, /* of a folder */
    FAULT_NAME,   /* rename*, link*, mkdir */
    FAULT_CREATE, /* open of a file to be written, mkostemp, dup */
    FAULT_OPEN,   /* open of anything else, a folder too; fopen, opendir */
    FAULT_SIZE,   /* ftruncate, fallocate */
    FAULT_MEMORY, /* malloc, calloc, realloc, posix_memalign, aligned_alloc */
    FAULT_MAP,    /* mmap, mremap */
    FAULT_READ,   /* read, pread, readdir */
    FAULT_CLOSE,  /* close of what is only written: standard output, a device */
    FAULT_MODE,   /* fchmod, flock */
    FAULT_START,  /* fork, pipe, pthread_create */
    FAULT_RING,   /* io_uring: its making, and the end of each read */
    FAULT_KINDS
};

#define FAULT_NAMES                                                                                \
    "write", "sync", "folder", "name", "create", "open", "size", "memory", "map", "read", "close", \
        "mode", "start", "ring"

/* What a call does that is to fail, instead of an errno. */
enum {
    FAULT_SHORT = 1001, /* half of the bytes */
    FAULT_KILL,         /* the process dies before it */
    FAULT_TERM,         /* a signal comes before it */
};

/* Which calls fail: number `nth` of the process, from 1; that and all after; that and every other
 * one after, as signals come. */
enum { FAULT_ONCE, FAULT_ON, FAULT_EVERY_OTHER };

struct fault_page {
    _Atomic uint64_t count[FAULT_KINDS];
    uint32_t kind, how, when; /* `how`: an errno or FAULT_*; 0: nothing fails */
    uint64_t nth;
    _Atomic uint32_t fired;
    /* Of the first call that failed: who made it, and by which way; offsets into the program. */
    char object[64];
    uint32_t frames;
    uint64_t frame[16];
};

#endif
