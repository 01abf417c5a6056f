# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what the functions of tests use, what bench-fleet.sh sets
# fleet-programs.sh - of bench-fleet.sh: ParaThinker, Sleep-time compute, BlockLLM.

parathink() {
    take trace-program linear llama run_it
    local kv paths n seed how took one blocks=40000
    llama 58368 >gqa.csv
    llama 524288 >mha.csv
    llama 58368 1024 16384 >wide.csv
    # think TABLE PROGRAMS PATHS TOKENS: its time, and its peak of KV blocks.
    think() {
        trace-program -n "$2" --arrivals none --prompt 300 --paths "$3" --path "$4" --summary none -o t.jsonl
        run_it "$1" --sched vllm1 --max-num-seqs 1024
        echo "$(value span_s) $(value kv_peak)"
    }
    for paths in 1 8 16; do
        for kv in gqa mha; do
            # shellcheck disable=SC2046 # lists of values
            [[ $kv$paths = mha16 ]] || add $kv$paths $(think $kv.csv 1 $paths 8192)
        done
    done
    for n in 1 64; do
        for paths in 1 2 4 8; do
            took=$(think wide.csv $n $paths 512 | cut -d ' ' -f 1)
            [[ $paths != 1 ]] || one=$took
            add batch$n "$took" "$one"
        done
    done
    row 'ParaThinker, batch 1: 8 paths and one, s' '<= 1.15' "${list[gqa8.1]}" "${list[gqa1.1]}" ours/base 'KV of 57 KiB a token'
    row 'ParaThinker, batch 1: 16 paths and one, s' '< 1.5' "${list[gqa16.1]}" "${list[gqa1.1]}" ours/base 'KV of 57 KiB a token'
    row 'ParaThinker, batch 1: 8 paths and one, s' 1.7..2 "${list[mha8.1]}" "${list[mha1.1]}" ours/base 'KV of 512 KiB a token'
    row 'ParaThinker: KV blocks at most, 8 and 16 paths' '== 1' "${list[gqa8.2]},${list[gqa16.2]}" \
        "$((18 + 8 * 513)),$((18 + 16 * 513))" ours/base \
        'formula: prompt and paths, each once'
    row 'ParaThinker, batch 1: 1 2 4 8 paths, s' - "${list[batch1.1]}" "${list[batch1.2]}" ours/base '512 tokens; one path'
    row 'ParaThinker, batch 64: 1 2 4 8 paths, s' - "${list[batch64.1]}" "${list[batch64.2]}" ours/base '512 tokens; one path'
    for how in reuse reprefill; do
        trace-program -n 1 --prompt 300 --paths 8 --path 8192 --summary $how -o t.jsonl
        blocks=5000 run_it gqa.csv --sched vllm1
        add $how "$(awk '$1 == "0.s" { print ($4 - $2) / 1e9 }' rows)"
    done
    row 'ParaThinker: first token of the summary, s' '>= 10' "${list[reuse.1]}" "${list[reprefill.1]}" base/ours 'reuse; read again'
    for seed in 1 2 3; do
        for how in last first; do
            trace-program -n 30 --arrivals even --rate 0.005 --paths 8 --stop $how --seed "$seed" \
                --path lognormal:2000,1000 -o t.jsonl
            run_it gqa.csv --sched vllm1
            add $how "$(awk -F '\t' '$1 ~ /[.]p/ { split($1, name, "."); if ($7 > most[name[1]]) most[name[1]] = $7 }
                END { for (k in most) sum += most[k]; print sum }' rows)"
        done
        add bound "$(jq -s 'map(select(.category == "path")) | group_by(.session) | map([.[].output]) |
            (map(max) | add) / (map(min) | add)' t.jsonl)"
    done
    row 'ParaThinker: tokens of the longest paths' '> 2.5' "${list[first.1]}" "${list[last.1]}" base/ours 'first to end; last'
    row 'ParaThinker: that ratio' .9999..1.0001 \
        "$(paste <(tr , '\n' <<<"${list[last.1]}") <(tr , '\n' <<<"${list[first.1]}") | awk '{ print $1 / $2 }' | paste -sd ,)" \
        "${list[bound.1]}" ours/base 'E[max] over E[min] of the trace'
}

