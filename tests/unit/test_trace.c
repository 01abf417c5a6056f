/* test_trace.c - every format of traces, a small file each: what its records become, and what is
 * refused in which words. The files are made up, in the forms of trace(5).
 */
#include "t.h"
#include "tmp.h"

#include "base/mem.h"
#include "sim/load.h"
#include "sim/trace.h"

/* Text and what it becomes: lines of trace(5), and "! sentence" for a record that is refused. */
struct sample {
    const char *format, *text, *want;
};

static const struct sample samples[] = {
    {"azure",
     "TIMESTAMP,ContextTokens,GeneratedTokens\n"
     "2023-11-16 18:15:46.6805900,374,44\n"
     "2023-11-16 18:15:50.9951690,396,109\n"
     "2023-11-17 00:00:00,1,1\n",
     "{'id':'0','t_ns':0,'prompt':374,'output':44}\n"
     "{'id':'1','t_ns':4314579000,'prompt':396,'output':109}\n"
     "{'id':'2','t_ns':20653319410000,'prompt':1,'output':1}\n"},
    /* 2024's dates, lines that end in CR LF, a leap day, a byte order mark, no last newline */
    {"azure",
     "\xef\xbb\xbfTIMESTAMP,ContextTokens,GeneratedTokens\r\n"
     "2024-02-28 23:59:59.009930+00:00,2162,5\r\n\r\n"
     "2024-02-29T00:00:01Z,\"2399\",6\r\n"
     "2024-03-01 00:00:00.0+00:00,3,1",
     "{'id':'0','t_ns':0,'prompt':2162,'output':5}\n"
     "{'id':'1','t_ns':1990070000,'prompt':2399,'output':6}\n"
     "{'id':'2','t_ns':86400990070000,'prompt':3,'output':1}\n"},
    /* NanoFlow's: no times; other columns, in another order */
    {"azure", "GeneratedTokens,x,TIMESTAMP,ContextTokens\n7,?,XXX,9\n1,,,2\n",
     "{'id':'0','prompt':9,'output':7}\n{'id':'1','prompt':2,'output':1}\n"},
    {"azure",
     "TIMESTAMP,ContextTokens,GeneratedTokens\n"
     "2023-11-16 18:15:46,0,44\n"
     "2023-11-16 18:15:46,3,0\n"
     "2023-11-16 18:15:46,3\n"
     "2023-11-16 18:15:46,3,4,5\n"
     "2023-13-16 18:15:46,3,4\n"
     "2023-11-16 18:15,3,4\n"
     "2023-11-16 18:15:46+02:00,3,4\n"
     "9999-11-16 18:15:46,3,4\n"
     "2023-11-16 18:15:46,-3,4\n"
     "2023-11-16 18:15:46,nan,4\n"
     "2023-11-16 18:15:46,3.5,4\n"
     "2023-11-16 18:15:46,1073741825,4\n"
     "2023-11-16 18:15:46,99999999999999999999,4\n"
     "2023-11-16 18:15:46,,4\n"
     "2023-11-16 18:15:46,\"3,4\n"
     "2023-11-16 18:15:46,3.0,4e0\n"
     "2023-11-16 18:15:45.999999999,3,4\n"
     "2023-11-16 18:15:46,1073741824,4\n",
     "! f: line 2: the prompt has no tokens\n"
     "! f: line 3: the output has no tokens\n"
     "! f: line 4: there are 2 fields, the header has 3\n"
     "! f: line 5: there are more fields than the header's 3\n"
     "! f: line 6: 'TIMESTAMP' is no date and time: '2023-13-16 18:15:46'\n"
     "! f: line 7: 'TIMESTAMP' is no date and time: '2023-11-16 18:15'\n"
     "! f: line 8: 'TIMESTAMP' is no date and time: '2023-11-16 18:15:46+02:00'\n"
     "! f: line 9: 'TIMESTAMP' is no date and time: '9999-11-16 18:15:46'\n"
     "! f: line 10: 'ContextTokens' is no number of tokens: '-3'\n"
     "! f: line 11: 'ContextTokens' is no whole number: 'nan'\n"
     "! f: line 12: 'ContextTokens' is no whole number: '3.5'\n"
     "! f: line 13: 'ContextTokens' is no number of tokens: '1073741825'\n"
     "! f: line 14: 'ContextTokens' is no whole number: '99999999999999999999'\n"
     "! f: line 15: 'ContextTokens' is no number of tokens: ''\n"
     "! f: line 16: a quote in field 2 is not closed\n"
     "{'id':'15','t_ns':0,'prompt':3,'output':4}\n"
     "! f: line 18: its time is before the trace's beginning\n"
     "{'id':'17','t_ns':0,'prompt':1073741824,'output':4}\n"},
    {"vidur",
     "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.3145790001,396.0,109\n"
     "1e-3,1,1\n-1,1,1\n1e10,1,1\ninf,1,1\n",
     "{'id':'0','t_ns':0,'prompt':374,'output':44}\n"
     "{'id':'1','t_ns':4314579000,'prompt':396,'output':109}\n"
     "{'id':'2','t_ns':1000000,'prompt':1,'output':1}\n"
     "! f: line 5: its time is before the trace's beginning\n"
     "! f: line 6: 'arrived_at' is no time: '1e10'\n"
     "! f: line 7: 'arrived_at' is no time: 'inf'\n"},
    {"vidur", "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n2588,291,2879,8.9\n",
     "{'id':'0','prompt':2588,'output':291}\n"},
    {"mooncake",
     "{\"timestamp\": 27482, \"input_length\": 1025, \"output_length\": 52, \"hash_ids\": [46, 47, 0]}\n"
     "\n"
     "{\"hash_ids\":[ ],\"output_length\":1,\"timestamp\":30535.5,\"input_length\":511}\n"
     "{\"timestamp\":1,\"input_length\":1536,\"output_length\":1,\"hash_ids\":[1,2]}\n"
     "{\"timestamp\":1,\"input_length\":1536,\"output_length\":1,\"hash_ids\":[1,2,3,4]}\n"
     "{\"timestamp\":1,\"input_length\":1536,\"output_length\":1,\"hash_ids\":[1,2,-3]}\n"
     "{\"timestamp\":1,\"input_length\":1536,\"output_length\":1,\"hash_ids\":[1,2,[3]]}\n"
     "{\"timestamp\":1,\"input_length\":1536,\"output_length\":1,\"hash_ids\":7}\n"
     "{\"timestamp\":1,\"input_length\":1536,\"output_length\":1\n"
     "{\"timestamp\":\"1\",\"input_length\":1536,\"output_length\":1}\n"
     "{\"timestamp\":1,\"output_length\":1}\n",
     "{'id':'0','t_ns':27482000000,'prompt':1025,'output':52,'block':512,'hashes':[46,47,0]}\n"
     "{'id':'1','t_ns':30535500000,'prompt':511,'output':1}\n"
     "! f: line 4: 2 hashes are too few for a prompt of 1536 tokens\n"
     "! f: line 5: 4 hashes are too many for a prompt of 1536 tokens in blocks of 512\n"
     "! f: line 6: 'hash_ids' holds what is no whole number from 0 to 2^64: '-3'\n"
     "! f: line 7: 'hash_ids' holds what is no whole number from 0 to 2^64: '[3]'\n"
     "! f: line 8: 'hash_ids' is no list: '7'\n"
     "! f: line 9: *\n"
     "! f: line 10: 'timestamp' is no time: '1'\n"
     "! f: line 11: the prompt has no tokens\n"},
    /* blocks of 16, as the lengths say; hashes of the answer */
    {"mooncake",
     "{\"timestamp\":5,\"input_length\":33,\"output_length\":31,\"hash_ids\":[7,8],"
     "\"out_hash_ids\":[18446744073709551615,9]}\n",
     "{'id':'0','t_ns':5000000,'prompt':33,'output':31,'block':16,'hashes':[7,8],"
     "'out_hashes':[18446744073709551615,9]}\n"},
    {"bailian",
     "{\"chat_id\":159,\"parent_chat_id\":-1,\"timestamp\":61.114,\"input_length\":17,"
     "\"output_length\":3,\"type\":\"text\",\"turn\":1,\"hash_ids\":[1,2]}\n"
     "{\"chat_id\":160,\"parent_chat_id\":159,\"timestamp\":62,\"input_length\":20,"
     "\"output_length\":3,\"type\":\"search\",\"turn\":2,\"hash_ids\":[1]}\n",
     "{'id':'159','t_ns':61114000000,'prompt':17,'output':3,'block':16,'hashes':[1,2],'turn':1,"
     "'category':'text'}\n"
     "{'id':'160','t_ns':62000000000,'prompt':20,'output':3,'block':16,'hashes':[1],'turn':2,"
     "'after':['159'],'category':'search'}\n"},
    {"llmservingsim",
     "{\"input_toks\":10,\"output_toks\":70,\"arrival_time_ns\":46926808}\n"
     "{\"arrival_time_ns\":46926808,\"input_toks\":1,\"output_toks\":1,\"input_tok_ids\":[1,2]}\n"
     "{\"arrival_time_ns\":9223372036854775807,\"input_toks\":1,\"output_toks\":1}\n"
     "{\"arrival_time_ns\":9223372036854775808,\"input_toks\":1,\"output_toks\":1}\n",
     "{'id':'0','t_ns':46926808,'prompt':10,'output':70}\n"
     "{'id':'1','t_ns':46926808,'prompt':1,'output':1}\n"
     "{'id':'2','t_ns':9223372036854775807,'prompt':1,'output':1}\n"
     "! f: line 4: 'arrival_time_ns' is no time: '9223372036854775808'\n"},
    {"agentic",
     "{\"session_id\":\"a\\u0062\",\"arrival_time_ns\":5,\"sub_requests\":["
     "{\"input_toks\":3,\"output_toks\":4,\"tool_duration_ns\":7},"
     "{\"input_toks\":8.0,\"output_toks\":1,\"tool_duration_ns\":1.5},"
     "{\"input_toks\":9,\"output_toks\":2,\"tool_duration_ns\":null}]}\n"
     "{\"session_id\":\"b\",\"arrival_time_ns\":6}\n"
     "{\"arrival_time_ns\":6,\"sub_requests\":[{\"input_toks\":3,\"output_toks\":4}]}\n"
     "{\"session_id\":\"c\",\"arrival_time_ns\":6,\"sub_requests\":[]}\n"
     "{\"session_id\":\"c\",\"arrival_time_ns\":6,\"sub_requests\":{}}\n"
     "{\"session_id\":\"c\",\"arrival_time_ns\":6,\"sub_requests\":["
     "{\"input_toks\":3,\"output_toks\":4,\"tool_duration_ns\":\"7\"}]}\n"
     "{\"session_id\":\"c\",\"arrival_time_ns\":6,\"sub_requests\":["
     "{\"input_toks\":3,\"output_toks\":4,\"tool_duration_ns\":-7},"
     "{\"input_toks\":3,\"output_toks\":4},{\"input_toks\":0,\"output_toks\":4}]}\n"
     "{\"session_id\":4,\"arrival_time_ns\":7,\"sub_requests\":["
     "{\"input_toks\":3,\"output_toks\":4}]}\n",
     "{'id':'ab.0','t_ns':5,'prompt':3,'output':4,'session':'ab','turn':0}\n"
     "{'id':'ab.1','t_ns':5,'prompt':8,'output':1,'session':'ab','turn':1,'after':['ab.0'],"
     "'tool_ns':7}\n"
     "{'id':'ab.2','t_ns':5,'prompt':9,'output':2,'session':'ab','turn':2,'after':['ab.1'],"
     "'tool_ns':2}\n"
     "! f: line 2: there is no list 'sub_requests'\n"
     "! f: line 3: there is no 'session_id'\n"
     "! f: line 4: 'sub_requests' holds no call\n"
     "! f: line 5: there is no list 'sub_requests'\n"
     "! f: line 6: 'tool_duration_ns' is no time\n"
     "{'id':'c.0','t_ns':6,'prompt':3,'output':4,'session':'c','turn':0}\n"
     "! f: line 7: a tool takes less than no time\n"
     "! f: line 7: the prompt has no tokens\n"
     "{'id':'4.0','t_ns':7,'prompt':3,'output':4,'session':'4','turn':0}\n"},
    {"vllm",
     "{\"request_id\":\"bench-0\",\"input_toks\":2358,\"output_toks\":531,"
     "\"arrival_time\":1777142838.3,\"queued_ts\":479748.340626232,\"scheduled_ts\":1,"
     "\"first_token_ts\":2,\"last_token_ts\":3}\n"
     "{\"request_id\":\"bench-1\",\"input_toks\":3,\"output_toks\":5,"
     "\"queued_ts\":479748.625554681}\n"
     "{\"request_id\":\"bench-2\",\"input_toks\":3,\"output_toks\":5,\"queued_ts\":null}\n"
     "{\"request_id\":\"bench-3\",\"input_toks\":3,\"output_toks\":5,\"queued_ts\":-9.2e9}\n",
     "{'id':'bench-0','t_ns':0,'prompt':2358,'output':531}\n"
     "{'id':'bench-1','t_ns':284928449,'prompt':3,'output':5}\n"
     "{'id':'bench-2','prompt':3,'output':5}\n"
     "! f: line 4: its time is before the trace's beginning\n"},
    {"vllm",
     "{\"request_id\":\"a\",\"input_toks\":3,\"output_toks\":5,\"queued_ts\":-9e9}\n"
     "{\"request_id\":\"b\",\"input_toks\":3,\"output_toks\":5,\"queued_ts\":9e9}\n",
     "{'id':'a','t_ns':0,'prompt':3,'output':5}\n"
     "! f: line 2: its time is centuries from the first record's\n"},
    {"apex",
     "{\"ContextTokens\": 156, \"GeneratedTokens\": 67, \"SynthesizedBody\": \"{'a': \\\"b\\\"}\", "
     "\"RequestID\": \"f6b0\", \"TotalTokens\": 223, \"StartTimeOffset\": 3892679289}\n",
     "{'id':'f6b0','t_ns':3892679289,'prompt':156,'output':67}\n"},
    {"burstgpt",
     "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
     "5,ChatGPT,472,18,490,Conversation log\n45.5,GPT-4,1087,230,1317,API log\n"
     "46,GPT-4,1087,0,1087,API log\n",
     "{'id':'0','t_ns':5000000000,'prompt':472,'output':18,'category':'Conversation log',"
     "'model':'ChatGPT'}\n"
     "{'id':'1','t_ns':45500000000,'prompt':1087,'output':230,'category':'API log',"
     "'model':'GPT-4'}\n"
     "! f: line 4: the output has no tokens\n"},
    {"burstgpt",
     "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
     "5,s-1,2.5,ChatGPT,472,18,490,Conversation log\n",
     "{'id':'0','t_ns':5000000000,'prompt':472,'output':18,'session':'s-1',"
     "'category':'Conversation log','model':'ChatGPT'}\n"},
    {"splitwise",
     "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n"
     "0,2,0,0.25,1,374,44\n1,2,1,4.314579,1,396,109\n",
     "{'id':'0','t_ns':250000000,'prompt':374,'output':44,'tenant':'0','category':'2'}\n"
     "{'id':'1','t_ns':4314579000,'prompt':396,'output':109,'tenant':'1','category':'2'}\n"},
    {"hexgen",
     "\n[\n {\"Text2SQLRequest\": [\n"
     "  {\"step\": \"look\", \"input_length\": 301, \"output_length\": 26},\n"
     "  {\"step\": \"write\", \"input_length\": 649, \"output_length\": 21},\n"
     "  {\"step\": \"write\", \"input_length\": 650, \"output_length\": 22},\n"
     "  {\"step\": \"look\", \"input_length\": 7, \"output_length\": 8.0}]},\n"
     " {\"Text2SQLRequest\": [{\"step\": \"look\", \"input_length\": 0, \"output_length\": 1},\n"
     "  {\"step\": \"look\", \"input_length\": 2, \"output_length\": 1}]}]\n",
     "{'id':'0.0','prompt':301,'output':26,'session':'0','turn':0,'category':'look'}\n"
     "{'id':'0.1','prompt':649,'output':21,'session':'0','turn':1,'after':['0.0'],"
     "'category':'write'}\n"
     "{'id':'0.2','prompt':650,'output':22,'session':'0','turn':2,'after':['0.0'],"
     "'category':'write'}\n"
     "{'id':'0.3','prompt':7,'output':8,'session':'0','turn':3,'after':['0.1','0.2'],"
     "'category':'look'}\n"
     "! f: call 4: the prompt has no tokens\n"
     "{'id':'1.1','prompt':2,'output':1,'session':'1','turn':1,'category':'look'}\n"},
    {"sluice",
     "{\"id\":\"x\",\"t_ns\":5,\"prompt\":3,\"output\":4,\"foo\":[1,{\"a\":2}],\"bar\":\"\\u00e9\\n\","
     "\"none\":null,\"session\":null,\"b\\u0061z\":-1.50e3}\n"
     "{\"output\":18,\"prompt\":33,\"t_ns\":6.0,\"id\":7,\"deadline_ns\":99,\"model\":\"m\","
     "\"category\":\"c\",\"priority\":-3,\"tenant\":\"t\\\"\",\"tool_ns\":4,\"tool\":\"ls\","
     "\"after\":[\"x\",8],\"turn\":2,\"session\":\"s\",\"out_hashes\":[5],\"hashes\":[1,2,3],"
     "\"block\":16}\n"
     "{\"t_ns\":7,\"prompt\":3,\"output\":4}\n"
     "{\"id\":\"x\",\"prompt\":3,\"output\":4}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":33,\"output\":4,\"hashes\":[1,2]}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":3,\"output\":4,\"after\":[null]}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":3,\"output\":4,\"after\":[[\"a\"]]}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":3,\"output\":4,\"after\":\"a\"}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":3,\"output\":4,\"turn\":0.5}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":3,\"output\":4,\"priority\":\"high\"}\n"
     "{\"id\":\"x\",\"t_ns\":7,\"prompt\":3,\"output\":4,\"tool_ns\":-1}\n"
     "{\"id\":{},\"t_ns\":7,\"prompt\":3,\"output\":4}\n"
     "[]\n",
     "{'id':'x','t_ns':5,'prompt':3,'output':4,'foo':[1,{'a':2}],'bar':'\\u00e9\\n','none':null,"
     "'b\\u0061z':-1.50e3}\n"
     "{'id':'7','t_ns':6,'prompt':33,'output':18,'block':16,'hashes':[1,2,3],'out_hashes':[5],"
     "'session':'s','turn':2,'after':['x','8'],'tool':'ls','tool_ns':4,'tenant':'t\\\"',"
     "'priority':-3,'category':'c','model':'m','deadline_ns':99}\n"
     "! f: line 3: there is no 'id'\n"
     "{'id':'x','prompt':3,'output':4}\n"
     "! f: line 5: there are hashes, and no 'block' says of how many tokens\n"
     "! f: line 6: 'after' is no list of ids: '[null]'\n"
     "! f: line 7: 'after' is no list of ids: '[[\"a\"]]'\n"
     "! f: line 8: 'after' is no list: 'a'\n"
     "! f: line 9: 'turn' is no whole number: '0.5'\n"
     "! f: line 10: 'priority' is no whole number: 'high'\n"
     "! f: line 11: a tool takes less than no time\n"
     "! f: line 12: 'id' is no text: '{}'\n"
     "! f: line 13: *\n"},
};

