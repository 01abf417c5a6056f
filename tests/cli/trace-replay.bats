# trace-replay: one engine under a scheduler and a cost model. Schedulers, event by event, are in
# prop_sched.c.
load helper
load trace

schedulers='static orca vllm0 vllm1 sarathi splitfuse lightllm continuum nanoflow batchllm fastswitch'

setup() {
    enter_work
    table >../t.csv
    requests 300 >../trace.jsonl
}

# replay ARG...: with the table, and memory for more than one.
replay() {
    trace-replay --cost ../t.csv --kv-blocks 40 "$@"
}

# value NAME FILE: of a summary.
value() {
    awk -v name="$1" '$1 == name { print $2 }' "$2"
}

@test "help, version, misuse" {
    helps trace-replay
    misuse trace-replay ../trace.jsonl
    says --cost
    for bad in '--sched fifo' '--compat vllm' '--budget 0' '--max-num-seqs 0' '--block-size 0' \
        '--kv-blocks 0' '--kv-blocks 2000000000' '--gpu-memory-utilization 0' \
        '--gpu-memory-utilization 1.1' '--reserve-gib -1' '--step-overhead-us -1' \
        '--step-overhead-us nan' '--tp -1' '--tp 0' '--clients 0' '--max-model-len 0' '--link-gbs -1' '--max-model-len 4294967296' \
        '--slo tbt' '--slo tbt=0' '--slo tbt=x' '--slo what=1' '--slo ema_rate=-1' '--slo prompt_rate' \
        '--slo ttft=1,' '--slo ttft=1,ttft=2' \
        '--slo ttft=1,,tbt=2' '--clients 9999999' '-o - --timeline -' '--preemption-mode drop' \
        '--sched vllm1 --preemption-mode swap' '--compat vidur --preemption-mode swap' \
        '--swap-space -1' '--host-kv-blocks 5' '--sched sarathi --disk-kv-blocks 5' \
        '--groups x' '--sched vllm1 --groups x' '--sched batchllm --no-prefix-cache --groups x' \
        '--sched batchllm --host-kv-blocks 5' \
        '--sched vllm1 --no-prefix-cache --host-kv-blocks 5' '--sched vllm1 --host-gbs 0' \
        '--disk-gbs nan' '--sched vllm1 --host-kv-blocks 2000000000' '--replicas 0' \
        '--replicas 20000' '--dispatch luck' '--replicas 2 --cluster c.json'; do
        # shellcheck disable=SC2086 # options and their arguments
        misuse trace-replay --cost ../t.csv $bad ../trace.jsonl
    done
    misuse trace-replay --cost ../t.csv ../trace.jsonl ../trace.jsonl
    misuse trace-replay --cost roofline ../trace.jsonl
    says "'--cost roofline' needs cards: '--model' and '--gpu'"
    misuse trace-replay --cost roofline --model Llama-3-8B ../trace.jsonl
}

@test "by hand: two requests, three steps" {
    cat >two.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":8,"output":2}
{"id":"b","t_ns":400000,"prompt":808,"output":1}
END
    # 8 tokens take 1 ms; then 808, which take 101; then one.
    ok replay --sched vllm0 --kv-blocks 100 -o - two.jsonl
    tsv <<'END'
# id|arrival_ns|start_ns|first_token_ns|end_ns|prompt|output|prefix_hit_tokens|preemptions|replica|status
a|0|0|1000000|103000000|8|2|0|0|0|ok
b|400000|1000000|102000000|102000000|808|1|0|0|0|ok
END
    # In one step with the decode: 809 tokens are rounded up to 816.
    ok replay --sched orca --kv-blocks 200 -o - two.jsonl
    is 'a 103000000,b 103000000' "$(awk '!/^#/ { print $1, $5 }' "$out" | paste -sd ,)"
    # 100 tokens of a step: one of decoding, 99 of the prompt, eight times; at the end 16.
    ok replay --sched sarathi --budget 100 --kv-blocks 200 -o rows two.jsonl
    is 10 "$(value steps "$out")"
    ok replay --sched vllm0 --kv-blocks 100 two.jsonl
    is 3 "$(value steps "$out")"
    is 0.103000 "$(value span_s "$out")"
    is 0.051300 "$(value ttft_mean_s "$out")"
    is 0.102000 "$(value tbt_mean_s "$out")"
    is 818 "$(($(value prompt_tokens "$out") + 2))"
    is 817 "$(value computed_tokens "$out")"
}

