/* trace_samples.h - a small file of every format of traces, made up in the forms of trace(5), and
 * what its records become.
 */
#ifndef TESTS_TRACE_SAMPLES_H
#define TESTS_TRACE_SAMPLES_H

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
     "2023-11-16 18:15:46,\"3\"4,5\n"
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
     "! f: line 17: a quote in field 2 is not closed\n"
     "{'id':'16','t_ns':0,'prompt':3,'output':4}\n"
     "! f: line 19: its time is before the trace's beginning\n"
     "{'id':'18','t_ns':0,'prompt':1073741824,'output':4}\n"},
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
    {"mooncake",
     "{\"timestamp\":1,\"input_length\":1024,\"output_length\":1,\"hash_ids\":[1,2,3]}\n"
     "{\"timestamp\":1,\"input_length\":31,\"output_length\":1,\"hash_ids\":[1,2,3,4]}\n",
     "! f: line 1: 3 hashes are too few for a prompt of 1024 tokens, whatever the block\n"
     "{'id':'1','t_ns':1000000,'prompt':31,'output':1,'block':8,'hashes':[1,2,3,4]}\n"},
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
     "{\"request_id\":\"bench-3\",\"input_toks\":3,\"output_toks\":5,\"queued_ts\":479747.5}\n"
     "\n{\"request_id\":\"bench-4\",\"input_toks\":0,\"output_toks\":5,\"queued_ts\":479748}\n"
     "{\"request_id\":\"bench-5\",\"input_toks\":1,\"output_toks\":2,\"queued_ts\":479748.7}\n",
     "{'id':'bench-3','t_ns':0,'prompt':3,'output':5}\n"
     "! f: line 6: the prompt has no tokens\n"
     "{'id':'bench-0','t_ns':840626232,'prompt':2358,'output':531}\n"
     "{'id':'bench-1','t_ns':1125554681,'prompt':3,'output':5}\n"
     "{'id':'bench-2','prompt':3,'output':5}\n"
     "{'id':'bench-5','t_ns':1200000000,'prompt':1,'output':2}\n"},
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
    {"sluice",
     "{\"id\":\"x\",\"t_ns\":5,\"prompt\":30,\"output\":1,\"joins\":null,\"reuse\":null,"
     "\"common\":0,\"race\":null,\"winners\":0,\"if_ended\":null,\"background\":false}\n"
     "{\"background\":true,\"then_output\":2,\"if_ended\":7,\"winners\":3,\"race\":\"r\\n\","
     "\"id\":\"y\",\"t_ns\":5,\"prompt\":31,\"output\":9,\"after\":[\"x\"],\"joins\":1}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":99,\"output\":9,\"after\":[\"y\",\"x\",\"w\"],"
     "\"reuse\":0,\"common\":30,\"joins\":2.0}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"after\":[\"y\"],\"joins\":2}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"after\":[\"y\"],\"joins\":1,"
     "\"common\":1}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"after\":[\"y\"],\"reuse\":1}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"after\":[\"y\"],\"joins\":1,"
     "\"reuse\":9}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"after\":[\"y\"],\"joins\":1,"
     "\"reuse\":-1}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"race\":\"r\"}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"winners\":2}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"if_ended\":\"y\"}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"then_output\":2}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"background\":1}\n"
     "{\"id\":\"z\",\"t_ns\":5,\"prompt\":9,\"output\":9,\"race\":[1],\"winners\":1}\n",
     "{'id':'x','t_ns':5,'prompt':30,'output':1}\n"
     "{'id':'y','t_ns':5,'prompt':31,'output':9,'after':['x'],'joins':1,'race':'r\\n',"
     "'winners':3,'if_ended':'7','then_output':2,'background':true}\n"
     "{'id':'z','t_ns':5,'prompt':99,'output':9,'after':['y','x','w'],'joins':2,'common':30,"
     "'reuse':0}\n"
     "! f: line 4: it joins 2 requests, and waits for 1\n"
     "! f: line 5: 'common' is of two requests or more, and it joins 1\n"
     "! f: line 6: 'reuse' is of a request that joins others\n"
     "! f: line 7: it takes over 9 tokens: all of its prompt's 9, *\n"
     "! f: line 8: 'reuse' is no number of tokens: '-1'\n"
     "! f: line 9: 'race' and 'winners', at least 1, go together\n"
     "! f: line 10: 'race' and 'winners', at least 1, go together\n"
     "! f: line 11: 'if_ended' and 'then_output', at least 1, go together\n"
     "! f: line 12: 'if_ended' and 'then_output', at least 1, go together\n"
     "! f: line 13: 'background' is neither true nor false: '1'\n"
     "! f: line 14: 'race' is no text: '[1]'\n"},
};

#endif
