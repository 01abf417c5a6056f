/* pq_portable.c - the kernels of pq.h in plain C: the oracle of the others, and the choice. */
#include <string.h>

#include "vec/pq.h"

#define LANES 4
#include "vec/pq_vector.h"

static inline float least_of(const lanes *v)
{
    float low = (*v)[0] < (*v)[1] ? (*v)[0] : (*v)[1], high = (*v)[2] < (*v)[3] ? (*v)[2] : (*v)[3];

    return low < high ? low : high;
}

static inline float most_of(const lanes *v)
{
    float low = (*v)[0] > (*v)[1] ? (*v)[0] : (*v)[1], high = (*v)[2] > (*v)[3] ? (*v)[2] : (*v)[3];

    return low > high ? low : high;
}

#include "vec/pq_body.h"

/* Adds the look-ups of some lines of a block. */
static void add_lines(const uint8_t *table, const uint8_t *line, size_t lines, uint32_t *sum)
{
    enum { HALF = PQ_NIBBLE_CODES / 2 };

    for (size_t part = 0; part < lines * PQ_LINE_PARTS; part++, table += PQ_TABLE)
        for (int i = 0; i < HALF; i++, line++) {
            sum[i] += table[*line & 15];
            sum[HALF + i] += table[*line >> 4];
        }
}

static void nibbles(const struct pq_query *const *q, size_t nq, const uint8_t *packed, size_t high,
                    size_t lines, size_t n, float *key, size_t ld)
{
    const size_t low = high * PQ_LINE;

    for (size_t from = 0; from < n; from += PQ_NIBBLE_CODES, packed += lines * PQ_LINE)
        for (size_t j = 0; j < nq; j++) {
            uint32_t sum[PQ_NIBBLE_CODES] = {0};

            add_lines(q[j]->table, packed, high, sum);
            for (size_t i = 0; i < PQ_NIBBLE_CODES; i++)
                sum[i] <<= PQ_HIGH_BITS;
            add_lines(q[j]->table + low, packed + low, lines - high, sum);
            for (size_t i = 0; i < PQ_NIBBLE_CODES && from + i < n; i++)
                key[j * ld + from + i] = key_of(q[j], sum[i]);
        }
}

/* Four codes at a time, so that their chains of sums overlap. */
static void add_parts(const uint8_t *table, const uint8_t *code, size_t parts, uint32_t *sum)
{
    uint32_t s[4] = {0};

    for (size_t m = 0; m < parts; m++, table += PQ_BYTE_TABLE, code += PQ_BYTE_CODES)
        for (int c = 0; c < 4; c++)
            s[c] += table[code[c]];
    for (int c = 0; c < 4; c++)
        sum[c] += s[c];
}

static void bytes(const struct pq_query *q, const uint8_t *packed, size_t high, size_t parts,
                  size_t n, bool fetch, float *key)
{
    (void)fetch;
    for (size_t i = 0; i < n; i += 4) {
        const uint8_t *code = packed + i / PQ_BYTE_CODES * PQ_BYTE_CODES * parts +
                              i % PQ_BYTE_CODES;
        uint32_t sum[4] = {0};

        add_parts(q->table, code, high, sum);
        for (int c = 0; c < 4; c++)
            sum[c] <<= PQ_BYTE_HIGH_BITS;
        add_parts(q->table + high * PQ_BYTE_TABLE, code + high * PQ_BYTE_CODES, parts - high, sum);
        for (size_t c = 0; c < 4 && i + c < n; c++)
            key[i + c] = key_of(q, sum[c]);
    }
}

const struct pq_ops pq_portable = {
    .name = "portable",
    .table = pq_table,
    .range = pq_range,
    .steps = pq_steps,
    .nibbles = nibbles,
    .bytes = bytes,
};

const struct pq_ops *pq_ops_for(enum cpu_level level)
{
    return CPU_CHOICE(pq, level);
}