@test "rows: all requests, times in their order, whatever the scheduler" {
    for sched in $schedulers; do
        ok replay --sched $sched -o rows ../trace.jsonl
        cp "$out" summary
        is 301 "$(wc -l <rows)"
        awk -F '\t' '!/^#/ && !($11 == "ok" && $2 <= $3 && $3 < $4 && $4 <= $5 && ($7 > 1) == ($5 > $4)) { exit 1 }' rows
        is "$(jq -r .id ../trace.jsonl | paste -sd ' ')" "$(column 1 rows | paste -sd ' ')"
        is "$(awk -F '\t' '!/^#/ { n += $9 } END { print n }' rows)" "$(value preemptions summary)"
        is "$(awk -F '\t' '!/^#/ { n += $7 } END { print n }' rows)" "$(value output_tokens summary)"
        # The same bytes twice, and formed step by step.
        ok replay --sched $sched -o again ../trace.jsonl
        cmp summary "$out"
        cmp rows again
        ok replay --sched $sched --check -o again ../trace.jsonl
        cmp rows again
        cmp summary "$out"
    done
}

@test "the summary's latencies are those of the rows" {
    ok replay --sched vllm0 -o rows ../trace.jsonl
    cp "$out" summary
    for p in 0.5 0.9 0.99; do
        name=p$(awk -v p=$p 'BEGIN { print 100 * p }')
        is "$(awk -F '\t' '!/^#/ { print $4 - $2 }' rows | sort -n |
            awk -v p=$p '{ v[NR - 1] = $1 } END { printf "%.6f", v[int(p * NR)] / 1e9 }')" \
            "$(value "ttft_${name}_s" summary)"
        is "$(awk -F '\t' '!/^#/ { print $5 - $2 }' rows | sort -n |
            awk -v p=$p '{ v[NR - 1] = $1 } END { printf "%.6f", v[int(p * NR)] / 1e9 }')" \
            "$(value "e2e_${name}_s" summary)"
    done
    is "$(awk -F '\t' '!/^#/ && $7 > 1 { s += ($5 - $4) / ($7 - 1); n++ } END { printf "%.6f", s / n / 1e9 }' rows)" \
        "$(value tpot_mean_s summary)"
    # What is good meets all objectives.
    ok replay --sched vllm0 --slo ttft=0.5,tbt=0.08,e2e=2 ../trace.jsonl
    is "$(awk -F '\t' '!/^#/ { n++; good += $4 - $2 <= 5e8 && $5 - $2 <= 2e9 && ($7 < 2 || ($5 - $4) / ($7 - 1) <= 8e7) }
        END { printf "%.4f", good / n }' rows)" "$(value good_share "$out")"
    ok replay --sched vllm0 --json ../trace.jsonl
    is 1 "$(wc -l <"$out")"
    is "$(awk '!/^#/ { print $1, $2 + 0 }' summary | paste -sd ,)" \
        "$(jq -r 'to_entries[] | "\(.key) \(.value)"' "$out" | awk '{ print $1, $2 + 0 }' | paste -sd ,)"
}

@test "from a pipe, of any format, compressed" {
    ok replay ../trace.jsonl
    cp "$out" summary
    ok replay - <../trace.jsonl
    cmp summary "$out"
    zstd -q ../trace.jsonl -o trace.zst
    ok replay trace.zst
    cmp summary "$out"
    jq -r '[.t_ns / 1e9, .prompt, .output] | @csv' ../trace.jsonl |
        sed '1i arrived_at,num_prefill_tokens,num_decode_tokens' >vidur.csv
    ok replay vidur.csv
    is "$(value steps summary)" "$(value steps "$out")"
}

