/* file.h - vector files, read and written as streams, in every format that the field uses.
 *
 *   fvecs bvecs ivecs        TEXMEX: each row is an i32 dimension and the components (f32, u8, i32)
 *   fbin hbin u8bin i8bin ibin  big-ann-benchmarks: u32 rows, u32 dimension, then the components
 *                            (f32, f16, u8, i8, i32)
 *   npy                      NumPy's, versions 1 to 3: C order, one axis (one row) or two,
 *                            <f2 <f4 <f8 |i1 |u1 <i4; f8 is read as f32
 *   csv tsv                  a row a line; a first line that holds no number is a header
 *   jsonl                    an object a line; the array of numbers in one member
 *
 * vec-files(5) shows them byte by byte. Text and compressed binary (.zst, .gz) are read as streams;
 * the formats are told apart by `format`, by magic (npy), or by the name without .zst and .gz:
 * standard input without a magic needs `format`. Nothing is written compressed.
 *
 * Errors   ERR_INPUT names file and row (from 0) or line (from 1): a dimension that differs, a
 *          short last row, a count that is not the file's, NaN or infinity, a number out of range.
 * Memory   the caller owns what it opens; close(NULL) does nothing. A reader holds 1 MB, or one
 *          row.
 * Threads  one reader or writer, one thread.
 */
#ifndef VEC_FILE_H
#define VEC_FILE_H

#include "vec/types.h"

enum vec_format {
    VEC_AUTO,
    VEC_FVECS,
    VEC_BVECS,
    VEC_IVECS,
    VEC_FBIN,
    VEC_HBIN,
    VEC_U8BIN,
    VEC_I8BIN,
    VEC_IBIN,
    VEC_NPY,
    VEC_CSV,
    VEC_TSV,
    VEC_JSONL,
};
/* From VEC_FVECS on. */
#define VEC_FORMAT_NAMES "fvecs|bvecs|ivecs|fbin|hbin|u8bin|i8bin|ibin|npy|csv|tsv|jsonl"

/* By the name's ending, .zst and .gz taken off; VEC_AUTO when it says nothing. */
enum vec_format vec_format_of(const char *path);
const char *vec_format_name(enum vec_format f);
bool vec_format_is_text(enum vec_format f);

#define VEC_UNKNOWN UINT64_MAX /* rows of a stream before its end */

struct vec_read_opts {
    enum vec_format format;
    const char *field; /* jsonl: the member; NULL: "embedding" */
    bool skip_bad;     /* rows with NaN, infinity, another dimension: counted, left out */
    bool raw_ids; /* i32 is wanted: else i32 files are an error that says what they are; text must
                     then hold integers */
    uint64_t *skipped; /* NULL, or what vec_load_f32() adds the bad rows to that it came to */
};

/* In a tool's table (cli.h); what: "the base's format". */
#define VEC_READ_OPTIONS(how, what)                              \
    CLI_KIND(0, "from", &(how)->format, VEC_FORMAT_NAMES, what), \
        CLI_STR(0, "field", &(how)->field, "NAME", "jsonl: the member (default embedding)")

struct vec_reader;

/* Reads the header, and of headerless formats the first row, so that type and dimension are known;
 * an empty file of a format without a header has dim 0 and no rows. o NULL: all defaults. */
int vec_open(struct vec_reader **out, const char *path, const struct vec_read_opts *o,
             struct err *e);
void vec_close(struct vec_reader *r);
enum vec_type vec_reader_type(const struct vec_reader *r); /* of what vec_read() hands out */
enum vec_format vec_reader_format(const struct vec_reader *r);
uint32_t vec_reader_dim(const struct vec_reader *r);
uint64_t vec_reader_rows(const struct vec_reader *r);    /* in the file; VEC_UNKNOWN: not told */
uint64_t vec_reader_skipped(const struct vec_reader *r); /* bad rows so far */
uint64_t vec_reader_next(const struct vec_reader *r);    /* number in the file of the next row */
const char *vec_reader_name(const struct vec_reader *r); /* for messages */
/* How far the input is read and how large it is, in raw bytes (0: unknown), for progress. */
uint64_t vec_reader_pos(const struct vec_reader *r);
uint64_t vec_reader_size(const struct vec_reader *r);

/* Up to n rows, one after the other without gaps, in the reader's type; each row is checked to be
 * finite. Returns how many (0 at the end) or a negative ERR_*. Fewer than n is not the end. */
int64_t vec_read(struct vec_reader *r, void *rows, uint64_t n, struct err *e);
/* The same as f32. */
int64_t vec_read_f32(struct vec_reader *r, float *rows, uint64_t n, struct err *e);
/* Goes on at row `row` of the file, or at its end if that is before; where the input cannot seek,
 * only forward, by reading. Rows passed over are not checked. */
int vec_seek(struct vec_reader *r, uint64_t row, struct err *e);
bool vec_can_seek(const struct vec_reader *r);
/* From now on the file ends before row `row`. */
void vec_stop_at(struct vec_reader *r, uint64_t row);

/* The whole of a plain (seekable, uncompressed, binary) file without reading it: rows in place.
 * false when there is no such thing (text, pipes, f8), or it cannot be mapped: that alone is
 * told in *why, which may be NULL, as reading may do as well. Values are not checked. Lives until
 * vec_close(). Of TEXMEX files the first row's dimension is taken for all; vec_read() checks it. */
bool vec_mapped(struct vec_reader *r, struct vec_rows *rows, struct err *why);

/* All rows of a file as f32, or the first `most` (0: all); evenly spaced ones when `spread` is set:
 * row i * rows / most, or near it where the number of rows is known at the end only. */
int vec_load_f32(struct vec_matrix *out, const char *path, const struct vec_read_opts *o,
                 uint64_t most, bool spread, struct err *e);

/* ---- writing ---- */

struct vec_write_opts {
    enum vec_format format; /* VEC_AUTO: by the name; standard output needs one */
    enum vec_type type;     /* of the rows that are handed in */
    uint32_t dim;
    uint64_t rows;         /* how many there will be; VEC_UNKNOWN: counted at the end (see below) */
    const char *field;     /* jsonl: the member; NULL: "embedding" */
    const char *spool_dir; /* where rows wait for their count (counted.h); NULL: /tmp */
};

struct vec_writer;

/* `path` NULL or "-" is standard output. A file appears whole at vec_commit() (atomic.h). Formats
 * whose header holds a count need `rows` or a target that can be sought; else the rows are spooled
 * to an unnamed temporary file. Another number of rows than was promised is ERR_INPUT. ERR_USAGE
 * when the format cannot hold the type. */
int vec_create(struct vec_writer **out, const char *path, const struct vec_write_opts *o,
               struct err *e);
int vec_write(struct vec_writer *w, const void *rows, uint64_t n, struct err *e);
int vec_commit(struct vec_writer **w, struct err *e); /* frees *w either way */
void vec_abort(struct vec_writer **w);                /* no-op on NULL */

/* Which type a format holds best when `have` is to be written to it: the same if it can, else
 * VEC_F32 for text and npy; for formats of one type, that type. */
enum vec_type vec_format_type(enum vec_format f, enum vec_type have);

/* n components of one type become another: to nearest (ties to even), exact where that can be.
 * Returns n, or the index of the first that does not fit (beyond f16's range or an integer's),
 * where it stopped. */
size_t vec_convert(enum vec_type from, const void *src, enum vec_type to, void *dst, size_t n);

#endif