static const char *const no_trace[] = {"",
                                       "\n",
                                       " \n\t\r\n",
                                       "\xef\xbb\xbf",
                                       "{}\n",
                                       "{\"a\":1}\n",
                                       "3\n",
                                       "nonsense\n",
                                       "{\n",
                                       "\xef\xbb\xbf\n",
                                       "a,b,c\n1,2,3\n",
                                       "TIMESTAMP,ContextTokens\n1,2\n",
                                       "[\n",
                                       "[3]\n",
                                       "[{}]\n",
                                       "[{\"p\":[]}]\n",
                                       "[{\"p\":[{\"input_length\":1,\"output_length\":1}]}]\n",
                                       "[] x\n",
                                       "{\"prompt\":1,\"output\":1,\"t_ns\":0}\n",
                                       "\"TIMESTAMP,ContextTokens,GeneratedTokens\n",
                                       "timestamp,contexttokens,generatedtokens\n"};

/* ---- reading ---- */

/* Records as lines, and what was refused; 0 or an error of opening. */
static int read_as(struct buf *b, const char *path, enum trace_format format, struct err *e)
{
    struct trace_read_opts o = {.format = format};
    struct trace_reader *r;
    struct trace_record rec;
    int rc = trace_open(&r, path, &o, e);

    b->len = 0;
    if (rc < 0)
        return rc;
    while ((rc = trace_read(r, &rec, e)) != 0)
        if (rc > 0)
            T_CHECK(trace_append(b, &rec, e) == 0);
        else if (rc == ERR_INPUT)
            T_CHECK(buf_printf(b, e, "! %s\n", e->msg) == 0);
        else
            break;
    trace_close(r);
    return rc;
}

