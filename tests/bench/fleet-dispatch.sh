# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what the functions of tests use, what bench-fleet.sh sets
# fleet-dispatch.sh - of bench-fleet.sh: who serves what. Llumnix, HexGen-Text2SQL, a large fleet, Mooncake's trace.

llumnix() {
    take trace-llumnix a10 trace replay
    a10 >a10.csv
    local seed arrivals rate process cv t moving='--dispatch llumnix --migrate defrag'
    for seed in 1 2 3; do
        trace "$seed" 18 >t.jsonl
        # shellcheck disable=SC2046,SC2086 # lists of values, and options
        add busy $(replay t.jsonl --dispatch round-robin) $(replay t.jsonl $moving)
        trace "$seed" 6 >t.jsonl
        # shellcheck disable=SC2046,SC2086 # the same
        add calm $(replay t.jsonl --dispatch llumnix) $(replay t.jsonl $moving)
        trace "$seed" 3 >t.jsonl
        # shellcheck disable=SC2046,SC2086 # the same
        add still $(replay t.jsonl $moving) $(replay t.jsonl --dispatch round-robin) $(replay t.jsonl --dispatch free-memory)
    done
    local against='llumnix, defrag; round-robin; 18/s'
    row 'Llumnix, 8 replicas: preemptions of 10,000 requests, mean' 300..500 "$(mean "${list[busy.1]}")" - ours 'round-robin, 18/s'
    row 'Llumnix: P99 of TTFT, s' '>= 10' "${list[busy.9]}" "${list[busy.3]}" base/ours "$against"
    row 'Llumnix: preemptions' '>= 5' "${list[busy.7]}" "${list[busy.1]}" base/ours "$against"
    row 'Llumnix: longest gap of a migration, s' '<= .05' "${list[busy.12]}" - ours 'llumnix, defrag; 18/s'
    row 'Llumnix, calm: migrations' '== 0' "${list[calm.11]}" - ours 'llumnix, defrag; 6/s'
    row 'Llumnix, calm: mean e2e, s' .98..1.02 "${list[calm.10]}" "${list[calm.4]}" ours/base 'llumnix: defrag; off; 6/s'
    row 'Llumnix, very calm: mean e2e, s' .98..1.02 "${list[still.4]}" "${list[still.10]}" ours/base \
        'llumnix, defrag; round-robin; 3/s'
    row 'Llumnix, very calm: mean e2e, s' .98..1.02 "${list[still.4]}" "${list[still.16]}" ours/base \
        'llumnix, defrag; free-memory; 3/s'
    for arrivals in '24 poisson 1' '22 gamma 4' '22 gamma 8'; do
        read -r rate process cv <<<"$arrivals"
        for seed in 1 2 3; do
            trace "$seed" "$rate" --arrivals "$process" --cv "$cv" >t.jsonl
            # shellcheck disable=SC2086 # options
            echo "$(replay t.jsonl --dispatch llumnix) $(replay t.jsonl $moving)"
        done | awk '{ p += $1; t += $2 / 3; q += $7; u += $8 / 3 } END { print p, t, q, u }' >sums
        # shellcheck disable=SC2046 # a list of values
        add past $(cat sums)
    done
    row 'Llumnix, past saturation: preemptions' '>= 1.25' "${list[past.3]}" "${list[past.1]}" base/ours \
        'llumnix: defrag; off; 3 seeds of Poisson 24/s, gamma 22/s, CV 4 and 8'
    row 'Llumnix, past saturation: mean TTFT, s' '>= 1.3' "${list[past.4]}" "${list[past.2]}" base/ours 'the same'
    a10 1.048576 >a10.csv # a decode reads its context at 500 GB/s
    for seed in 1 2 3; do
        trace-gen -n 10000 --seed "$seed" --rate 26 --arrivals gamma --cv 8 --prompt pareto:1.15,36,1024 \
            --answer pareto:1.15,36,1024 >plain.jsonl
        awk '{ sub(/}$/, ",\"priority\":" (NR % 10 != 3) "}"); print }' plain.jsonl >t.jsonl
        for t in plain t; do
            # shellcheck disable=SC2086 # options
            trace-replay --cost a10.csv --kv-blocks 850 --replicas 8 --sched vllm1 $moving --migrate-interval 0.01 \
                --headroom 9000 -o - $t.jsonl | awk '!/^#/ { print $5 - $2 }' >$t
        done
        # shellcheck disable=SC2046 # a list of values
        add priority $(jq .priority t.jsonl | paste - plain t | awk '{ n[$1]++; a[$1] += $2 / 1e9; b[$1] += $3 / 1e9 }
            END { print a[0] / n[0], b[0] / n[0], a[1] / n[1], b[1] / n[1] }')
    done
    row 'Llumnix: mean e2e of high priority, a tenth, s' '>= 1.2' "${list[priority.2]}" "${list[priority.1]}" base/ours \
        '--headroom 9000; no priorities; gamma 26/s, CV 8'
    row 'Llumnix: mean e2e of the others, s' '<= 1.05' "${list[priority.4]}" "${list[priority.3]}" ours/base 'the same'
}

# second_half ROWS: P95 of the times of programs that come in the second half, in s.
second_half() {
    awk -F '\t' '
        !/^#/ { p = $1; sub(/[.][0-9]+$/, "", p); if (!(p in from) || $2 < from[p]) from[p] = $2; if ($5 > to[p]) to[p] = $5 }
        END { for (p in from) print from[p], (to[p] - from[p]) / 1e9 }' "$1" | sort -n |
        awk '{ v[NR] = $2 } END { for (i = int(NR / 2) + 1; i <= NR; i++) print v[i] }' | sort -n |
        awk '{ v[NR - 1] = $1 } END { print v[int(.95 * NR)] }'
}

hexgen() {
    take trace-fleet programs
    local seed k alpha kind trace=$shared/traces/hexgen/input_file_trace1.json
    echo '[{"count":2},{"slower":1.88},{"slower":1.79}]' >c.json
    table >t.csv
    for seed in $(seeds); do
        programs 150 1 "$seed" >programs.jsonl
        for kind in round-robin workload 'workload --queue urgency'; do
            # shellcheck disable=SC2086 # options
            ok trace-replay --cost t.csv --sched vllm1 --kv-blocks 2000 --cluster c.json --dispatch $kind programs.jsonl
            add "made.$kind" "$(value job_p95_s)"
        done
    done
    local against='workload, urgency; round-robin, FCFS'
    row 'HexGen, made-up programs: P95, s' '>= 1.4' "${list[made.workload --queue urgency.1]}" "${list[made.round-robin.1]}" \
        base/ours "$against"
    needs traces/hexgen/input_file_trace1.json
    needs costmodel/a100_llama-2-70b_tp2.csv
    # hex DISPATCH OPTION...: P95, P95 over what a program takes alone, P95 of the second half.
    hex() {
        ok trace-replay -q --cost "$shared/costmodel/a100_llama-2-70b_tp2.csv" --extrapolate --sched vllm1 --kv-blocks 8000 \
            --program-slo-scale 1 -o rows --dispatch "$@" h.jsonl
        echo "$(value job_p95_s) $(value program_slo_p95) $(second_half rows)"
    }
    for seed in $(seeds); do
        for k in 1 2 3 4; do
            trace-convert -q --rate 0.0155 --seed "$seed$k" "$trace" -o "hq$k.jsonl"
        done
        trace-convert --merge -q hq?.jsonl -o h.jsonl
        for alpha in 0 .05 .1 .15 .2 .25 .3 .35 .4 .45 .5; do
            hex workload --cluster c.json --queue urgency --alpha $alpha
        done | sort -n -k 3 | head -n 1 >grid
        # shellcheck disable=SC2046 # lists of values
        add hex $(hex round-robin --cluster c.json) $(hex workload --cluster c.json) \
            $(hex workload --cluster c.json --queue urgency) $(hex workload --cluster c.json --queue urgency --alpha auto) $(cat grid)
        for k in 1 2 3 4; do
            trace-convert -q --rate 0.0005 --seed "$seed$k" "$trace" -o "hq$k.jsonl"
        done
        trace-convert --merge -q hq?.jsonl -o h.jsonl
        # shellcheck disable=SC2046 # the same
        add alike $(hex round-robin --replicas 4) $(hex workload --replicas 4 --queue urgency)
    done
    row 'HexGen, 4 mixed engines: P95 of time over time alone' - "${list[hex.2]}" - ours \
        'round-robin, FCFS; the official trace, 4 x .0155/s'
    row 'HexGen: P95, s' '>= 1.35' "${list[hex.4]}" "${list[hex.1]}" base/ours 'workload, FCFS; round-robin, FCFS'
    row 'HexGen: P95, s' '>= 1.4' "${list[hex.7]}" "${list[hex.1]}" base/ours "$against"
    row 'HexGen: P95, s' '<= 1' "${list[hex.7]}" "${list[hex.4]}" ours/base 'workload: urgency; FCFS'
    row 'HexGen: objective that 95 % meet, of time alone' '>= 1.4' "${list[hex.8]}" "${list[hex.2]}" base/ours "$against"
    row 'HexGen: P95 of the second half, s' '<= 1.05' "${list[hex.12]}" "${list[hex.15]}" ours/base \
        '--alpha auto; the best of 0, .05 .. .5'
    row 'HexGen: P95 of the second half, mean, s' '<= 1.05' "$(mean "${list[hex.12]}")" "$(mean "${list[hex.15]}")" ours/base \
        '--alpha auto; the best of 0, .05 .. .5'
    row 'HexGen, 4 alike, little to do: P95, s' .95..1.05 "${list[alike.4]}" "${list[alike.1]}" base/ours "$against; 4 x .0005/s"
}

fleet() {
    needs costmodel/a100_llama-3-8b_tp1.csv
    local how
    trace-gen -n 1000000 --rate 450 --prompt lognormal:1000,1000 --answer lognormal:200,200 -o t.jsonl
    for how in 'round-robin' 'least-outstanding' 'llumnix --migrate defrag'; do
        # shellcheck disable=SC2086 # options
        timed trace-replay -q --cost "$shared/costmodel/a100_llama-3-8b_tp1.csv" --extrapolate --replicas 64 \
            --dispatch $how t.jsonl
        row 'Fleet of 64, 1 M requests: requests a processor second' '>= 100000' \
            "$(best less cpu took | awk '{ print 1e6 / $1 }')" - ours "$how"
        row 'Fleet of 64, 1 M requests: MiB' '<= 300' "$(best less mib took)" - ours "$how"
    done
}

mooncake() {
    needs traces/mooncake/conversation_trace.jsonl
    local how mean p99 hits tbt at
    # serve TRACE DISPATCH [OPTION...]: mean and P99 of TTFT, share of prompt tokens found, P99 of TBT.
    serve() {
        ok trace-replay -q --cost roofline --model llama-3-8b --gpu a100-80gb --block-size 512 --sched vllm1 --replicas 8 \
            "$1" --dispatch "${@:2}"
        awk '{ v[$1] = $2 }
            END { print v["ttft_mean_s"], v["ttft_p99_s"], v["prefix_hit_tokens"] / v["prompt_tokens"], v["tbt_p99_s"] }' "$out"
    }
    trace-convert -q "$shared/traces/mooncake/conversation_trace.jsonl" -o t.jsonl
    jq -c 'del(.hashes, .block)' t.jsonl >apart.jsonl
    trace-convert -q --rate 0.1 apart.jsonl -o calm.jsonl
    for how in round-robin least-outstanding; do
        # shellcheck disable=SC2046 # lists of values
        add base $(serve t.jsonl $how)
        # shellcheck disable=SC2046 # the same
        add calm $(serve calm.jsonl $how)
    done
    for how in prefix conductor 'conductor --pools 6:2'; do
        # shellcheck disable=SC2086 # options
        read -r mean p99 hits tbt < <(serve t.jsonl $how)
        at="$how; round-robin, least-outstanding"
        row 'Mooncake, 8 replicas: mean TTFT, s' - "$mean,$mean" "${list[base.1]}" base/ours "$at"
        row 'Mooncake: P99 of TTFT, s' - "$p99,$p99" "${list[base.2]}" base/ours "$at"
        row 'Mooncake: share of prompt tokens found' - "$hits,$hits" "${list[base.3]}" ours/base "$at"
        row 'Mooncake: P99 of TBT, s' - "$tbt,$tbt" "${list[base.4]}" base/ours "$at"
    done
    read -r mean p99 hits tbt < <(serve calm.jsonl conductor)
    row 'Mooncake, no hashes, .1/s: mean TTFT, s' .95..1.05 "$mean,$mean" "${list[calm.1]}" base/ours \
        'conductor; round-robin, least-outstanding'
}