@test "what can never run is rejected and counted, and all else runs" {
    printf '{"id":"a","t_ns":0,"prompt":9,"output":2}\n{"id":"b","t_ns":0,"prompt":9000,"output":2}\n{"id":"c","t_ns":1,"prompt":9,"output":2,"after":["b"]}\n' >t.jsonl
    for sched in $schedulers; do
        exits 0 replay --sched $sched -o rows t.jsonl
        says "1 requests can never run, and were rejected; the first is 'b'"
        is 'ok rejected ok' "$(column 11 rows | paste -sd ' ')"
        is '-1 -1 -1' "$(awk '$1 == "b" { print $3, $4, $5 }' rows)"
        is 1 "$(value rejected "$out")"
    done
    ok replay -q --max-model-len 10 -o rows t.jsonl
    is 'rejected rejected rejected' "$(column 11 rows | paste -sd ' ')"
    is 0 "$(value steps "$out")"
    ok replay --max-model-len 9002 --kv-blocks 1000 --extrapolate --sched sarathi t.jsonl
}

@test "requests wait for others and for tools" {
    cat >t.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":8,"output":1}
{"id":"b","t_ns":500,"prompt":8,"output":1,"after":["a"],"tool_ns":7000000}
{"id":"c","t_ns":20000000,"prompt":8,"output":1,"after":["a","b"]}
{"id":"d","t_ns":20000000,"prompt":8,"output":1,"after":["c"],"tool_ns":0}
END
    ok replay -o - t.jsonl
    is '0 1000000,8000000 9000000,20000000 21000000,21000000 22000000' \
        "$(awk '!/^#/ { print $2, $5 }' "$out" | paste -sd ,)"
    # No clock goes so far.
    sed -i 's/7000000/4611686018427387000/' t.jsonl
    fails replay -o - t.jsonl
    says 'more than 146 years'
}

@test "prefixes are shared under vllm1, in blocks of the trace's size" {
    cat >t.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":40,"output":30,"block":16,"hashes":[1,2,3],"out_hashes":[4,5]}
{"id":"b","t_ns":9000000000,"prompt":90,"output":9,"block":16,"hashes":[1,2,4,8,9]}
{"id":"c","t_ns":9900000000,"prompt":32,"output":2,"block":16,"hashes":[1,2]}
END
    ok replay --sched vllm1 -o - t.jsonl
    # c's prompt is there to the last token, which is computed anew with its block.
    is '0 48 16' "$(column 8 "$out" | paste -sd ' ')"
    ok replay --sched vllm1 t.jsonl
    is 64 "$(value prefix_hit_tokens "$out")"
    ok replay --sched vllm1 --no-prefix-cache -o - t.jsonl
    is '0 0 0' "$(column 8 "$out" | paste -sd ' ')"
    ok replay --sched vllm0 -o - t.jsonl
    is '0 0 0' "$(column 8 "$out" | paste -sd ' ')"
    for size in 8 32 24; do
        fails replay --sched vllm1 --block-size $size t.jsonl
        says "hashes stand for 16 tokens"
    done
}

@test "blocks that the GPU gave up are loaded from host memory and a disk, where that is faster" {
    # The second prompt takes all 10 blocks; the third is the first again. 16 KiB a block.
    cat >t.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":160,"output":1,"block":16,"hashes":[1,2,3,4,5,6,7,8,9,10]}
{"id":"b","t_ns":1000000000,"prompt":160,"output":1,"block":16,"hashes":[21,22,23,24,25,26,27,28,29,30]}
{"id":"c","t_ns":2000000000,"prompt":160,"output":1,"block":16,"hashes":[1,2,3,4,5,6,7,8,9,10]}
END
    # again MS HITS HOST DISK OPTION...: how long the third takes, and what it found where.
    again() {
        ok trace-replay --cost ../t.csv --kv-blocks 10 --sched vllm1 --check -o rows "${@:5}" t.jsonl
        is "$1 $2" "$(awk '$1 == "c" { print ($5 - $2) / 1e6, $8 }' rows)"
        is "$2 $3 $4" "$(value prefix_hit_tokens "$out") $(value host_hit_tokens "$out") $(value disk_hit_tokens "$out")"
    }
    again 20 0 0 0
    is 0.000000 "$(value transfer_s "$out")"
    # 9 blocks of 1 ms, and 16 tokens; at 4 ms it is faster to compute them.
    again 11 144 144 0 --host-kv-blocks 10 --host-gbs 0.016384
    is 0.009000 "$(value transfer_s "$out")"
    again 20 0 0 0 --host-kv-blocks 10 --host-gbs 0.004096
    # The beginning was given up last. From the disk at 1.25 ms it is worth it, at 2.5 ms it is not.
    again 12.25 144 64 80 --host-kv-blocks 4 --disk-kv-blocks 10 --host-gbs 0.016384 --disk-gbs 0.0131072
    again 16 64 64 0 --host-kv-blocks 4 --disk-kv-blocks 10 --host-gbs 0.016384 --disk-gbs 0.0065536
    again 13.25 144 0 144 --disk-kv-blocks 10 --disk-gbs 0.0131072
    # A disk is no faster than the link to the host.
    again 11 144 0 144 --disk-kv-blocks 10 --host-gbs 0.016384
    again 16 64 64 0 --host-kv-blocks 4 --host-gbs 0.016384
    sed '/kv_bytes_per_token/d' ../t.csv >no.csv
    fails trace-replay --cost no.csv --kv-blocks 10 --sched vllm1 --host-kv-blocks 10 t.jsonl
    says 'how large'
}