/* Line by line: ' stands for ", and "*" at a sentence's end for any words. */
static bool same(const char *want, const char *got, size_t len)
{
    const char *end = got + len;

    for (; *want; want++) {
        if (*want == '*') {
            while (got < end && *got != '\n')
                got++;
            continue;
        }
        if (got == end || (*got != *want && !(*want == '\'' && *got == '"')))
            return false;
        got++;
    }
    return got == end;
}

static enum trace_format format_of(const char *name)
{
    const char *p = TRACE_FORMAT_NAMES;
    int f = 0;

    for (; strncmp(p, name, strlen(name)) != 0; f++)
        p = strchr(p, '|') + 1;
    return (enum trace_format)f;
}

static void formats(void)
{
    struct buf b = {0};
    struct err e;

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *s = &samples[i];

        tmp_put("f", s->text, strlen(s->text));
        for (int asked = 0; asked < 2; asked++) {
            e = (struct err){0};
            T_CHECKF(read_as(&b, "f", asked ? format_of(s->format) : TRACE_AUTO, &e) == 0,
                     "%zu: %s", i, e.msg);
            T_CHECKF(same(s->want, b.p, b.len), "%s, %zu:\n%.*s", s->format, i, (int)b.len,
                     b.p ? b.p : "");
        }
        /* What one format's file is, another's is not, but for two that are written alike. */
        for (int f = 0; f < TRACE_FORMATS; f++)
            if (f != (int)format_of(s->format) && strcmp(s->format, "vllm") != 0 &&
                strcmp(s->format, "bailian") != 0)
                T_CHECKF(read_as(&b, "f", (enum trace_format)f, &e) == ERR_INPUT, "%s as %d",
                         s->format, f);
    }
    for (size_t i = 0; i < sizeof no_trace / sizeof *no_trace; i++) {
        tmp_put("f", no_trace[i], strlen(no_trace[i]));
        T_CHECKF(read_as(&b, "f", TRACE_AUTO, &e) == ERR_INPUT, "%zu", i);
        T_CHECKF(strncmp(e.msg, "f: ", 3) == 0, "%s", e.msg);
    }
    buf_free(&b);
}

