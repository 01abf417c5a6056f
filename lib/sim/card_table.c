/* card_table.c - models and GPUs that come with the tools.
 *
 * Models: their published configurations. GPUs: published memory; rates are shares of the published
 * peaks that kernels reach (80 % of memory, 60 % of dense 16-bit products), but for a100, which is
 * the machine of papers' shared cost model: 1.5 TB/s and 150 TFLOP/s. A100-80GB-SXM is the same
 * with the 280 TFLOP/s of large products that NanoFlow measured and plans with (arXiv 2408.12757).
 */
#include "sim/card_int.h"

/* name layers dim ffn q kv head vocab gated tied bytes max */
const struct model_card card_models[] = {
    {"Llama-2-7B", 32, 4096, 11008, 32, 32, 128, 32000, 1, 0, 2, 4096},
    {"Llama-2-13B", 40, 5120, 13824, 40, 40, 128, 32000, 1, 0, 2, 4096},
    {"Llama-2-70B", 80, 8192, 28672, 64, 8, 128, 32000, 1, 0, 2, 4096},
    {"CodeLlama-34B", 48, 8192, 22016, 64, 8, 128, 32000, 1, 0, 2, 16384},
    {"Llama-3-8B", 32, 4096, 14336, 32, 8, 128, 128256, 1, 0, 2, 8192},
    {"Llama-3.1-8B", 32, 4096, 14336, 32, 8, 128, 128256, 1, 0, 2, 131072},
    {"Llama-3.1-70B", 80, 8192, 28672, 64, 8, 128, 128256, 1, 0, 2, 131072},
    {"Llama-3.2-1B", 16, 2048, 8192, 32, 8, 64, 128256, 1, 1, 2, 131072},
    {"Llama-3.2-3B", 28, 3072, 8192, 24, 8, 128, 128256, 1, 1, 2, 131072},
    {"Mistral-7B", 32, 4096, 14336, 32, 8, 128, 32000, 1, 0, 2, 32768},
    {"Qwen2.5-7B", 28, 3584, 18944, 28, 4, 128, 152064, 1, 0, 2, 131072},
    {"Qwen2.5-32B", 64, 5120, 27648, 40, 8, 128, 152064, 1, 0, 2, 131072},
    {"Qwen2.5-72B", 80, 8192, 29568, 64, 8, 128, 152064, 1, 0, 2, 131072},
    {"Qwen3-8B", 36, 4096, 12288, 32, 8, 128, 151936, 1, 0, 2, 40960},
    {"Qwen3-32B", 64, 5120, 25600, 64, 8, 128, 151936, 1, 0, 2, 40960},
    {"DeepSeek-67B", 95, 8192, 22016, 64, 8, 128, 102400, 1, 0, 2, 4096},
};
const size_t card_models_n = sizeof card_models / sizeof *card_models;

/* name GiB read tflops attention link link_us step_us */
const struct gpu_card card_gpus[] = {
    {"A100-80GB", 80, 1500, 187, 150, 240, 20, 1000},
    {"A100-80GB-SXM", 80, 1500, 280, 150, 240, 20, 1000},
    {"A100-40GB", 40, 1244, 187, 150, 240, 20, 1000},
    {"H100", 80, 2680, 593, 400, 360, 15, 800},
    {"H200", 141, 3840, 593, 400, 360, 15, 800},
    {"A40", 48, 557, 90, 70, 50, 25, 1000},
    {"A6000", 48, 614, 93, 70, 50, 25, 1000},
    {"L40S", 48, 691, 217, 150, 25, 30, 1000},
    {"A10G", 24, 480, 42, 35, 25, 30, 1000},
    {"T4", 16, 256, 39, 25, 12, 40, 1000},
    {"RTXPRO6000", 96, 1434, 300, 200, 50, 20, 300},
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