@test "who is driven out is swapped under vllm0, or computed anew" {
    ok replay -o rows --kv-blocks 12 ../trace.jsonl
    cp "$out" anew
    [ "$(value preemptions anew)" -gt 10 ]
    is 0 "$(value swaps anew)"
    ok replay -o swapped --kv-blocks 12 --preemption-mode swap --check ../trace.jsonl
    is "$(value preemptions "$out")" "$(value swaps "$out")"
    [ "$(value computed_tokens "$out")" -lt "$(value computed_tokens anew)" ]
    is "$(awk '!/^#/ { n += $6 + $7 - 1 } END { print n }' swapped)" "$(value computed_tokens "$out")"
    cp "$out" fast
    ok replay --kv-blocks 12 --preemption-mode swap --host-gbs 0.001 ../trace.jsonl
    awk '$1 == "transfer_s" { n[FILENAME] = $2 } END { for (f in n) if (f != "fast") exit !(n[f] > n["fast"]) }' fast "$out"
    fails replay --kv-blocks 12 --preemption-mode swap --host-gbs 1e-30 ../trace.jsonl
    says 'beyond 146 years'
    # No room: as if there were no swap.
    ok replay -o none --kv-blocks 12 --preemption-mode swap --swap-space 0 ../trace.jsonl
    cmp rows none
    cmp anew "$out"
    # A request that comes back under vllm1 finds its own blocks, if nobody took them.
    ok replay --kv-blocks 12 --sched vllm1 -o rows ../trace.jsonl
    [ "$(value preemptions "$out")" -gt 0 ]
    n=$(value computed_tokens "$out")
    ok replay --kv-blocks 12 --sched vllm1 --no-prefix-cache ../trace.jsonl
    [ "$n" -lt "$(value computed_tokens "$out")" ]
}

@test "nanoflow's steps are even where there is enough to do" {
    needs traces/azure
    trace-convert -q --clip 4096 --rate 30 "$shared/traces/azure/AzureLLMInferenceTrace_conv.csv" | head -n 4000 >conv.jsonl
    # spread SCHED: P99 over the mean.
    spread() {
        ok trace-replay -q --cost roofline --model Llama-2-70B --gpu A100-80GB --tp 8 --sched "$1" conv.jsonl
        awk '$1 == "queued_step_mean_s" { mean = $2 } $1 == "queued_step_p99_s" { print $2 / mean }' "$out"
    }
    awk -v even="$(spread nanoflow)" -v uneven="$(spread vllm0)" 'BEGIN { exit !(even <= 1.1 && uneven >= 3) }'
    # Where there is not, none of them waits.
    ok trace-convert --rate 0.01 ../trace.jsonl
    cp "$out" slow.jsonl
    ok trace-replay --cost ../t.csv --sched nanoflow slow.jsonl
    is 0 "$(value queued_steps "$out")"
}

