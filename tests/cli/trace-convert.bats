# trace-convert: traces of all formats as one. What each format's fields become is in test_trace.c.
load helper
load trace

# The first hash of line $1, from 0: jq's numbers have 53 bits.
first_hash() {
    sed -nE "$(($1 + 1))s/.*\"hashes\":\[([0-9]+).*/\1/p" "$out"
}

setup() {
    enter_work
    cat >azure.csv <<'END'
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2225670,4500,55
END
    cat >sessions.jsonl <<'END'
{"session_id":"s","arrival_time_ns":5,"sub_requests":[{"input_toks":3,"output_toks":4,"tool_duration_ns":7},{"input_toks":9,"output_toks":1}]}
{"session_id":"t","arrival_time_ns":8,"sub_requests":[{"input_toks":2,"output_toks":2}]}
END
}

@test "help, version, misuse" {
    helps trace-convert
    for bad in '--clip 1' '--clip 0' '--clip -3' '--rate 0' '--scale-time 0' '--scale-time -1' '--scale-time nan' \
        '--rate -1' '--rate inf' '--sample 0' '--sample 1.5' '--from csv' '--block -1' \
        '--block 9999999999'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-convert $bad azure.csv
    done
    misuse trace-convert azure.csv azure.csv
    says --merge
}

@test "a trace becomes lines of trace(5), by its content" {
    ok trace-convert azure.csv
    prints <<'END'
{"id":"0","t_ns":0,"prompt":374,"output":44}
{"id":"1","t_ns":4314579000,"prompt":396,"output":109}
{"id":"2","t_ns":4541977000,"prompt":4500,"output":55}
END
    mv "$out" once
    # What was written is read as the same; compressed, and from a pipe.
    ok trace-convert once
    cmp once "$out"
    gzip -k once
    ok trace-convert once.gz
    cmp once "$out"
    zstd -q once -o once.zst
    ok trace-convert - <once.zst
    cmp once "$out"
    ok trace-convert --from azure azure.csv
    cmp once "$out"
}

@test "output: whole or not at all, and never lost without a word" {
    mv azure.csv ..
    rm sessions.jsonl
    writes_whole_or_not trace-convert ../azure.csv
    requests 20000 >many.jsonl
    reports_lost_output trace-convert many.jsonl
}

@test "sessions: a call waits for the one before it" {
    ok trace-convert sessions.jsonl
    prints <<'END'
{"id":"s.0","t_ns":5,"prompt":3,"output":4,"session":"s","turn":0}
{"id":"s.1","t_ns":5,"prompt":9,"output":1,"session":"s","turn":1,"after":["s.0"],"tool_ns":7}
{"id":"t.0","t_ns":8,"prompt":2,"output":2,"session":"t","turn":0}
END
}

@test "errors name file and line" {
    for text in '' '{}' 'a,b\n1,2' '3' '{"prompt":1}'; do
        printf '%b' "$text" >bad
        fails trace-convert bad
        says 'bad: '
        empty "$out"
    done
    fails trace-convert none.csv
    says none.csv
    fails trace-convert .
    fails trace-convert --from vidur azure.csv
    says 'azure.csv: line 1 is not of format vidur'
    sed -i '3s/396/0/' azure.csv
    fails trace-convert -o new azure.csv
    says 'azure.csv: line 3: the prompt has no tokens'
    [[ ! -e new ]]
    exits 0 trace-convert --skip-bad azure.csv
    says '1 bad records were left out'
    is 2 "$(wc -l <"$out")"
    ok trace-convert --skip-bad -q azure.csv
    gzip azure.csv
    head -c 60 azure.csv.gz >short.gz
    fails trace-convert short.gz
    says short.gz
    fails trace-convert --skip-bad short.gz
}

