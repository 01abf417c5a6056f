# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what the functions of tests use, what bench-fleet.sh sets
# fleet-policies.sh - of bench-fleet.sh: FastSwitch's swaps, BatchLLM's groups, APEX' plans.

fastswitch() {
    take trace-fastswitch chats fast
    take kv-alloc cell
    local seed how
    # switch NAME OPTION...: copies a switch, bytes swapped, P99.9 of TBT, P99 of TTFT, tokens/s, mean e2e.
    switch() {
        ok fast "${@:2}"
        # shellcheck disable=SC2046 # a list of values
        add "$1" $(awk '{ v[$1] = $2 }
            END { print (v["switches"] ? v["swap_copies"] / v["switches"] : 0), v["swap_out_bytes"] + v["swap_in_bytes"],
                  v["tbt_p99.9_s"], v["ttft_p99_s"], v["output_tokens_per_s"], v["e2e_mean_s"] }' "$out")
    }
    for seed in 1 2 3; do
        chats 400 0.3 "$seed" >t.jsonl
        switch block --seed "$seed" --alloc block --swap sync t.jsonl
        switch group --seed "$seed" --alloc group --swap async t.jsonl
        switch reuse --seed "$seed" --alloc group --swap async --swap-reuse t.jsonl
        trace-gen -n 2000 --prompt lognormal:900,700 --answer lognormal:250,250 --seed "$seed" >lengths.jsonl
        ok kv-alloc --lengths lengths.jsonl --blocks 3400 --occupancy 0.91 --from 0.9 --alloc group,block
        add alloc "$(cell group mean_run)" "$(cell block mean_run)" "$(cell group waste)" "$(cell group occupancy)"
    done
    chats 200 0.1 1 >calm.jsonl
    chats 200 0.3 1 >busy.jsonl
    for how in '--priority-frequency 0 calm.jsonl' '--kv-blocks 20000 busy.jsonl'; do
        # shellcheck disable=SC2086 # options and the trace
        switch calm_block --alloc block --swap sync $how
        # shellcheck disable=SC2086 # the same
        switch calm_reuse --alloc group --swap async --swap-reuse $how
    done
    local against='groups, async, reuse; blocks, sync'
    row 'FastSwitch: copies a switch' '>= 10' "${list[reuse.1]}" "${list[block.1]}" base/ours "$against"
    row 'FastSwitch: bytes swapped' '<= .6' "${list[reuse.2]}" "${list[group.2]}" ours/base 'groups, async; with and without reuse'
    row 'FastSwitch: P99.9 of TBT, s' '>= 3' "${list[reuse.3]}" "${list[block.3]}" base/ours "$against"
    row 'FastSwitch: P99 of TTFT, s' '>= 1.4' "${list[reuse.4]}" "${list[block.4]}" base/ours "$against"
    row 'FastSwitch: output tokens/s' '>= 1' "${list[reuse.5]}" "${list[block.5]}" ours/base "$against"
    against+='; without draws, with memory for all'
    row 'FastSwitch, nobody has to go: mean e2e, s' .99..1.01 "${list[calm_reuse.6]}" "${list[calm_block.6]}" ours/base "$against"
    row 'FastSwitch, nobody has to go: P99.9 of TBT, s' .99..1.01 "${list[calm_reuse.3]}" "${list[calm_block.3]}" ours/base "$against"
    row 'FastSwitch: blocks in a row at nine tenths' '>= 8' "${list[alloc.1]}" "${list[alloc.2]}" ours 'kv-alloc, group; block'
    row 'FastSwitch: share of blocks wasted there' '<= .05' "${list[alloc.3]}" - ours "kv-alloc, group"
}

batchllm() {
    take trace-replay span
    local many seed
    for many in 16 4 1; do
        for seed in $(seeds); do
            trace-gen -n 6400 --arrivals none --sharing $many --prefix-tokens 2000 --prompt 200 --answer 100 \
                --seed "$seed" -o shared.jsonl
            ok trace-prefix --kv-tokens 430000 shared.jsonl
            add "$many" "$(value saving)" "$(value lru_430000_saving)" "$(span batchllm)" "$(span vllm1)"
        done
    done
    trace-gen -n 6400 --arrivals none --sharing 16 --prefix-tokens 2000 --common-tokens 96 --prompt 200 -o two.jsonl
    ok trace-prefix two.jsonl
    local lru='--sched batchllm; vllm1, LRU of 430,000 tokens'
    row 'BatchLLM, 16 share 2,000 of 2,200 tokens: saving' .8513..0.8533 "${list[16.1]}" - ours trace-prefix
    row 'BatchLLM, 4 share: saving' .6808..0.6828 "${list[4.1]}" - ours trace-prefix
    row 'BatchLLM, 16 share: saving of LRU' .35..0.45 "${list[16.2]}" - ours 'trace-prefix --kv-tokens 430000'
    row 'BatchLLM, 4 share: saving of LRU' '<= .15' "${list[4.2]}" - ours 'trace-prefix --kv-tokens 430000'
    row 'BatchLLM, 16 share: makespan, s' '>= 1.3' "${list[16.3]}" "${list[16.4]}" base/ours "$lru"
    row 'BatchLLM, 4 share: makespan, s' '>= 1.3' "${list[4.3]}" "${list[4.4]}" base/ours "$lru"
    row 'BatchLLM, none share: makespan, s' .99..1.01 "${list[1.3]}" "${list[1.4]}" base/ours "$lru"
    row 'BatchLLM, two levels: saving' '>= .98' "$(value saving)" "$(value all_levels_saving)" ours/base 'trace-prefix; all levels'
    row 'BatchLLM, two levels: saving of the first' '< .5' "$(value first_level_saving)" "$(value all_levels_saving)" \
        ours/base 'trace-prefix; all levels'
    awk 'function ids(n,    s) { while (n-- > 0) s = s int(rand() * 128000) " "; return s }
        BEGIN { common = ids(100); for (g = 0; g < 500; g++) prefix[g] = ids(1400)
                for (i = 0; i < 8000; i++) print common prefix[i * 7919 % 500] ids(100) }' >large.ids
    timed trace-prefix large.ids
    row 'BatchLLM, 8,000 prompts of 1,600 ids: processor seconds' '< 5' "$(best less cpu took)" - ours trace-prefix
    row 'BatchLLM, 8,000 prompts of 1,600 ids: MiB' - "$(best less mib took)" - ours trace-prefix
}

apex() {
    take trace-plan a70 of
    local seed gpus
    for gpus in 4 8 16; do
        ok trace-plan --model Llama-2-70B --machines "${gpus}xA100-80GB" --all <(requests 20)
        # Replicas, stages, copies of attention and of FFNs, these without a common factor; 80 layers.
        add plans "$(of plan | sort -u | wc -l)" "$(awk -v n="$gpus" 'function gcd(a, b) { return b ? gcd(b, a % b) : a }
            BEGIN { for (r = 1; r <= n; r++) for (s = 1; s <= n; s++) if (n % (r * s) == 0 && 80 % s == 0)
                for (a = 1; a <= n; a++) for (f = 1; f <= n; f++)
                    if (n / r / s % a == 0 && n / r / s % f == 0 && gcd(a, f) == 1) count++
                print count }')"
    done
    row 'APEX: plans of 4, 8, 16 GPUs' '== 1' "${list[plans.1]}" "${list[plans.2]}" ours/base 'trace-plan --all; brute force'
    # shared_by: how many GPUs share a stage of the best plan.
    shared_by() { of plan | sed -n '1s/.*tp//p'; }
    for seed in $(seeds); do
        trace-gen --seed "$seed" -n 1000 --rate 0.5 --prompt lognormal:2588,900 --answer lognormal:291,250 |
            trace-convert -q --clip 4096 - >prompts.jsonl
        trace-gen --seed "$seed" -n 4000 --prompt lognormal:308,300 --answer lognormal:1144,400 |
            trace-convert -q --clip 4096 - >outputs.jsonl
        ok a70 --max-num-seqs 128 prompts.jsonl
        shared_by >tp
        ok a70 --max-num-seqs 128 --offline outputs.jsonl
        add best "$(cat tp)" "$(shared_by)" "$(of time_s | head -n 1)" "$(of time_s | tail -n 1)" "$(of against_usual | head -n 1)"
    done
    row 'APEX: GPUs that share a stage of the best plan' '> 1' "${list[best.1]}" "${list[best.2]}" ours/base \
        'long prompts; long outputs, offline'
    row 'APEX, long outputs: time of the best and of the worst plan, s' '>= 2' "${list[best.3]}" "${list[best.4]}" base/ours \
        'Llama-2-70B, 8xA100-80GB'
    row 'APEX, long outputs: the best plan against the usual' '>= 1.1' "${list[best.5]}" - ours 'all GPUs for one model'
    trace-gen -n 2000 --rate 10 -o t.jsonl
    timed trace-plan --model Mixtral-8x22B --machines 8x8xH100 --all t.jsonl
    row "APEX, $(of plan | sort -u | wc -l) plans x 2,000 requests: seconds" '< 20' "$(best less wall took)" - ours \
        'Mixtral-8x22B, 8x8xH100, all cores'
    row 'APEX, the same: processor seconds' '< 20' "$(best less cpu took)" - ours 'the same'
    needs reference/vidur
    trace-convert -q --clip 4096 "$shared/reference/vidur/conv_n1000_poisson3.0_s42.csv" >vidur.jsonl
    ok trace-plan --model Llama-2-7B --machines 1xA100-80GB --cost roofline --sched vllm0 --compat vidur vidur.jsonl
    row 'APEX: mean step, ms' .9..1.1 "$(awk "BEGIN { print 1000 * $(of tbt_mean_s) }")" \
        "$(awk -F , 'NR > 1 && $3 > 1 { t += $5 - $4; n += $3 - 1 } END { print 1000 * t / n }' \
            "$shared/reference/vidur/l2-7b-a100-tp1-vllm-conv3.0.csv")" ours/base 'roofline; Vidur'
}