@test "batchllm by hand: a prefix once, before what follows it; the group that computes least first" {
    # a and c share 32 tokens, b is alone with 16: c computes 16 + 8 and a 8.
    cat >t.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":40,"output":2,"block":16,"hashes":[1,2]}
{"id":"b","t_ns":0,"prompt":16,"output":1,"block":16,"hashes":[3]}
{"id":"c","t_ns":0,"prompt":56,"output":1,"block":16,"hashes":[1,2,4]}
END
    # b's 16 tokens and the prefix' 32: 48 tokens, 6 ms; then 8 and 24, 4 ms; then a's second, 1 ms.
    ok replay --sched batchllm --check -o rows --steps steps t.jsonl
    is 'a 0 10 11 0,b 0 6 6 0,c 6 10 10 32' \
        "$(awk '!/^#/ { print $1, $3 / 1e6, $4 / 1e6, $5 / 1e6, $8 }' rows | paste -sd ,)"
    is '16@0 32@0,8@32 24@32,-' "$(column 11 steps | paste -sd ,)"
    is 81 "$(value computed_tokens "$out")"
    # A file's groups, of ids; b and c share 10 tokens there, which fill no block.
    printf '{"prefix":10,"members":["b","c"]}\n' >groups
    ok replay --sched batchllm --groups groups --check --steps steps t.jsonl
    is '40@0 16@0 56@0,-' "$(column 11 steps | paste -sd ,)"
    ok replay --sched batchllm --no-prefix-cache --steps steps t.jsonl
    is '16@0 40@0 56@0,-' "$(column 11 steps | paste -sd ,)"
    : >groups # all are alone
    ok replay --sched batchllm --groups groups --steps steps t.jsonl
    is '16@0 40@0 56@0,-' "$(column 11 steps | paste -sd ,)"
    trace-prefix -o groups t.jsonl >/dev/null
    ok replay --sched batchllm --groups groups -o again t.jsonl
    cmp rows again
}

@test "batchllm rejects only what all blocks have no room for" {
    printf '{"id":"%s","t_ns":0,"prompt":%d,"output":%d}\n' a 145 15 b 145 17 c 160 1 d 161 1 e 20 3 >t.jsonl
    exits 0 trace-replay --cost ../t.csv --sched batchllm --check --kv-blocks 10 -o rows t.jsonl
    says "2 requests can never run, and were rejected; the first is 'b'"
    is 'a ok,b rejected,c ok,d rejected,e ok' "$(awk '!/^#/ { print $1, $NF }' rows | paste -sd ,)"
}

@test "batchllm: groups that do not go with the trace" {
    printf '{"id":"%s","t_ns":0,"prompt":9,"output":1}\n' a b c >t.jsonl
    refused() {
        printf '%s\n' "$1" >groups
        fails replay --sched batchllm --groups groups "${3:-t.jsonl}"
        says "$2"
    }
    refused '{"prefix":3,"members":["a","x"]}' "groups: line 1: member 'x' is no request"
    refused '{"prefix":3,"members":["a","b","a"]}' "'a' is in a group already"
    refused $'{"prefix":3,"members":["a"]}\n{"prefix":3,"members":["b","a"]}' 'line 2'
    refused '{"prefix":10,"members":["a","b"]}' 'longer than a prompt'
    refused '{"prefix":1.5,"members":["a","b"]}' 'no number'
    refused '{"prefix":3,"members":[]}' 'a member at least'
    refused '{"prefix":3,"members":[{}]}' 'no id'
    refused '{"prefix":3,"members":[""]}' "member '' is no request"
    refused '{"members":["a"]}' "'prefix'"
    refused '{"prefix":3}' "'members'"
    refused 'x' 'line 1'
    printf '{"id":"%s","t_ns":0,"prompt":9,"output":1}\n' a a >same.jsonl
    refused '{"prefix":3,"members":["a"]}' "two requests have the id 'a'" same.jsonl
    fails replay --sched batchllm --groups none t.jsonl
    says none
}

# span SCHED: seconds that the trace takes on 430,000 tokens of KV cache; its summary is in $out.
span() {
    ok trace-replay -q --cost roofline --model Llama-3.1-8B --gpu A100-80GB --kv-blocks 26875 \
        --budget 2048 --sched "$1" shared.jsonl
    value span_s "$out"
}

