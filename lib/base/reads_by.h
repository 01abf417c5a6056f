/* reads_by.h - how scattered reads are done (reads.h): for options that name it. */
#ifndef BASE_READS_BY_H
#define BASE_READS_BY_H

enum reads_by { READS_AUTO, READS_URING, READS_PREAD };
#define READS_BY_NAMES "auto|uring|pread" /* in that order */

#endif
