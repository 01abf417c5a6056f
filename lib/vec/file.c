/* file.c - the formats: their names, and what each can hold. */
#include <string.h>

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

enum vec_format vec_format_of(const char *path)
{
    for (enum vec_format f = VEC_FVECS; f <= VEC_JSONL; f++)
        if (stream_name_ends(path, formats[f].name))
            return f;
    return VEC_AUTO;
}

enum vec_type vec_format_type(enum vec_format f, enum vec_type have)
{
    return f == VEC_NPY || vec_layout_of(f) == VEC_TEXT ? have : formats[f].type;
}