/* What was written is read again as the same. */
static void round_trip(void)
{
    struct buf b = {0}, again = {0};
    struct err e = {0};

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char *lines;
        size_t n = 0;

        tmp_put("f", samples[i].text, strlen(samples[i].text));
        T_CHECK(read_as(&b, "f", TRACE_AUTO, &e) == 0);
        lines = malloc(b.len + 1);
        for (char *p = b.p, *end; p < b.p + b.len; p = end) {
            end = (char *)memchr(p, '\n', (size_t)(b.p + b.len - p)) + 1;
            if (*p == '!' || !memmem(p, (size_t)(end - p), "\"t_ns\":", 7))
                continue;
            memcpy(lines + n, p, (size_t)(end - p));
            n += (size_t)(end - p);
        }
        tmp_put("g", lines, n);
        if (n > 0) {
            T_CHECK(read_as(&again, "g", TRACE_AUTO, &e) == 0);
            T_CHECK(again.len == n && memcmp(again.p, lines, n) == 0);
        }
        free(lines);
    }
    buf_free(&b);
    buf_free(&again);
}

/* ---- loading ---- */

/* Loads lines of trace(5), ' for "; the count of refused ones, or -1 and the sentence. */
static int load(struct trace_set *t, const char *text, bool skip_bad, struct err *e)
{
    struct trace_load_opts o = {.read = {.format = TRACE_AUTO}, .skip_bad = skip_bad};
    char *json = strdup(text);
    uint64_t bad;
    int rc;

    for (char *p = json; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    tmp_put("f", json, strlen(json));
    free(json);
    rc = trace_load(t, "f", &o, &bad, e);
    return rc < 0 ? -1 : (int)bad;
}

static void refuses(const char *text, const char *sentence)
{
    struct trace_set t;
    struct err e = {0};

    T_CHECK(load(&t, text, false, &e) == -1);
    T_CHECKF(e.code == ERR_INPUT && strstr(e.msg, sentence), "'%s', not '%s'", e.msg, sentence);
}

#define LINE(id, t, more) "{'id':'" id "','t_ns':" t ",'prompt':40,'output':9" more "}\n"

static void columns(void)
{
    struct trace_set t;
    struct err e = {0};
    size_t len;

    T_CHECK(load(&t,
                 LINE("a", "1", "") LINE("b", "1", ",'tool_ns':5,'tool':'ls'")
                     LINE("c", "3", ",'after':['a','b'],'session':'s','priority':-2")
                         LINE("d", "4", ",'block':16,'hashes':[1,2,3],'out_hashes':[4]")
                             LINE("e", "4", ",'session':'s','tool':'ls','after':['d']"),
                 false, &e) == 0);
    T_CHECK(t.n == 5 && t.t_ns[2] == 3 && t.prompt[4] == 40 && t.output[0] == 9);
    T_CHECK(memcmp(trace_set_id(&t, 3, &len), "d", 1) == 0 && len == 1);
    T_CHECK(t.after_end[1] == 0 && t.after_end[2] == 2 && t.after[0] == 0 && t.after[1] == 1);
    T_CHECK(t.after_end[3] == 2 && t.after_end[4] == 3 && t.after[2] == 3);
    T_CHECK(t.tool_ns[0] == 0 && t.tool_ns[1] == 5 && t.tool_ns[2] == 0);
    T_CHECK(t.priority[0] == 0 && t.priority[2] == -2 && t.priority[4] == 0);
    T_CHECK(t.sessions == 1 && t.session[0] == UINT32_MAX && t.session[2] == 0 &&
            t.session[4] == 0);
    T_CHECK(t.tools == 1 && t.tool[1] == 0 && t.tool[2] == UINT32_MAX && t.tool[4] == 0);
    /* Of the prompt's 40 tokens two blocks are whole; the third hash is of what the answer fills.
     */
    T_CHECK(t.block == 16 && t.hash_end[2] == 0 && t.hash_end[3] == 3 && t.hash_end[4] == 3);
    T_CHECK(t.hashes[0] == 1 && t.hashes[1] == 2 && t.hashes[2] == 4);
    trace_set_free(&t);
}

static void loading(void)
{
    struct trace_set t;
    struct err e = {0};

    refuses(LINE("a", "5", "") LINE("b", "4", ""), "line 2: its time goes back, 1 ns");
    refuses("{'id':'a','t_ns':null,'prompt':1,'output':1}\n", "line 1: it has no time");
    refuses(LINE("a", "5", "") LINE("b", "5", ",'after':['c']"), "waits for 'c'");
    refuses(LINE("a", "5", "") LINE("b", "5", ",'after':['b']"), "waits for 'b'");
    refuses(LINE("a", "5", "") LINE("b", "5", ",'after':['a']") LINE("a", "6", ""),
            "line 3: its id is that of a request above");
    refuses(LINE("a", "5", ",'priority':3000000000"), "beyond 32 bits");
    refuses(LINE("a", "5", ",'block':16,'hashes':[1,2]")
                LINE("b", "5", ",'block':8,'hashes':[1,2,3,4,5]"),
            "line 2: its hashes stand for 8 tokens each, those above for 16");
    /* The same id twice is of no matter where nobody waits. */
    T_CHECK(load(&t, LINE("a", "5", "") LINE("a", "5", ""), false, &e) == 0 && t.n == 2);
    trace_set_free(&t);
    T_CHECK(load(&t, LINE("a", "5", "") LINE("b", "4", "") "{}\n" LINE("c", "6", ""), true, &e) ==
            2);
    T_CHECK(t.n == 2 && t.t_ns[1] == 6);
    trace_set_free(&t);
    columns();
}

/* What is refused must leave no trace of itself, ids above all. */
static void skipping(void)
{
    struct trace_set t;
    struct err e = {0};
    int bad = load(&t,
                   LINE("a", "1", "") LINE("b", "1", "") LINE("a", "1", "") LINE("c", "1", "")
                       LINE("d", "2", ",'after':['c']") LINE("e", "2", ",'after':['c']")
                           LINE("f", "2", ",'after':['e']") LINE("g", "3", "")
                               LINE("h", "4", ",'after':['g']"),
                   true, &e);

    /* Two requests of one id: whoever waits cannot be sure of any. */
    T_CHECKF(bad == -1 && strstr(e.msg, "f: line 5: two requests above have the id 'a'"),
             "%d bad: %s", bad, e.msg);
    if (bad >= 0)
        trace_set_free(&t);
    bad = load(&t,
               LINE("a", "1", "") LINE("b", "2", ",'after':['a','x']")
                   LINE("c", "2", ",'after':['a'],'session':'s'") LINE("b", "3", ",'after':['c']"),
               true, &e);
    T_CHECK(bad == 1 && t.n == 3 && t.after_end[1] == 1 && t.after[0] == 0 && t.after[1] == 1);
    trace_set_free(&t);
}

int main(void)
{
    tmp_enter();
    formats();
    round_trip();
    loading();
    skipping();
    tmp_leave();
    return t_done("test_trace");
}