sleep_time() {
    take trace-program linear llama run_it mixed
    local queries seed load policy never
    llama 58368 >gqa.csv
    for queries in 2 3 10; do
        trace-program --kind sleep -n 10 --arrivals even --rate .005 --wait 100 --queries $queries \
            --policy always --prompt 500 -o t.jsonl
        run_it gqa.csv --sched sarathi
        add "ask$queries" "$(value cost_per_request)"
    done
    trace-program --kind sleep -n 10 --arrivals even --rate .005 --wait 100 --policy never -o t.jsonl
    run_it gqa.csv --sched sarathi
    never=$(value cost_per_request)
    row 'Sleep-time, 10 queries: cost of one' '>= 2.5' "${list[ask10.1]}" "$never" base/ours 'always; never'
    row 'Sleep-time, 2 3 10 queries: cost and formula' .99..1.01 "${list[ask2.1]},${list[ask3.1]},${list[ask10.1]}" \
        2400,1733.33,800 ours/base 'formula: 4000 / N + 10 x 40'
    row 'Sleep-time, 2 queries: cost of one' '> 1' "${list[ask2.1]}" "$never" ours/base 'always; never'
    row 'Sleep-time, 3 queries: cost of one' '< 1' "${list[ask3.1]}" "$never" ours/base 'always; never'
    for seed in 1 2 3; do
        for load in 17 27; do
            for policy in never always; do
                # shellcheck disable=SC2046 # a list of values
                add $policy$load $(mixed $load $policy "$seed" | awk '{ print $1 / 1e6, $2 / 1e6 }')
            done
        done
    done
    row 'Sleep-time, 60 % load: P95 of queries, s' '>= 2' "${list[always17.1]}" "${list[never17.1]}" base/ours 'always; never'
    row 'Sleep-time, 60 % load: P95 of others, s' '<= 1.05' "${list[always17.2]}" "${list[never17.2]}" ours/base 'always; never'
    row 'Sleep-time, 95 % load: P95 of queries, s' '<= 1.02' "${list[always27.1]}" "${list[never27.1]}" ours/base 'always; never'
    row 'Sleep-time, 95 % load: P95 of others, s' '<= 1.02' "${list[always27.2]}" "${list[never27.2]}" ours/base 'always; never'
}

blockllm() {
    take trace-blocks blocks
    local seed hop cluster four='--devices 4 --device-memory 40G --kv-share 0.15 --load-gbs 3'
    apps 8 >apps.json
    # served NAME OPTION...: P95, busy share, GiB of KV moved, share of the applications' bytes.
    served() {
        blocks "${@:2}" t.jsonl apps.json
        # shellcheck disable=SC2046 # a list of values
        add "$1" $(jq -r '"\(.e2e_p95_s) \(.busy_share) \(.kv_moved_gib) \(.blocks_gib / .applications_gib)"' "$out")
    }
    for seed in 1 2 3; do
        cluster=$four
        asked 800 5 0.9 "$seed" >t.jsonl
        served models --serve models
        served shared
        asked 300 5 0.9 "$seed" >t.jsonl
        served random --choice random
        served owner --stay-us 2000
        cluster='--devices 20 --device-memory 80G'
        asked 800 5 0 "$seed" >t.jsonl
        served even_models --serve models
        served even --hop-us 0
    done
    cluster="$four --load-gbs 25"
    asked 500 5 0.9 1 >t.jsonl
    for hop in 0 100 200 500 1000; do
        served hops_models --serve models
        served hops --hop-us $hop
    done
    row 'BlockLLM, 20 applications: bytes of blocks' '<= .35' "${list[shared.4]}" - ours 'shares of the sum'
    row 'BlockLLM, Zipf .9: P95, s' '<= .75' "${list[shared.1]}" "${list[models.1]}" ours/base 'blocks; models'
    row 'BlockLLM, Zipf .9: busy share' '>= .15' "${list[shared.2]}" "${list[models.2]}" ours-base 'blocks; models'
    row 'BlockLLM, all as popular, 20 devices: P95, s' .95..1.05 "${list[even.1]}" "${list[even_models.1]}" ours/base 'blocks; models'
    row 'BlockLLM: GiB of KV moved' '<= .5' "${list[owner.3]}" "${list[random.3]}" ours/base 'owners; random'
    row 'BlockLLM, hops of 0 .1 .2 .5 1 ms: P95, s' - "${list[hops.1]}" "${list[hops_models.1]}" ours/base 'blocks; models'
}