# Seeds have 2.5 and 2.3; an LRU cache finds 39 and 8 % of the prompts.
@test "batchllm against an LRU cache, where prefixes of 2,000 tokens are shared by 16, by 4, by none" {
    for many in 16 4 1; do
        for seed in 1 2 3; do
            trace-gen -n 6400 --arrivals none --sharing $many --prefix-tokens 2000 --prompt 200 \
                --answer 100 --seed $seed -o shared.jsonl
            groups=$(span batchllm)
            [ "$(value computed_tokens "$out")" = $((6400 * 299 + 6400 * 2000 / many)) ]
            lru=$(span vllm1)
            hits=$(awk '{ v[$1] = $2 } END { print v["prefix_hit_tokens"] / v["prompt_tokens"] }' "$out")
            echo "$many: $lru $groups $hits"
            case $many in
            16) awk "BEGIN { exit !($lru >= 2 * $groups && $hits >= .35 && $hits <= .45) }" ;;
            4) awk "BEGIN { exit !($lru >= 2 * $groups && $hits <= .15) }" ;;
            1) is "$lru" "$groups" ;;
            esac
        done
    done
    # Where those of a prefix come one after the other the cache has it, too.
    trace-gen -n 6400 --arrivals none --sharing 16 --in-order --prefix-tokens 2000 --prompt 200 \
        --answer 100 -o shared.jsonl
    awk "BEGIN { exit !($(span vllm1) <= 1.02 * $(span batchllm)) }"
}

@test "clients send one request after the other" {
    printf 'num_prefill_tokens,num_decode_tokens\n' >t.csv
    for _ in $(seq 20); do echo 8,1; done >>t.csv
    fails replay t.csv
    says 't.csv: line 2: it has no time'
    ok replay --clients 1 -o rows t.csv
    is 0.020000 "$(value span_s "$out")"
    is "$(column 2 rows | sed 1d)" "$(column 5 rows | sed '$d')"
    ok replay --clients 4 --sched vllm1 t.csv
    is 5 "$(value steps "$out")"
}

@test "a timeline is JSON that has every step and request" {
    ok replay --timeline steps.json ../trace.jsonl
    cp "$out" summary
    jq -e 'length > 300 and all(.ph)' steps.json >/dev/null
    ok replay --timeline - ../trace.jsonl
    cmp steps.json "$out"
    ok replay ../trace.jsonl
    cmp summary "$out"
    fails replay --timeline no/such/file ../trace.jsonl
    says no/such/file
}

# good SCHED CLIENTS SLO: requests a second that meet it, and their share.
good() {
    # shellcheck disable=SC2086 # a scheduler and its options
    trace-replay -q --cost roofline --model Llama-2-7B --gpu A100-80GB --kv-blocks 6875 --sched $1 \
        --clients "$2" --slo "$3" fastgen.jsonl | awk '/^good/ { print $2 }' | tr '\n' ' '
}

# Of 16 clients 1.12 times as many are asked, of 32 1.2 times: seeds have 1.199 to 1.225.
@test "FastGen's effective throughput: prompts at 512 tokens a second, tokens at 4" {
    for seed in 1 2 3; do
        trace-gen -n 512 --arrivals none --seed $seed --prompt normal:2600,780 --answer normal:128,38 \
            -o fastgen.jsonl
        both=prompt_rate=512,ema_rate=4
        for clients in 16 32; do
            least=$((clients == 16 ? 112 : 119))
            read -r many most <<<"$(good 'splitfuse --budget 768' $clients $both)"
            read -r few less <<<"$(good 'vllm0 --budget 4096' $clients $both)"
            echo "$seed $clients: $many $most, $few $less"
            awk "BEGIN { exit !(100 * $many >= $least * $few && $most >= .97 && $less <= .96) }"
        done
    done
    # One client is alone: nothing is gained. Bounds that all meet, and that none does.
    read -r many most <<<"$(good 'splitfuse --budget 768' 1 $both)"
    read -r few less <<<"$(good 'vllm0 --budget 4096' 1 $both)"
    awk "BEGIN { exit !($many <= 1.01 * $few && $many >= $few) }"
    is '1.0000' "$(good vllm0 32 prompt_rate=1,ema_rate=0.01 | cut -d ' ' -f 2)"
    is '0.0000' "$(good vllm0 32 ema_rate=1000 | cut -d ' ' -f 2)"
    is '0.0000' "$(good vllm0 32 prompt_rate=1e6 | cut -d ' ' -f 2)"
}

