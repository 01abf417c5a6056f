/* trace_formats.c - the formats: what their columns or members mean. More on each in trace(5). */
#include "sim/trace_int.h"

#define N(a) (a), sizeof(a) / sizeof *(a)

static const struct trace_rule sluice[] = {
    {"id", FIELD_ID, UNIT_TEXT, true},
    {"t_ns", FIELD_T, UNIT_NS, true},
    {"prompt", FIELD_PROMPT, UNIT_COUNT, true},
    {"output", FIELD_OUTPUT, UNIT_COUNT, true},
    {"block", FIELD_BLOCK, UNIT_COUNT, false},
    {"hashes", FIELD_HASHES, UNIT_LIST, false},
    {"out_hashes", FIELD_OUT_HASHES, UNIT_LIST, false},
    {"session", FIELD_SESSION, UNIT_TEXT, false},
    {"turn", FIELD_TURN, UNIT_COUNT, false},
    {"after", FIELD_AFTER, UNIT_LIST, false},
    {"joins", FIELD_JOINS, UNIT_COUNT, false},
    {"common", FIELD_COMMON, UNIT_COUNT, false},
    {"reuse", FIELD_REUSE, UNIT_COUNT, false},
    {"tool", FIELD_TOOL, UNIT_TEXT, false},
    {"tool_ns", FIELD_TOOL_NS, UNIT_NS, false},
    {"tenant", FIELD_TENANT, UNIT_TEXT, false},
    {"priority", FIELD_PRIORITY, UNIT_COUNT, false},
    {"category", FIELD_CATEGORY, UNIT_TEXT, false},
    {"model", FIELD_MODEL, UNIT_TEXT, false},
    {"deadline_ns", FIELD_DEADLINE, UNIT_NS, false},
    {"race", FIELD_RACE, UNIT_TEXT, false},
    {"winners", FIELD_WINNERS, UNIT_COUNT, false},
    {"if_ended", FIELD_IF_ENDED, UNIT_TEXT, false},
    {"then_output", FIELD_THEN_OUTPUT, UNIT_COUNT, false},
    {"background", FIELD_BACKGROUND, UNIT_BOOL, false},
};

/* Azure LLM inference traces 2023 and 2024; NanoFlow's lmsys.csv and sharegpt.csv too. */
static const struct trace_rule azure[] = {
    {"TIMESTAMP", FIELD_T, UNIT_DATE, true},
    {"ContextTokens", FIELD_PROMPT, UNIT_COUNT, true},
    {"GeneratedTokens", FIELD_OUTPUT, UNIT_COUNT, true},
};

static const struct trace_rule vidur[] = {
    {"arrived_at", FIELD_T, UNIT_SECONDS, false},
    {"num_prefill_tokens", FIELD_PROMPT, UNIT_COUNT, true},
    {"num_decode_tokens", FIELD_OUTPUT, UNIT_COUNT, true},
};

/* Mooncake, and what is made in its form: blocks of 512 tokens there. */
static const struct trace_rule mooncake[] = {
    {"timestamp", FIELD_T, UNIT_MS, false},
    {"input_length", FIELD_PROMPT, UNIT_COUNT, true},
    {"output_length", FIELD_OUTPUT, UNIT_COUNT, true},
    {"hash_ids", FIELD_HASHES, UNIT_LIST, false},
    {"out_hash_ids", FIELD_OUT_HASHES, UNIT_LIST, false},
};

/* Qwen-Bailian: a turn waits for its parent. */
static const struct trace_rule bailian[] = {
    {"chat_id", FIELD_ID, UNIT_TEXT, true},
    {"parent_chat_id", FIELD_AFTER, UNIT_PARENT, false},
    {"timestamp", FIELD_T, UNIT_SECONDS, false},
    {"input_length", FIELD_PROMPT, UNIT_COUNT, true},
    {"output_length", FIELD_OUTPUT, UNIT_COUNT, true},
    {"type", FIELD_CATEGORY, UNIT_TEXT, false},
    {"turn", FIELD_TURN, UNIT_COUNT, false},
    {"hash_ids", FIELD_HASHES, UNIT_LIST, false},
};