@test "what is wrong with a line is said" {
    while IFS='|' read -r text sentence; do
        printf '%s\n' "$text" >bad
        fails trace-convert bad
        says "$sentence"
        empty "$out"
    done <<'END'
{"id":"a","t_ns":0,"prompt":1,"output":4} more|bad: line 1: more text after the object
{"id":"a","t_ns":NaN,"prompt":1,"output":4}|bad: line 1: a value expected at byte 18
{"id":"a","t_ns":0,"prompt":1,"output":4,"prompt":7}|bad: line 1: 'prompt' is there twice
{"id":"a","t_ns":0,"prompt":1.5,"output":4}|'prompt' is no whole number: '1.5'
{"id":"a","t_ns":0,"prompt":-1,"output":4}|'prompt' is no number of tokens
{"id":"a","t_ns":0,"prompt":99999999999999999999,"output":4}|'prompt' is no whole number
{"id":"a","t_ns":-1,"prompt":1,"output":4}|its time is before the trace's beginning
{"id":"a","t_ns":0,"prompt":64,"output":4,"block":16,"hashes":[1,2,3]}|3 hashes are too few
{"id":"a","t_ns":0,"prompt":64,"output":4,"block":16,"hashes":[1,2,3,4,5]}|5 hashes are too many
{"id":"a","t_ns":0,"prompt":64,"output":15,"block":16,"hashes":[1,2,3,4],"out_hashes":[5]}|1 hashes of an output are too many: its 15 tokens after 64 fill 0 blocks of 16
{"id":"a","t_ns":0,"prompt":60,"output":40,"block":16,"hashes":[1,2,3],"out_hashes":[4,5,6,7]}|4 hashes of an output are too many: its 40 tokens after 60 fill 3
{"id":"a","t_ns":0,"prompt":64,"output":40,"block":16,"out_hashes":[5]}|0 hashes are too few
{"session_id":"s","arrival_time_ns":0,"sub_requests":[{"input_toks":3,"output_toks":4,"tool_duration_ns":-3}]}|the last tool takes less than no time
[{"A":[{"step":"x","input_length":3,"output_length":4}],"B":[{"step":"x","input_length":3,"output_length":4}]}]|program 0 is more than one list of calls
END
    ok trace-convert - <<<'{"id":"a","t_ns":0,"prompt":60,"output":40,"block":16,"hashes":[1,2,3],"out_hashes":[4,5,6]}'
    # A column twice; days that there are not, and one that there is every fourth year.
    sed 's/^TIMESTAMP/TIMESTAMP,TIMESTAMP/; s/^2023/x,2023/' azure.csv >twice.csv
    fails trace-convert twice.csv
    for day in 2023-02-29 2023-04-31 1900-02-29 2023-13-01 2023-00-10; do
        sed "s/2023-11-16/$day/" azure.csv >day.csv
        fails trace-convert day.csv
        says 'day.csv: line 2: '
    done
    sed 's/2023-11-16/2024-02-29/' azure.csv >day.csv
    ok trace-convert day.csv
}

@test "what vLLM measured: arrivals from the smallest, in their order, whatever the lines'" {
    cat >run.jsonl <<'END'
{"request_id":"b","input_toks":3,"output_toks":4,"queued_ts":105.5}

{"request_id":"a","input_toks":5,"output_toks":6,"queued_ts":104.25}
{"request_id":"c","input_toks":7,"output_toks":8,"queued_ts":105.5}
END
    ok trace-convert run.jsonl
    prints <<'END'
{"id":"a","t_ns":0,"prompt":5,"output":6}
{"id":"b","t_ns":1250000000,"prompt":3,"output":4}
{"id":"c","t_ns":1250000000,"prompt":7,"output":8}
END
    cp "$out" sorted
    ok trace-convert - <run.jsonl
    cmp sorted "$out"
    # A bad line keeps its number, and the others theirs.
    sed -i '3s/"input_toks":5/"input_toks":0/' run.jsonl
    fails trace-convert run.jsonl
    says 'run.jsonl: line 3: the prompt has no tokens'
    exits 0 trace-convert --skip-bad run.jsonl
    says '1 bad records were left out'
    is 'b c' "$(jq -r .id "$out" | paste -sd ' ')"
    needs traces
    run=$shared/traces/llmservingsim/vllm-measured/RTXPRO6000_Llama-3.1-8B/requests.jsonl
    ok trace-convert "$run"
    cp "$out" sorted
    tac "$run" >tac.jsonl
    ok trace-convert tac.jsonl
    cmp sorted "$out"
}

@test "absent members may be null, every one that need not be there" {
    printf '{"id":"a","t_ns":0,"prompt":1,"output":1' >plain.jsonl
    cp plain.jsonl null.jsonl
    for name in block hashes out_hashes session turn after joins common reuse tool tool_ns tenant priority \
        category model deadline_ns race winners if_ended then_output background; do
        printf ',"%s":null' $name >>null.jsonl
    done
    echo '}' | tee -a plain.jsonl >>null.jsonl
    ok trace-convert null.jsonl
    cmp plain.jsonl "$out"
    fails trace-convert - <<<'{"id":"a","t_ns":0,"prompt":9,"output":1,"block":null,"hashes":[1]}'
    says "there are hashes, and no 'block'"
}