@test "steps: each one's batch and time, and what they come to" {
    for sched in vllm0 sarathi vllm1; do
        ok replay --sched $sched --steps steps.tsv -o rows.tsv ../trace.jsonl
        grep -q "^steps	$(grep -vc '^#' steps.tsv)\$" "$out"
        # Every token of the prompts and outputs but the first of each is in some step, and more only
        # where requests were computed anew.
        is "$(awk '$1 == "computed_tokens" { print $2 }' "$out")" \
            "$(awk '!/^#/ { n += $3 } END { print n }' steps.tsv)"
        # tokens are decodes and pieces; the cost table's time is by tokens alone; times go on
        awk -F '\t' '!/^#/ {
            n = $4; k = $11 == "-" ? 0 : split($11, piece, " ")
            for (i = 1; i <= k; i++) n += piece[i] + 0
            up = int(($3 + 7) / 8) * 8
            if (n != $3 || $2 - $1 != 1000000 * (1 + (up - 8) / 8) || $1 < last) exit 1
            if ($5 < $4 * $6 || $5 > $4 * $7) exit 1
            last = $2
        }' steps.tsv
        ok replay --check --sched $sched --steps again.tsv ../trace.jsonl
        cmp steps.tsv again.tsv
        ok replay --sched $sched --steps - ../trace.jsonl
        cmp steps.tsv "$out"
    done
    # What a step waits for blocks to move stands by itself, and is all that there is.
    ok replay --kv-blocks 12 --preemption-mode swap --host-gbs 0.001 --steps steps.tsv ../trace.jsonl
    awk -F '\t' '!/^#/ {
        up = int(($3 + 7) / 8) * 8
        if ($2 - $1 - $12 != 1000000 * (1 + (up - 8) / 8)) exit 1
        moved += $12
    } END { printf "%.6f\n", moved / 1e9; exit !moved }' steps.tsv >moved
    is "$(value transfer_s "$out")" "$(cat moved)"
    misuse replay --steps - -o - ../trace.jsonl
    misuse replay --steps same -o same ../trace.jsonl
    says "one at most goes to 'same'"
    [[ ! -e same ]]
    ok replay --steps /dev/null -o /dev/null ../trace.jsonl
    fails replay --steps /dev/full ../trace.jsonl
    says 'No space left'
    fails replay --steps no/such/file ../trace.jsonl
}

@test "output: whole or not at all, and never lost without a word" {
    ok replay -o - ../trace.jsonl
    cp "$out" ../expected
    ok replay -o new ../trace.jsonl
    cmp ../expected new
    echo old >old
    no_room 0 trace-replay --cost ../t.csv --kv-blocks 40 -o old ../trace.jsonl
    says "'old'"
    is old "$(<old)"
    fails replay -o no/such/file ../trace.jsonl
    says no/such/file
    fails replay -o . ../trace.jsonl
    fails replay -o /dev/full ../trace.jsonl
    says 'No space left'
    only new old
    reports_lost_output trace-replay --cost ../t.csv --kv-blocks 40 ../trace.jsonl
}

@test "errors name file and line" {
    fails replay none.jsonl
    says none.jsonl
    sed '7s/"output":[0-9]*/"output":0/' ../trace.jsonl >bad.jsonl
    fails replay bad.jsonl
    says 'bad.jsonl: line 7: the output has no tokens'
    for sched in $schedulers; do
        exits 0 replay --skip-bad --sched $sched bad.jsonl
        is 'trace-replay: 1 bad records were left out' "$(<"$err")"
        is 299 "$(value requests "$out")"
    done
    tac ../trace.jsonl >back.jsonl
    fails replay back.jsonl
    says 'back.jsonl: line '
    says 'its time goes back'
    printf '{"id":"a","t_ns":0,"prompt":1,"output":1,"after":["b"]}\n' >wait.jsonl
    fails replay wait.jsonl
    says "wait.jsonl: line 1: it waits for 'b', which is no request above"
}

@test "tables that lack something are named" {
    fails trace-replay --cost none.csv ../trace.jsonl
    says none.csv
    for bad in 's/^add,8,.*/add,8,x,1/' 's/^add,8,.*/add,8/' \
        '/^# num_layers/d' 's/^# num_layers.*/# num_layers=0/' '/^mlp_act/d' '/^attn_decode/d' \
        's/^add,8,0,1000/add,8,0,nan/' 's/^add,8,0,1000/add,8,0,-5/' 's/^add,8,0,1000/add,inf,0,5/'; do
        sed "$bad" ../t.csv >bad.csv
        fails trace-replay --cost bad.csv --kv-blocks 40 ../trace.jsonl
        says bad.csv
    done
    : >nothing.csv
    fails trace-replay --cost nothing.csv --kv-blocks 40 ../trace.jsonl
    mkdir folder
    fails trace-replay --cost folder --model Llama-3.1-8B --kv-blocks 40 ../trace.jsonl
    says folder
    # No memory given: what the table says, and if it does not, what is needed.
    sed '/gpu_mem_gib/d' ../t.csv >no.csv
    fails trace-replay --cost no.csv ../trace.jsonl
    says -- --kv-blocks
    ok trace-replay --cost no.csv --gpu T4 ../trace.jsonl
    ok trace-replay --cost ../t.csv ../trace.jsonl
    is 58982 "$(value kv_blocks "$out")"
    ok trace-replay --cost ../t.csv --gpu-memory-utilization 0.5 --reserve-gib 0.25 --block-size 32 ../trace.jsonl
    is 8191 "$(value kv_blocks "$out")"
}

