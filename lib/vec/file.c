/* file.c - the formats: their names, and what each can hold. */
#include <string.h>
#include <strings.h>

#include "vec/file_int.h"

static const struct format {
    const char *name;
    enum vec_layout layout;
    enum vec_type type;
} formats[] = {
    [VEC_AUTO] = {"auto", VEC_TEXT, VEC_F32},      [VEC_FVECS] = {"fvecs", VEC_PREFIXED, VEC_F32},
    [VEC_BVECS] = {"bvecs", VEC_PREFIXED, VEC_U8}, [VEC_IVECS] = {"ivecs", VEC_PREFIXED, VEC_I32},
    [VEC_FBIN] = {"fbin", VEC_HEADED, VEC_F32},    [VEC_HBIN] = {"hbin", VEC_HEADED, VEC_F16},
    [VEC_U8BIN] = {"u8bin", VEC_HEADED, VEC_U8},   [VEC_I8BIN] = {"i8bin", VEC_HEADED, VEC_I8},
    [VEC_IBIN] = {"ibin", VEC_HEADED, VEC_I32},    [VEC_NPY] = {"npy", VEC_HEADED, VEC_F32},
    [VEC_CSV] = {"csv", VEC_TEXT, VEC_F32},        [VEC_TSV] = {"tsv", VEC_TEXT, VEC_F32},
    [VEC_JSONL] = {"jsonl", VEC_TEXT, VEC_F32},
};

const char *vec_format_name(enum vec_format f)
{
    return formats[f].name;
}

bool vec_format_is_text(enum vec_format f)
{
    return f >= VEC_CSV;
}

enum vec_layout vec_layout_of(enum vec_format f)
{
    return formats[f].layout;
}

enum vec_type vec_only_type(enum vec_format f)
{
    return formats[f].type;
}

/* Without the endings of compressed files. */
static size_t plain_len(const char *path)
{
    size_t len = strlen(path);

    if (len > 4 && strcasecmp(path + len - 4, ".zst") == 0)
        return len - 4;
    if (len > 3 && strcasecmp(path + len - 3, ".gz") == 0)
        return len - 3;
    return len;
}

bool vec_name_is_packed(const char *path)
{
    return plain_len(path) < strlen(path);
}

enum vec_format vec_format_of(const char *path)
{
    size_t len = plain_len(path);

    for (enum vec_format f = VEC_FVECS; f <= VEC_JSONL; f++) {
        size_t n = strlen(formats[f].name);
        if (len > n + 1 && path[len - n - 1] == '.' && path[len - n - 2] != '/' &&
            strncasecmp(path + len - n, formats[f].name, n) == 0)
            return f;
    }
    return VEC_AUTO;
}

enum vec_type vec_format_type(enum vec_format f, enum vec_type have)
{
    return f == VEC_NPY || vec_layout_of(f) == VEC_TEXT ? have : formats[f].type;
}
