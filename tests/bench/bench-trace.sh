#!/usr/bin/env bash
# shellcheck disable=SC2154 # lists of claims.sh, and where the public data is
# bench-trace.sh BUILD_DIR [PART...]: what replays of one machine must show, figure by figure: a measured run of vLLM, Vidur's
# runs, Mooncake's shared prefixes, Sarathi, FastGen, NanoFlow, Continuum, speed.
#
# Values of several runs, by seeds 1 2 3 if nothing else is said (what takes long by 1 alone without FULL=1), are joined by commas,
# and all must be as asked. Commands are short for:
#   7B                 --cost roofline --model Llama-2-7B --gpu A100-80GB --kv-blocks 6875, 110,000 tokens
#   conv, code         Azure's two traces, whole, by trace-convert --clip 4096
# What needs public data that is not there is left out, with a remark. Simulated figures are the same on every machine at any
# load; times are processor seconds of one thread, the least of two runs (FULL=1: three), as others may be at work.
#
# Rows as claims.sh says, in BUILD_DIR/bench/trace.tsv; a minute and a half.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
# shellcheck source=tests/cli/trace.bash
. "$here/../cli/trace.bash"

# ---- set-ups ----

seven=(--cost roofline --model Llama-2-7B --gpu A100-80GB --kv-blocks 6875)

# azure: conv.jsonl and code.jsonl.
azure() {
    needs traces/azure/AzureLLMInferenceTrace_conv.csv
    local name
    for name in conv code; do
        trace-convert -q --clip 4096 "$shared/traces/azure/AzureLLMInferenceTrace_$name.csv" -o $name.jsonl
    done
}

# compared METRIC WHAT...: two lists of the output of trace-compare: what is replayed, and what is measured.
compared() {
    awk -v metric="$1" -v names="${*:2}" '$1 == metric { ours[$2] = $3; base[$2] = $4 }
        END {
            n = split(names, name, " ")
            for (i = 1; i <= n; i++) { a = a (i > 1 ? "," : "") ours[name[i]]; b = b (i > 1 ? "," : "") base[name[i]] }
            print a, b
        }' "$out"
}

# ---- parts ----

