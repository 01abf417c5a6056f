/* card_table.c - models and GPUs that come with the tools.
 *
 * Models: their published configurations. GPUs: published memory; rates are shares of the published
 * peaks that kernels reach (80 % of memory, 60 % of dense 16-bit products), but for a100, which is
 * the machine of papers' shared cost model: 1.5 TB/s and 150 TFLOP/s. A100-80GB-SXM is the same
 * with the 280 TFLOP/s of large products that NanoFlow measured and plans with (arXiv 2408.12757).
 * Between machines: a network card of the usual kind for each GPU of the large ones, one of 100
 * Gb/s for eight of the others. busy_w is the published power, idle_w about what it draws with a
 * model in its memory; prices are round dollars of an hour on demand in 2025: estimates both, of
 * which a card of one's own has better ones.
 */
#include "sim/card_int.h"

/* name layers dim ffn q kv head vocab gated tied bytes max experts active */
const struct model_card card_models[] = {
    {"Llama-2-7B", 32, 4096, 11008, 32, 32, 128, 32000, 1, 0, 2, 4096, 0, 0},
    {"Llama-2-13B", 40, 5120, 13824, 40, 40, 128, 32000, 1, 0, 2, 4096, 0, 0},
    {"Llama-2-70B", 80, 8192, 28672, 64, 8, 128, 32000, 1, 0, 2, 4096, 0, 0},
    {"CodeLlama-34B", 48, 8192, 22016, 64, 8, 128, 32000, 1, 0, 2, 16384, 0, 0},
    {"Llama-3-8B", 32, 4096, 14336, 32, 8, 128, 128256, 1, 0, 2, 8192, 0, 0},
    {"Llama-3.1-8B", 32, 4096, 14336, 32, 8, 128, 128256, 1, 0, 2, 131072, 0, 0},
    {"Llama-3.1-70B", 80, 8192, 28672, 64, 8, 128, 128256, 1, 0, 2, 131072, 0, 0},
    {"Llama-3.2-1B", 16, 2048, 8192, 32, 8, 64, 128256, 1, 1, 2, 131072, 0, 0},
    {"Llama-3.2-3B", 28, 3072, 8192, 24, 8, 128, 128256, 1, 1, 2, 131072, 0, 0},
    {"Mistral-7B", 32, 4096, 14336, 32, 8, 128, 32000, 1, 0, 2, 32768, 0, 0},
    {"Qwen2.5-7B", 28, 3584, 18944, 28, 4, 128, 152064, 1, 0, 2, 131072, 0, 0},
    {"Qwen2.5-32B", 64, 5120, 27648, 40, 8, 128, 152064, 1, 0, 2, 131072, 0, 0},
    {"Qwen2.5-72B", 80, 8192, 29568, 64, 8, 128, 152064, 1, 0, 2, 131072, 0, 0},
    {"Qwen3-8B", 36, 4096, 12288, 32, 8, 128, 151936, 1, 0, 2, 40960, 0, 0},
    {"Qwen3-32B", 64, 5120, 25600, 64, 8, 128, 151936, 1, 0, 2, 40960, 0, 0},
    {"DeepSeek-67B", 95, 8192, 22016, 64, 8, 128, 102400, 1, 0, 2, 4096, 0, 0},
    {"Mixtral-8x7B", 32, 4096, 14336, 32, 8, 128, 32000, 1, 0, 2, 32768, 8, 2},
    {"Mixtral-8x22B", 56, 6144, 16384, 48, 8, 128, 32768, 1, 0, 2, 65536, 8, 2},
    {"Qwen3-30B-A3B", 48, 2048, 768, 32, 4, 128, 151936, 1, 0, 2, 40960, 128, 8},
    {"Qwen3-235B-A22B", 94, 4096, 1536, 64, 4, 128, 151936, 1, 0, 2, 40960, 128, 8},
};
const size_t card_models_n = sizeof card_models / sizeof *card_models;

/* name GiB read tflops attention link link_us step_us node node_us idle_w busy_w price */
const struct gpu_card card_gpus[] = {
    {"A100-80GB", 80, 1500, 187, 150, 240, 20, 1000, 25, 30, 60, 400, 2},
    {"A100-80GB-SXM", 80, 1500, 280, 150, 240, 20, 1000, 25, 30, 60, 400, 2},
    {"A100-40GB", 40, 1244, 187, 150, 240, 20, 1000, 25, 30, 55, 400, 1.3},
    {"H100", 80, 2680, 593, 400, 360, 15, 800, 50, 25, 75, 700, 3},
    {"H200", 141, 3840, 593, 400, 360, 15, 800, 50, 25, 80, 700, 3.8},
    {"A40", 48, 557, 90, 70, 50, 25, 1000, 1.5, 40, 30, 300, 0.5},
    {"A6000", 48, 614, 93, 70, 50, 25, 1000, 1.5, 40, 25, 300, 0.6},
    {"L40S", 48, 691, 217, 150, 25, 30, 1000, 1.5, 40, 35, 350, 1},
    {"A10G", 24, 480, 42, 35, 25, 30, 1000, 1.5, 40, 20, 300, 0.8},
    {"T4", 16, 256, 39, 25, 12, 40, 1000, 1.5, 50, 10, 70, 0.4},
    {"RTXPRO6000", 96, 1434, 300, 200, 50, 20, 300, 1.5, 40, 35, 600, 1.8},
};
const size_t card_gpus_n = sizeof card_gpus / sizeof *card_gpus;

/* All linear layers, 32 of them, from Vidur's profile: medians of kernel times. */
static const struct card_point llama2_7b_a100[] = {
    {1, 9.2},     {64, 9.7},   {128, 12.24}, {192, 15.92},  {256, 17.81},  {384, 23.57},
    {512, 33.36}, {768, 46.0}, {1024, 67.9}, {2048, 133.5}, {4096, 261.5},
};

const struct card_pair card_pairs[] = {
    {"Llama-2-7B", "A100-80GB", llama2_7b_a100, sizeof llama2_7b_a100 / sizeof *llama2_7b_a100},
};
const size_t card_pairs_n = sizeof card_pairs / sizeof *card_pairs;