static const struct trace_rule llmservingsim[] = {
    {"input_toks", FIELD_PROMPT, UNIT_COUNT, true},
    {"output_toks", FIELD_OUTPUT, UNIT_COUNT, true},
    {"arrival_time_ns", FIELD_T, UNIT_NS, true},
};

/* A session a line; its calls one after the other. */
static const struct trace_rule agentic[] = {
    {"session_id", FIELD_SESSION, UNIT_TEXT, true},
    {"arrival_time_ns", FIELD_T, UNIT_NS, false},
    {"sub_requests", FIELD_CALLS, UNIT_LIST, true},
};

/* What vLLM measured, of LLMServingSim's runs: seconds of a clock that began anywhere, in the order
 * in which requests ended, or any. */
static const struct trace_rule vllm[] = {
    {"request_id", FIELD_ID, UNIT_TEXT, true},
    {"input_toks", FIELD_PROMPT, UNIT_COUNT, true},
    {"output_toks", FIELD_OUTPUT, UNIT_COUNT, true},
    {"queued_ts", FIELD_T, UNIT_SECONDS, true},
};

static const struct trace_rule apex[] = {
    {"RequestID", FIELD_ID, UNIT_TEXT, true},
    {"ContextTokens", FIELD_PROMPT, UNIT_COUNT, true},
    {"GeneratedTokens", FIELD_OUTPUT, UNIT_COUNT, true},
    {"StartTimeOffset", FIELD_T, UNIT_NS, true},
};

static const struct trace_rule burstgpt[] = {
    {"Timestamp", FIELD_T, UNIT_SECONDS, true},
    {"Session ID", FIELD_SESSION, UNIT_TEXT, false},
    {"Model", FIELD_MODEL, UNIT_TEXT, false},
    {"Request tokens", FIELD_PROMPT, UNIT_COUNT, true},
    {"Response tokens", FIELD_OUTPUT, UNIT_COUNT, true},
    {"Log Type", FIELD_CATEGORY, UNIT_TEXT, false},
};

static const struct trace_rule splitwise[] = {
    {"request_id", FIELD_ID, UNIT_TEXT, true},
    {"request_type", FIELD_CATEGORY, UNIT_TEXT, false},
    {"application_id", FIELD_TENANT, UNIT_TEXT, false},
    {"arrival_timestamp", FIELD_T, UNIT_SECONDS, true},
    {"prompt_size", FIELD_PROMPT, UNIT_COUNT, true},
    {"token_size", FIELD_OUTPUT, UNIT_COUNT, true},
};

const struct trace_layout trace_layouts[TRACE_FORMATS] = {
    [TRACE_SLUICE] = {"sluice", false, false, false, true, 0, N(sluice)},
    [TRACE_AZURE] = {"azure", true, true, false, false, 0, N(azure)},
    [TRACE_VIDUR] = {"vidur", true, false, false, false, 0, N(vidur)},
    [TRACE_MOONCAKE] = {"mooncake", false, false, false, false, 0, N(mooncake)},
    [TRACE_BAILIAN] = {"bailian", false, false, false, false, 16, N(bailian)},
    [TRACE_LLMSERVINGSIM] = {"llmservingsim", false, false, false, false, 0, N(llmservingsim)},
    [TRACE_AGENTIC] = {"agentic", false, false, false, false, 0, N(agentic)},
    [TRACE_VLLM] = {"vllm", false, true, true, false, 0, N(vllm)},
    [TRACE_APEX] = {"apex", false, false, false, false, 0, N(apex)},
    [TRACE_BURSTGPT] = {"burstgpt", true, false, false, false, 0, N(burstgpt)},
    [TRACE_SPLITWISE] = {"splitwise", true, false, false, false, 0, N(splitwise)},
    [TRACE_HEXGEN] = {"hexgen", false, false, false, false, 0, NULL, 0},
};