vllm() {
    needs traces/llmservingsim/vllm-measured
    local metric what asked a b
    ok trace-replay -q --cost "$shared"/costmodel/llmservingsim/RTX* --gpu RTXPRO6000 --sched vllm1 --max-num-seqs 128 \
        --max-num-batched-tokens 2048 -o rows "$shared/traces/llmservingsim/sharegpt-llama-3.1-8b-300-sps10.hash16.jsonl"
    ok trace-compare rows "$shared"/traces/llmservingsim/vllm-measured/*/requests.jsonl
    for metric in ttft tpot e2e; do
        for what in mean p50 p99; do
            case $metric-$what in
            ttft-mean) asked=.94..1.06 ;;
            ttft-p50) asked=.91..1.09 ;;
            ttft-p99) asked=.96..1.04 ;;
            *) asked=.97..1.03 ;;
            esac
            read -r a b < <(compared $metric $what)
            row "vLLM 0.19, measured: $metric $what, s" $asked "$a" "$b" ours/base \
                'trace-replay --cost RTXPRO6000_..Llama-3.1-8B.. --sched vllm1 --max-num-seqs 128 --max-num-batched-tokens 2048; trace-compare'
        done
    done
}

vidur() {
    needs reference/vidur
    local run table sched rate metric a b
    while read -r run table sched rate; do
        trace-convert -q --clip 4096 "$shared/reference/vidur/conv_n1000_poisson${rate}_s42.csv" -o vidur.jsonl
        # shellcheck disable=SC2086 # a scheduler and its options
        ok trace-replay -q --cost "$shared/costmodel/$table.csv" --compat vidur --sched ${sched/:/ --budget } -o rows vidur.jsonl
        ok trace-compare rows "$shared/reference/vidur/$run.csv"
        for metric in ttft e2e; do
            read -r a b < <(compared $metric mean p50 p90 p95 p99)
            row "Vidur, $run: $metric mean, P50, P90, P95, P99, s" .97..1.03 "$a" "$b" ours/base \
                "trace-replay --compat vidur --cost $table.csv --sched ${sched/:/ --budget }; trace-compare"
        done
    done <<'END'
l2-7b-a100-tp1-vllm-conv3.0 a100_llama-2-7b_tp1 vllm0 3.0
l2-70b-a100-tp2-vllm-conv0.8 a100_llama-2-70b_tp2 vllm0 0.8
l2-70b-a100-tp2-sarathi512-conv0.8 a100_llama-2-70b_tp2 sarathi:512 0.8
END
}

mooncake() {
    needs traces/mooncake
    local name asked blocks=1000,5000,10000,30000,50000
    while read -r name asked; do
        ok trace-stat --blocks $blocks "$shared/traces/mooncake/${name}_trace.jsonl"
        row "Mooncake, $name: hits of 1, 5, 10, 30, 50 thousand blocks, all, %" '= 0' \
            "$(awk '/# blocks/ { on = 1; next } on { printf "%.2f\n", 100 * $3 }' "$out" | paste -sd ,)" "$asked" ours-base \
            "trace-stat --blocks $blocks ${name}_trace.jsonl"
    done <<'END'
conversation 4.45,11.04,21.12,32.57,35.46,36.64
synthetic 8.25,27.91,42.35,62.42,63.96,63.96
END
}

sarathi() {
    azure
    local seed sched at
    # most NAME TRACE OPTION...: requests a second of both schedulers.
    most() {
        ok trace-capacity -q "${seven[@]}" --seed "$seed" --scheds vllm0,sarathi "${@:3}" "$2"
        # shellcheck disable=SC2046 # a list of values
        add "$1" $(awk '!/^#/ { print $4 }' "$out")
    }
    for seed in $(seeds); do
        most conv conv.jsonl --tbt 0.1
        most shuffled conv.jsonl --tbt 0.1 --shuffle
        head -n 350 conv.jsonl >first.jsonl
        most first first.jsonl --tbt 0.1
        most code code.jsonl --tbt 0.1
        most relaxed conv.jsonl --tbt 0.5
        trace-convert -q --rate 5 --seed "$seed" conv.jsonl -o five.jsonl
        trace-convert -q --rate 2 --seed "$seed" conv.jsonl -o two.jsonl
        for sched in sarathi orca vllm0; do
            ok trace-replay -q "${seven[@]}" --sched $sched five.jsonl
            add $sched "$(value tbt_p99_s)" "$(value ttft_p99_s)"
            ok trace-replay -q "${seven[@]}" --sched $sched two.jsonl
            add $sched-two "$(value ttft_p99_s)"
        done
    done
    at='trace-capacity 7B --scheds vllm0,sarathi'
    row 'Sarathi: requests/s, conv, P99 TBT of 100 ms' '>= 2.5' "${list[conv.2]}" "${list[conv.1]}" ours/base "$at --tbt 0.1 conv"
    row 'Sarathi: requests/s, conv in random order, 100 ms' '>= 2.5' "${list[shuffled.2]}" "${list[shuffled.1]}" ours/base \
        "$at --tbt 0.1 --shuffle conv"
    row 'Sarathi: requests/s, the first 350 of conv, 100 ms' - "${list[first.2]}" "${list[first.1]}" ours/base "$at --tbt 0.1 conv, 350"
    row 'Sarathi: requests/s, code, 100 ms' '>= 4' "${list[code.2]}" "${list[code.1]}" ours/base "$at --tbt 0.1 code"
    row 'Sarathi: requests/s, conv, 500 ms' .95..1.1 "${list[relaxed.2]}" "${list[relaxed.1]}" ours/base "$at --tbt 0.5 conv"
    at='trace-replay 7B, conv at 5/s, --sched'
    row 'Sarathi: P99 TBT, s' '<= .075' "${list[sarathi.1]}" - ours "$at sarathi"
    row 'Orca: P99 TBT, s' '>= .25' "${list[orca.1]}" - ours "$at orca"
    row 'vLLM, prompts first: P99 TBT, s' '>= .35' "${list[vllm0.1]}" - ours "$at vllm0"
    # At 5/s both have a queue that grows: who serves more then waits less.
    row 'Sarathi: P99 TTFT at 5/s, s' - "${list[sarathi.2]}" "${list[vllm0.2]}" ours/base "$at sarathi; vllm0"
    row 'Sarathi: P99 TTFT at 2/s, s' '> 1' "${list[sarathi-two.1]}" "${list[vllm0-two.1]}" ours/base "${at/5/2} sarathi; vllm0"
}

fastgen() {
    local seed clients asked at
    # serve NAME OPTION...: effective throughput, violations, gaps between tokens; steps are in steps.tsv.
    serve() {
        ok trace-replay -q "${seven[@]}" --slo prompt_rate=512,ema_rate=4 --steps steps.tsv --clients "$clients" "${@:2}" t.jsonl
        # shellcheck disable=SC2046 # a list of values
        add "$1" $(awk '{ v[$1] = $2 }
            END { print v["goodput_per_s"], 1 - v["good_share"], v["tbt_p95_s"], v["tbt_p50_s"] }' "$out")
    }
    for seed in 1 2 3; do
        trace-gen -n 512 --arrivals none --seed "$seed" --prompt normal:2600,780 --answer normal:128,38 -o t.jsonl
        for clients in 1 16 32; do
            serve "split$clients" --sched splitfuse --budget 768
            # shellcheck disable=SC2046 # the same
            add "full$clients" $(awk '/^#/ { next } $9 > 0 { n++; full += $3 == 768 } $3 > most { most = $3 }
                END { print (n ? full / n : 0), most }' steps.tsv)
            serve "vllm$clients" --sched vllm0 --budget 4096
            serve "sarathi$clients" --sched sarathi --budget 512
        done
        # Memory for one and a half of the longest: all are served.
        ok trace-replay -q "${seven[@]}" --sched splitfuse --budget 768 --clients 16 --check t.jsonl --kv-blocks \
            "$(awk -F '[:,}]' '{ n = $6 + $8 } n > most { most = n } END { print int(1.5 * most / 16) }' t.jsonl)"
        add drain "$(($(value requests) - $(value rejected)))"
    done
    at='trace-replay 7B --clients CLIENTS --slo prompt_rate=512,ema_rate=4 --sched splitfuse --budget 768; vllm0 --budget 4096'
    for clients in 16 32; do
        asked='>= 1.12'
        [ $clients = 16 ] || asked='>= 1.2'
        row "FastGen, $clients clients: effective requests/s" "$asked" "${list[split$clients.1]}" "${list[vllm$clients.1]}" ours/base "$at"
        row "FastGen, $clients clients: violations" '<= .03' "${list[split$clients.2]}" "${list[vllm$clients.2]}" ours "$at"
        row "vLLM, $clients clients: violations" .06..0.15 "${list[vllm$clients.2]}" - ours 'the same, vllm0 --budget 4096'
    done
    row 'FastGen, 16 clients: P95 of token gaps, s' '>= 2.5' "${list[split16.3]}" "${list[vllm16.3]}" base/ours "$at"
    row 'FastGen, 16 clients: P50 of token gaps, s' - "${list[split16.4]}" "${list[vllm16.4]}" base/ours "$at"
    row 'FastGen, 16 clients: full steps of those with prompts waiting' '>= .95' "${list[full16.1]}" - ours "$at --steps"
    row 'FastGen, 16 clients: most tokens of a step' '<= 768' "${list[full16.2]}" - ours "$at --steps"
    row 'FastGen, 16 clients: effective requests/s' .95..1.05 "${list[split16.1]}" "${list[sarathi16.1]}" ours/base 'splitfuse, 768; sarathi, 512'
    row 'FastGen, 1 client: effective requests/s' .99..1.01 "${list[split1.1]}" "${list[vllm1.1]}" ours/base "$at"
    row 'FastGen, memory for 1.5 of the longest: served' '= 512' "${list[drain.1]}" - ours \
        'trace-replay 7B --sched splitfuse --budget 768 --clients 16 --check --kv-blocks 1.5 OF THE LONGEST'
}

# What is asked is of the paper's machine, eight GPUs for 70B; on one GPU memory for KV, not the budget, ends a step's batch.
nanoflow() {
    azure
    local model tp asked seed sched at
    while read -r model tp asked; do
        for seed in $(seeds); do
            trace-convert -q --rate 30 --seed "$seed" conv.jsonl -o t.jsonl
            for sched in nanoflow vllm0; do
                ok trace-replay -q --cost roofline --model "$model" --gpu A100-80GB --tp "$tp" --sched $sched t.jsonl
                add "$model.$sched" "$(value queued_step_p99_s)" "$(value queued_step_mean_s)"
            done
        done
        at="trace-replay --cost roofline --model $model --gpu A100-80GB --tp $tp, conv at 30/s, --sched"
        row "NanoFlow, $model: P99 of steps with a queue; mean, s" "$asked" "${list[$model.nanoflow.1]}" \
            "${list[$model.nanoflow.2]}" ours/base "$at nanoflow"
        row "vLLM, prompts first, $model: P99 of steps with a queue; mean, s" '>= 3' "${list[$model.vllm0.1]}" \
            "${list[$model.vllm0.2]}" ours/base "$at vllm0"
    done <<'END'
Llama-2-70B 8 <= 1.1
Llama-3.1-8B 1 -
Llama-2-7B 1 -
END
    head -n 1000 conv.jsonl | trace-convert -q --rate 0.05 - -o t.jsonl
    ok trace-replay -q --cost roofline --model Llama-2-70B --gpu A100-80GB --tp 8 --sched nanoflow t.jsonl
    row 'NanoFlow, little to do: steps with a queue' '= 0' "$(value queued_steps)" - ours '1,000 of conv at .05/s'
    overlap
}

# overlap: NanoFlow's plans of one step, by trace-cost.
overlap() {
    local gpu overlapped split at even='1024:768 512@0 512@0'
    # us NAME: of the last plan; the step as a whole is its last row of that name.
    us() { awk -F '\t' -v name="$1" '$1 == name { us = $2 } END { print us }' "$out"; }
    # plan MODEL GPU TP BATCH...
    plan() { ok trace-cost --cost roofline --model "$1" --gpu "$2" --tp "$3" --overlap "${@:4}"; }
    at='trace-cost --cost roofline --gpu A100-80GB-SXM --tp 8 --overlap'
    for gpu in Llama-2-70B:8 Llama-3.1-70B:8 Llama-3-8B:1 Qwen2.5-72B:8 DeepSeek-67B:8; do
        # shellcheck disable=SC2086 # a batch
        plan ${gpu%:*} A100-80GB-SXM ${gpu#*:} $even
        add bound "$(us all_memory)" "$(us all_compute)"
    done
    row 'NanoFlow: memory over compute, 70B, 3.1-70B, 3-8B (TP1), 72B, 67B, us' '< 1' "${list[bound.1]}" "${list[bound.2]}" ours/base "$at $even"
    # The paper's machine; and one with two thirds of its arithmetic, where the network hides less.
    while read -r gpu overlapped split; do
        # shellcheck disable=SC2086 # a batch
        plan Llama-2-70B "$gpu" 8 $even
        row "NanoFlow, 70B TP8, $gpu: overlapped; in order, us" "$overlapped" "$(us overlapped)" "$(us step)" ours/base \
            "${at/A100*SXM/$gpu} $even"
        row "NanoFlow, 70B TP8, $gpu: split only; in order, us" "$split" "$(us split)" "$(us step)" ours/base "${at/A100*SXM/$gpu} $even"
    done <<'END'
A100-80GB-SXM .8..0.9524 1.05..1.2
A100-80GB - -
END
    plan Llama-2-70B A100-80GB-SXM 8 512@0 512@0 512@0 512@0
    row 'NanoFlow, 70B TP8, prompts only: overlapped; in order, us' - "$(us overlapped)" "$(us step)" base/ours "$at 512@0 512@0 512@0 512@0"
    plan Llama-2-70B A100-80GB-SXM 8 1365:1024 683@0
    row 'NanoFlow, 70B TP8, two thirds decode: overlapped; in order, us' - "$(us overlapped)" "$(us step)" base/ours "$at 1365:1024 683@0"
}

continuum() {
    local seed rate slow sched at
    # jobs NAME OPTION...: mean seconds of a job, tokens computed, makespan.
    jobs() {
        ok trace-replay -q --cost roofline --model Llama-3.1-8B --gpu A100-80GB --kv-blocks 24375 "${@:2}" t.jsonl
        add "$1" "$(value job_mean_s)" "$(value computed_tokens)" "$(value span_s)"
    }
    for seed in $(seeds); do
        for rate in 0.06 0.03 0.01 slow; do
            slow=1
            [ $rate != slow ] || slow=20
            # Tools of the logarithm's mean -1.46 and deviation 1.66, 60 s at most.
            trace-gen -n 60 --rate ${rate/slow/0.06} --turns normal:10.9,2.1 --prompt lognormal:6000,4000 \
                --answer lognormal:400,300 --tool lognormal:0.921,3.534 --seed "$seed" |
                awk -v slow=$slow 'match($0, /"tool_ns":[0-9]+/) {
                        ns = substr($0, RSTART + 10, RLENGTH - 10)
                        $0 = substr($0, 1, RSTART + 9) sprintf("%d", (ns > 6e10 ? 6e10 : ns) * slow) substr($0, RSTART + RLENGTH)
                    } 1' >t.jsonl
            for sched in continuum vllm1; do
                jobs "$rate.$sched" --sched $sched
            done
            jobs "$rate.all" --sched vllm1 --kv-blocks 1000000
        done
    done
    at='trace-replay --cost roofline --model Llama-3.1-8B --gpu A100-80GB --kv-blocks 24375, 60 programs: --sched continuum; vllm1'
    row 'Continuum, .06 jobs/s: mean of jobs, s' '<= .5' "${list[0.06.continuum.1]}" "${list[0.06.vllm1.1]}" ours/base "$at"
    row 'Continuum, .06 jobs/s: tokens computed; the least' '<= 2' "${list[0.06.continuum.2]}" "${list[0.06.all.2]}" ours/base \
        "$at --kv-blocks 1000000"
    row 'vLLM, .06 jobs/s: tokens computed; the least' - "${list[0.06.vllm1.2]}" "${list[0.06.all.2]}" ours/base 'vllm1; the same'
    row 'Continuum, .06 jobs/s: makespan, s' - "${list[0.06.continuum.3]}" "${list[0.06.vllm1.3]}" ours/base "$at"
    for rate in 0.03 0.01; do
        row "Continuum, ${rate#0} jobs/s: mean of jobs, s" .99..1.01 "${list[$rate.continuum.1]}" "${list[$rate.vllm1.1]}" ours/base "$at"
    done
    row 'Continuum, .06 jobs/s, tools take 20 times as long: mean of jobs, s' '<= 1.05' "${list[slow.continuum.1]}" \
        "${list[slow.vllm1.1]}" ours/base "$at"
}

# What one load gets under each scheduler: a picture.
schedulers() {
    azure
    local sched what p
    trace-convert -q --rate 2 conv.jsonl -o two.jsonl
    for sched in orca vllm0 vllm1 splitfuse nanoflow sarathi; do
        ok trace-replay -q "${seven[@]}" --sched $sched two.jsonl
        for what in ttft tbt; do
            for p in p50 p99; do
                point bars-$what ${p^} $sched "$(value ${what}_${p}_s)" "$sched"
            done
        done
        row "$sched, conv at 2/s: P99 TTFT, s" - "$(value ttft_p99_s)" - ours "trace-replay 7B --sched $sched, conv at 2/s"
        row "$sched, conv at 2/s: P99 TBT, s" - "$(value tbt_p99_s)" - ours "trace-replay 7B --sched $sched, conv at 2/s"
    done
}

speed() {
    needs reference/vidur
    local at='trace-replay --compat vidur --sched vllm0 --cost a100_llama-2-70b_tp2.csv t.csv'
    local large=(trace-replay -q --compat vidur --sched vllm0 --cost "$shared/costmodel/a100_llama-2-70b_tp2.csv" t.csv)
    trace-convert -q --clip 4096 "$shared/reference/vidur/conv_n1000_poisson0.8_s42.csv" -o lengths.jsonl
    trace-gen -n 1000000 --rate 0.8 --lengths lengths.jsonl |
        awk -F '[:,}]' 'BEGIN { print "arrived_at,num_prefill_tokens,num_decode_tokens" }
            { printf "%.9f,%d,%d\n", $4 / 1e9, $6, $8 }' >t.csv
    timed "${large[@]}"
    row '1 M requests, Vidur vLLM, 70B: requests a processor second' '>= 500000' \
        "$(best less cpu took | awk '{ print 1e6 / $1 }')" - ours "$at"
    timed "${large[@]}" -o rows
    row '1 M requests, CSV to TSV: processor seconds' '<= 5' "$(best less cpu took)" - ours "$at -o rows"
    row '1 M requests, CSV to TSV: wall seconds' - "$(best less wall took)" - ours "$at -o rows"
    row '1 M requests, CSV to TSV: requests a processor second' - "$(best less cpu took | awk '{ print 1e6 / $1 }')" - ours "$at -o rows"
    row '1 M requests, CSV to TSV: MiB (200 MB)' '<= 190.7' "$(best less mib took)" - ours "$at -o rows"
    row '1 M requests, CSV to TSV: rows' '= 1000000' "$(grep -vc '^#' rows)" - ours "$at -o rows"
    azure
    timed trace-replay -q "${seven[@]}" conv.jsonl
    row 'Azure conv: processor seconds' '<= .2' "$(best less cpu took)" - ours 'trace-replay 7B conv'
    needs traces/mooncake
    timed trace-replay -q --cost roofline --model Llama-3.1-8B --gpu A100-80GB --sched vllm1 --block-size 512 --kv-blocks 30000 \
        "$shared/traces/mooncake/conversation_trace.jsonl"
    row 'Mooncake conversation, prefix cache: processor seconds' '<= .3' "$(best less cpu took)" - ours \
        'trace-replay --cost roofline --model Llama-3.1-8B --gpu A100-80GB --sched vllm1 --block-size 512 --kv-blocks 30000 conversation_trace.jsonl'
}

claims trace 'vllm vidur mooncake sarathi schedulers fastgen nanoflow continuum speed' "$@"