@test "CSV: fields in quotes, and quotes inside, which are doubled" {
    cat >burst.csv <<'END'
Timestamp,Session ID,"Elapsed ""time""",Model,Request tokens,Response tokens,Total tokens,Log Type
5,"s ""1"", a",1,"""x""","3",4,7,"a ""log"""
6,"""",1,"",3,4,7,plain
7,"a""""b",1,"y""",3,4,7,"""z"
END
    ok trace-convert burst.csv
    is 's "1", a|"x"|a "log"' "$(jq -r 'select(.id == "0") | "\(.session)|\(.model)|\(.category)"' "$out")"
    is '"|null|plain' "$(jq -r 'select(.id == "1") | "\(.session)|\(.model)|\(.category)"' "$out")"
    is 'a""b|y"|"z' "$(jq -r 'select(.id == "2") | "\(.session)|\(.model)|\(.category)"' "$out")"
    for field in '"a""' '"a"""b"' '"a"b' '"' '"""'; do
        { head -n 1 burst.csv && echo "5,s,1,m,3,4,7,$field"; } >bad.csv
        fails trace-convert bad.csv
        says 'bad.csv: line 2: a quote in field 8 is not closed'
    done
}

@test "times that go back are an error, or sorted" {
    cat >back.jsonl <<'END'
{"id":"a","t_ns":5,"prompt":1,"output":1}
{"id":"b","t_ns":3,"prompt":1,"output":1}
{"id":"c","t_ns":5,"prompt":1,"output":1}
{"id":"d","t_ns":0,"prompt":1,"output":1}
END
    fails trace-convert back.jsonl
    says 'back.jsonl: line 2: it comes 2 ns before the record above it'
    ok trace-convert --sort back.jsonl
    is 'd b a c' "$(jq -r .id "$out" | paste -sd ' ')"
}

@test "--skip-bad leaves out what goes back, and what has no time, as a replay and trace-stat do" {
    cat >back.jsonl <<'END'
{"id":"a","t_ns":5,"prompt":1,"output":1}
{"id":"b","t_ns":3,"prompt":1,"output":1}
{"id":"c","t_ns":4,"prompt":1,"output":1}
{"id":"d","t_ns":null,"prompt":1,"output":1}
{"id":"e","t_ns":6,"prompt":1,"output":1}
END
    exits 0 trace-convert --skip-bad back.jsonl
    says '3 bad records were left out'
    is 'a e' "$(jq -r .id "$out" | paste -sd ' ')"
    exits 0 trace-convert --skip-bad --sort back.jsonl
    says '1 bad records were left out'
    is 'b c a e' "$(jq -r .id "$out" | paste -sd ' ')"
    # In a merge too.
    exits 0 trace-convert --skip-bad --merge back.jsonl azure.csv
    says '3 bad records were left out'
    is '1/0 0/a 0/e 1/1 1/2' "$(jq -r .id "$out" | paste -sd ' ')"
    exits 0 trace-replay --skip-bad --cost roofline --model Llama-2-7B --gpu A100-80GB -o rows back.jsonl
    says '3 bad records were left out'
    is 'a e' "$(sed 1d rows | cut -f 1 | paste -sd ' ')"
}

@test "times are scaled exactly" {
    printf '{"id":"a","t_ns":1700000000000000001,"prompt":1,"output":1}\n' >t.jsonl
    ok trace-convert --scale-time 1 t.jsonl
    grep -q '"t_ns":1700000000000000001,' "$out"
    ok trace-convert --scale-time 0.5 t.jsonl
    grep -q '"t_ns":850000000000000001,' "$out"
    ok trace-convert --scale-time 3 t.jsonl
    grep -q '"t_ns":5100000000000000003,' "$out"
    fails trace-convert --scale-time 10 t.jsonl
    says '292 years'
}

@test "a deadline is a time of the trace's clock: it is scaled, and goes with a drawn arrival" {
    cat >late.jsonl <<'END'
{"id":"a","t_ns":1000000000,"prompt":1,"output":1,"deadline_ns":4000000000}
{"id":"b","t_ns":2000000000,"prompt":1,"output":1}
{"id":"c","t_ns":3000000000,"prompt":1,"output":1,"deadline_ns":3500000001}
END
    ok trace-convert --scale-time 0.5 late.jsonl
    is '2000000000 null 1750000001' "$(jq .deadline_ns "$out" | paste -sd ' ')"
    ok trace-convert --rate 7 late.jsonl
    is '3000000000 500000001' "$(jq 'select(.deadline_ns) | .deadline_ns - .t_ns' "$out" | paste -sd ' ')"
    ok trace-convert --rate 7 --scale-time 2 late.jsonl
    is '6000000000 1000000002' "$(jq 'select(.deadline_ns) | .deadline_ns - .t_ns' "$out" | paste -sd ' ')"
    printf '{"id":"a","t_ns":0,"prompt":1,"output":1,"deadline_ns":9000000000000000000}\n' >far.jsonl
    fails trace-convert --scale-time 2 far.jsonl
    says 'deadline, is beyond 292 years'
}

@test "lengths are cut, the prompt first, and what is cut is counted" {
    exits 0 trace-convert --clip 4096 azure.csv
    is 'trace-convert: 1 of 3 requests were cut to 4096 tokens' "$(<"$err")"
    is '374 44,396 109,4041 55' "$(jq -r '"\(.prompt) \(.output)"' "$out" | paste -sd ,)"
    ok trace-convert -q --clip 50 azure.csv
    is '6 44,1 49,1 49' "$(jq -r '"\(.prompt) \(.output)"' "$out" | paste -sd ,)"
    ok trace-convert -q --clip 55 azure.csv
    is '11 44,1 54,1 54' "$(jq -r '"\(.prompt) \(.output)"' "$out" | paste -sd ,)"
    printf '{"timestamp":0,"input_length":40,"output_length":9,"hash_ids":[1,2,3]}\n' >h.jsonl
    ok trace-convert -q --clip 30 --block 16 h.jsonl
    is '21 [1,2]' "$(jq -rc '"\(.prompt) \(.hashes)"' "$out")"
    ok trace-convert --clip 49 --block 16 h.jsonl
    # An output's hashes go with the end of its prompt, and are as many as it fills.
    printf '{"id":"a","t_ns":0,"prompt":33,"output":40,"block":16,"hashes":[1,2],"out_hashes":[3,4]}\n' >o.jsonl
    ok trace-convert -q --clip 72 o.jsonl
    is '32 40 [1,2] null' "$(jq -rc '"\(.prompt) \(.output) \(.hashes) \(.out_hashes)"' "$out")"
    mv "$out" cut.jsonl
    ok trace-convert cut.jsonl
    printf '{"id":"a","t_ns":0,"prompt":1,"output":40,"block":4,"hashes":[9],"out_hashes":[1,2,3,4,5,6,7,8,9,10]}\n' >o.jsonl
    ok trace-convert -q --clip 21 o.jsonl
    is '1 20 5' "$(jq -r '"\(.prompt) \(.output) \(.out_hashes | length)"' "$out")"
}

@test "arrivals are drawn: the rate, the seed, those who wait" {
    requests 4000 >many.jsonl
    ok trace-convert --rate 8 many.jsonl
    cp "$out" once
    ok trace-convert --rate 8 many.jsonl
    cmp once "$out"
    jq -e -s '(.[-1].t_ns / 1e9) as $s | 4000 / $s > 7.6 and 4000 / $s < 8.4' once >/dev/null
    jq -e -s '[.[].t_ns] | . == sort' once >/dev/null
    ok trace-convert --rate 8 --seed 2 many.jsonl
    differ once "$out"
    # Half the rate: the same arrivals, twice as far apart.
    ok trace-convert --rate 4 many.jsonl
    jq -n -e --slurpfile a once --slurpfile b "$out" \
        '[range(4000)] | all($b[.].t_ns - 2 * $a[.].t_ns | . >= -1 and . <= 1)' >/dev/null
    ok trace-convert --rate 8 sessions.jsonl
    jq -e -s '.[0].t_ns == .[1].t_ns and .[1].t_ns < .[2].t_ns' "$out" >/dev/null
    # So do those of the session above, and whoever waits, of a session or not.
    cat >mixed.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":1,"output":1,"session":"s"}
{"id":"b","t_ns":0,"prompt":1,"output":1,"session":"s"}
{"id":"c","t_ns":0,"prompt":1,"output":1,"session":"t"}
{"id":"d","t_ns":0,"prompt":1,"output":1}
{"id":"e","t_ns":0,"prompt":1,"output":1,"after":["a"]}
{"id":"f","t_ns":0,"prompt":1,"output":1}
{"id":"g","t_ns":0,"prompt":1,"output":1}
END
    ok trace-convert --rate 8 mixed.jsonl
    is '0 0 1 2 2 3 4' "$(jq -r .t_ns "$out" | uniq -c | awk '{ while ($1-- > 0) print NR - 1 }' | paste -sd ' ')"
    # A trace without times needs that.
    printf 'TIMESTAMP,ContextTokens,GeneratedTokens\nXXX,3,4\nXXX,5,6\n' >xxx.csv
    fails trace-convert xxx.csv
    says "xxx.csv: line 2: it has no time: '--rate'"
    ok trace-convert --rate 1 xxx.csv
    is 2 "$(wc -l <"$out")"
}

@test "a sample keeps sessions together, and says how much is left out" {
    for i in $(seq 400); do
        printf '{"session_id":"%d","arrival_time_ns":%d,"sub_requests":[{"input_toks":3,"output_toks":4},{"input_toks":9,"output_toks":1},{"input_toks":9,"output_toks":1}]}\n' "$i" "$i"
    done >many.jsonl
    exits 0 trace-convert --sample 0.25 many.jsonl
    says ' of 1200 requests are not in the sample'
    cp "$out" once
    jq -e -s 'length > 210 and length < 390 and ([group_by(.session)[] | length] | all(. == 3))' once >/dev/null
    ok trace-convert -q --sample 0.25 many.jsonl
    cmp once "$out"
    ok trace-convert -q --sample 0.25 --seed 9 many.jsonl
    differ once "$out"
    ok trace-convert --sample 1 many.jsonl
    is 1200 "$(wc -l <"$out")"
    printf '{"id":"a","t_ns":0,"prompt":1,"output":1}\n{"id":"b","t_ns":0,"prompt":1,"output":1,"after":["a"]}\n' >loose.jsonl
    fails trace-convert --sample 0.5 loose.jsonl
    says 'loose.jsonl: line 2: it waits for others, or races them, and is of no session'
    # b waits for a, which is of no session: together or not at all. Some seed parts them.
    sed 's/"after"/"session":"q",&/' loose.jsonl >cross.jsonl
    parted=0
    for seed in 1 2 3 4 5 6 7 8; do
        if trace-convert -q --sample 0.5 --seed $seed cross.jsonl >some 2>said; then
            grep -q '"id":"b"' some && grep -q '"id":"a"' some || lacks some '"id":"b"'
        else
            grep -q "cross.jsonl: line 2: it waits for 'a', which is of another session" said
            parted=1
        fi
    done
    is 1 "$parted"
}

@test "cut requests are none that others go on from" {
    trace-program -n 2 --path 100 --prompt 50 >paths.jsonl
    fails trace-convert --clip 60 paths.jsonl
    says 'it goes on from others, and it or one above was cut'
    ok trace-convert --clip 100000 paths.jsonl
    is "$(cat paths.jsonl)" "$(cat "$out")"
}

@test "in the place of what is read" {
    printf '{"id":"a","t_ns":5,"prompt":1,"output":1}\n' >t.jsonl
    ok trace-convert --scale-time 2 t.jsonl
    cp "$out" twice
    ok trace-convert --scale-time 2 -o t.jsonl t.jsonl
    cmp twice t.jsonl
}

@test "traces are merged by time, and what is told apart stays apart" {
    cat >one.jsonl <<'END'
{"id":"a","t_ns":1,"prompt":16,"output":1,"block":16,"hashes":[7]}
{"id":"b","t_ns":6,"prompt":1,"output":1,"session":"s","after":["a"]}
END
    cat >two.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":32,"output":1,"block":16,"hashes":[7,8],"session":"s"}
{"id":"c","t_ns":6,"prompt":17,"output":1,"block":16,"hashes":[7,9]}
END
    ok trace-convert --merge one.jsonl two.jsonl
    is '1/a 0/a 0/b 1/c' "$(jq -r .id "$out" | paste -sd ' ')"
    is '1/s 0/s' "$(jq -r '.session // empty' "$out" | paste -sd ' ')"
    is '["0/a"]' "$(jq -c '.after // empty' "$out")"
    # The hashes of one file agree among themselves only.
    is "$(first_hash 0)" "$(first_hash 3)"
    is 3 "$(printf '%s\n' 7 "$(first_hash 0)" "$(first_hash 1)" | sort -u | wc -l)"
    ok trace-convert --merge azure.csv sessions.jsonl
    is 6 "$(wc -l <"$out")"
    ok trace-convert --merge one.jsonl
    is 'a b' "$(jq -r .id "$out" | paste -sd ' ')"
    tac one.jsonl >back.jsonl
    fails trace-convert --merge two.jsonl back.jsonl
    says 'back.jsonl: line 2 comes before the one above it'
    printf 'num_prefill_tokens,num_decode_tokens\n3,4\n' >lengths.csv
    fails trace-convert --merge two.jsonl lengths.csv
    says 'lengths.csv: line 2 has no time'
}

@test "a merge may be merged: hashes of different traces never meet, those of one trace stay the same" {
    for k in A B C D; do
        for i in $(seq 0 99); do
            printf '{"id":"%d","t_ns":%d,"prompt":48,"output":1,"block":16,"hashes":[1,%d,%d]}\n' "$i" "$i" $((2 + i / 2)) $((1000 + i))
        done >"$k.jsonl"
    done
    ok trace-convert --merge A.jsonl B.jsonl
    cp "$out" AB.jsonl
    ok trace-convert --merge C.jsonl D.jsonl
    cp "$out" CD.jsonl
    ok trace-convert --merge AB.jsonl C.jsonl
    cp "$out" ABC.jsonl
    # Of each trace 1 + 50 + 100.
    for pair in '302 A B' '453 A B C' '453 AB C' '453 C AB' '604 AB CD' '604 ABC D' '604 D ABC' '302 A A' \
        '604 AB AB' '906 ABC ABC'; do
        read -r unique names <<<"$pair"
        read -ra names <<<"$names"
        ok trace-convert --merge "${names[@]/%/.jsonl}"
        is "$unique" "$(grep -o '"hashes":\[[0-9,]*' "$out" | grep -oE '[0-9]+' | sort -u | wc -l)"
    done
}

@test "traces whose hashes stand for different numbers of tokens are not merged" {
    printf '{"id":"a","t_ns":0,"prompt":16,"output":1,"block":16,"hashes":[7]}\n' >one.jsonl
    printf '{"id":"b","t_ns":1,"prompt":16,"output":1}\n{"id":"c","t_ns":2,"prompt":32,"output":1,"block":32,"hashes":[7]}\n' >two.jsonl
    fails trace-convert --merge one.jsonl two.jsonl
    says 'two.jsonl: line 2: its hashes stand for 32 tokens each, those of the trace so far for 16'
    fails trace-convert --skip-bad --merge two.jsonl one.jsonl
    head -n 1 two.jsonl >three.jsonl
    ok trace-convert --merge one.jsonl three.jsonl
}

@test "unknown members stay, in their place and as they are written" {
    printf '{"x":[1, 2],"id":"a","t_ns":0,"prompt":1,"output":1,"y":"\\u00e9","z":1.0}\n' >x.jsonl
    ok trace-convert --scale-time 2 x.jsonl
    prints <<'END'
{"id":"a","t_ns":0,"prompt":1,"output":1,"x":[1, 2],"y":"\u00e9","z":1.0}
END
}

@test "the public traces, every row of them" {
    needs traces
    while read -r rows file; do
        ok trace-convert --rate 1 "$shared/traces/$file"
        is "$rows" "$(wc -l <"$out")"
        mv "$out" once
        ok trace-convert once
        cmp once "$out"
    done <<'END'
19366 azure/AzureLLMInferenceTrace_conv.csv
8819 azure/AzureLLMInferenceTrace_code.csv
12031 mooncake/conversation_trace.jsonl
3993 mooncake/synthetic_trace.jsonl
28257 vidur/arxiv_summarization_stats_llama2_tokenizer_filtered_v2.csv
1732 hexgen/input_file_trace1.json
300 llmservingsim/sharegpt-llama-3.1-8b-300-sps10.jsonl
300 llmservingsim/sharegpt-llama-3.1-8b-300-sps10.hash16.jsonl
300 llmservingsim/vllm-measured/RTXPRO6000_Llama-3.1-8B/requests.jsonl
1024 apex/llama_lmsys_05.jsonl
END
}