@test "a batch beyond the table is an error, unless it is extrapolated" {
    printf '{"id":"a","t_ns":0,"prompt":5000,"output":1}\n' >t.jsonl
    fails trace-replay --cost ../t.csv --kv-blocks 400 t.jsonl
    ok trace-replay --cost ../t.csv --kv-blocks 400 --extrapolate -o - t.jsonl
    # 5,000 tokens at 125 us each.
    is 625000000 "$(awk '$1 == "a" { print $5 }' "$out")"
}

@test "cards: by name in any case, from a file, wrong ones" {
    ok trace-replay --cost roofline --model meta-llama/LLAMA-3.1-8b --gpu h100 ../trace.jsonl
    cp "$out" named
    cat >m.json <<'END'
{"name":"Mine","layers":32,"dim":4096,"ffn":14336,"q_heads":32,"kv_heads":8,"head_dim":128,"vocab":128256,"max_tokens":131072}
END
    ok trace-replay --cost roofline --model m.json --gpu H100 ../trace.jsonl
    cmp named "$out"
    sed 's/}/,"gated":0}/' m.json >two.json
    ok trace-replay --cost roofline --model two.json --gpu H100 ../trace.jsonl
    for bad in 's/"layers":32,//' 's/:32,/:0,/' 's/:32,/:-1,/' 's/:32,/:"32",/' 's/}//'; do
        sed "$bad" m.json >bad.json
        fails trace-replay --cost roofline --model bad.json --gpu H100 ../trace.jsonl
        says bad.json
    done
    fails trace-replay --cost roofline --model GPT-9 --gpu H100 ../trace.jsonl
    says "'GPT-9' is no model that comes with the tools, and no file"
    misuse trace-replay --cost roofline --model m.json ../trace.jsonl
    says -- --gpu
    # Two GPUs have more room, and need less time.
    ok trace-replay --cost roofline --model m.json --gpu H100 --tp 2 ../trace.jsonl
    awk -v one="$(value kv_blocks named)" -v two="$(value kv_blocks "$out")" 'BEGIN { exit !(two > 2 * one) }'
    fails trace-replay --cost roofline --model Llama-3.1-70B --gpu T4 ../trace.jsonl
    says 'no room'
}

@test "what vLLM measured, and what Vidur said" {
    needs reference/vidur
    ok trace-replay --cost "$shared"/costmodel/llmservingsim/RTX* --gpu RTXPRO6000 --sched vllm1 \
        --max-num-seqs 128 --max-num-batched-tokens 2048 -o rows \
        "$shared/traces/llmservingsim/sharegpt-llama-3.1-8b-300-sps10.hash16.jsonl"
    ok trace-compare rows "$shared"/traces/llmservingsim/vllm-measured/*/requests.jsonl
    awk -F '\t' '
        function most(m, w) { return m != "ttft" ? .03 : w == "mean" ? .06 : w == "p50" ? .09 : .04 }
        $2 ~ /^(mean|p50|p99)$/ { n++; if ($5 > most($1, $2) || -$5 > most($1, $2)) bad = 1 }
        END { exit bad || n != 9 }' "$out"
    trace-convert -q --clip 4096 "$shared/reference/vidur/conv_n1000_poisson3.0_s42.csv" >vidur.jsonl
    ok trace-replay --cost "$shared/costmodel/a100_llama-2-7b_tp1.csv" --compat vidur -o rows vidur.jsonl
    ok trace-compare --fail-above 0.03 rows "$shared/reference/vidur/l2-7b-a100-tp1-vllm-conv3.0.csv"
}
