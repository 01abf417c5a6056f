# trace-replay --sched fastswitch: priorities that change, and what it costs to follow them. What it
# does event by event is in prop_sched.c, where its blocks are in prop_kv_alloc.c.
load helper
load trace

setup() {
    enter_work
}

# value NAME FILE: of a summary.
value() {
    awk -v name="$1" '$1 == name { print $2 }' "$2"
}

# holds EXPRESSION [NAME=VALUE...]: is it true?
holds() {
    local expression=$1 set=()
    shift
    for pair in "$@"; do
        set+=(-v "$pair")
    done
    awk "${set[@]}" "BEGIN { exit !($expression) }" || {
        echo "not so: $expression, of $*"
        return 1
    }
}

# chats N RATE SEED: conversations like ShareGPT's, of 5.5 turns, a user thinking 10 s.
chats() {
    trace-gen -n "$1" --rate "$2" --turns gamma:5.5,0.8 --prompt lognormal:80,120 \
        --answer lognormal:250,250 --tool exp:10 --seed "$3"
}

# fast ARG...: Llama-3-8B on 24 GB, with the host's memory of the paper.
fast() {
    trace-replay -q --cost roofline --model Llama-3-8B --gpu A10G --max-model-len 8192 \
        --swap-space 60 --sched fastswitch "$@"
}

@test "misuse of its options" {
    requests 5 >t.jsonl
    for bad in '--priority-frequency 1.1' '--priority-frequency -1' '--priority-pattern fair' \
        '--alloc buddy' '--group 0' '--spare 2' '--swap never' '--swap-dispatch-us -1' \
        '--swap-gbs 0' '--swap-half-kib -1'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse fast $bad t.jsonl
    done
    misuse fast --preemption-mode swap t.jsonl
    # How large a block is, and of how many layers, must be known.
    table | grep -v kv_bytes >t.csv
    fails trace-replay --cost t.csv --kv-blocks 40 --sched fastswitch t.jsonl
    says 'how large a token'
}

@test "by hand: what a swap takes, before the step and beside it" {
    # A step of 1 to 8 tokens takes 1 ms; a block is 8 tokens of 1 KiB, in one layer.
    table >t.csv
    printf '{"id":"%s","t_ns":0,"prompt":8,"output":%s,"priority":%s}\n' a 8 1 b 16 0 >t.jsonl
    hand() {
        trace-replay --cost t.csv --block-size 8 --kv-blocks 4 --sched fastswitch \
            --priority-frequency 0 --swap-space 1 --swap-dispatch-us 100 --swap-gbs 1.024 \
            --swap-half-kib 0 --check "$@" t.jsonl
    }
    # Both prompts in 2 ms; both then take a second block. After 8 tokens more b needs a third, and
    # a has ended with its eighth: nobody has to go.
    ok hand --swap sync
    is 0 "$(value switches "$out")"
    # Now a needs one too, at the same time: b goes first, a is driven out after 9 of its tokens, of
    # which 16 are in 2 blocks: 2 x 2 copies of 100 us, and 16 KiB in 16 us.
    printf '{"id":"%s","t_ns":0,"prompt":8,"output":%s,"priority":%s}\n' a 12 1 b 16 0 >t.jsonl
    ok hand --swap sync --alloc block
    is 1 "$(value swaps "$out")"
    is 2 "$(value switches "$out")"
    is 8 "$(value swap_copies "$out")"
    is '16384 16384' "$(value swap_out_bytes "$out") $(value swap_in_bytes "$out")"
    is 0.000832 "$(value transfer_s "$out")"
    # It comes back, when b has ended, into one group: a copy of keys, and one of values.
    ok hand --swap sync --alloc group
    is 6 "$(value swap_copies "$out")"
    is 0.000632 "$(value transfer_s "$out")"
    # Beside the steps: out while b runs, but b's new block was a's, and must be waited for.
    ok hand --swap async --alloc block
    is 1 "$(value swap_conflicts "$out")"
    is "$(value transfer_s "$out")" "$(awk -v c="$(value conflict_s "$out")" 'BEGIN { printf "%.6f", c + 0.000416 }')"
    # Until the clock ends.
    for swap in sync async; do
        fails hand --swap $swap --alloc block --swap-gbs 1e-18
        says 'beyond 146 years'
    done
}

@test "priorities: the same again, others with another seed; markov moves fewer" {
    chats 60 0.4 1 >t.jsonl
    ok fast --kv-blocks 1500 --check t.jsonl
    cp "$out" once
    ok fast --kv-blocks 1500 t.jsonl
    cmp once "$out"
    ok fast --kv-blocks 1500 --seed 2 t.jsonl
    differ once "$out"
    ok fast --kv-blocks 1500 --priority-pattern markov t.jsonl
    holds 'markov < random' markov="$(value switches "$out")" random="$(value switches once)"
    ok fast --kv-blocks 1500 --priority-frequency 0.01 t.jsonl
    holds 'seldom < often' seldom="$(value switches "$out")" often="$(value switches once)"
}

@test "the claims, above what blocks copied before the step can serve, three seeds" {
    for seed in 1 2 3; do
        chats 400 0.3 $seed >t.jsonl
        ok fast --seed $seed --alloc block --swap sync t.jsonl
        cp "$out" block
        ok fast --seed $seed --alloc group --swap async t.jsonl
        cp "$out" group
        ok fast --seed $seed --alloc group --swap async --swap-reuse t.jsonl
        cp "$out" reuse
        for name in group reuse; do
            holds 'copies / switches <= b_copies / b_switches / 10' \
                copies="$(value swap_copies $name)" switches="$(value switches $name)" \
                b_copies="$(value swap_copies block)" b_switches="$(value switches block)"
            holds 'ours >= block' ours="$(value output_tokens_per_s $name)" \
                block="$(value output_tokens_per_s block)"
            holds 'block >= 1.4 * ours' ours="$(value ttft_p99_s $name)" \
                block="$(value ttft_p99_s block)"
            # Without reuse less is won.
            holds "block >= $([[ $name == reuse ]] && echo 3 || echo 2) * ours" \
                ours="$(value tbt_p99.9_s $name)" block="$(value tbt_p99.9_s block)"
        done
        holds 'out + in_ <= .6 * (g_out + g_in)' out="$(value swap_out_bytes reuse)" \
            in_="$(value swap_in_bytes reuse)" g_out="$(value swap_out_bytes group)" \
            g_in="$(value swap_in_bytes group)"
    done
}

@test "where nobody has to go nothing is won: no draws, or memory for all" {
    chats 200 0.1 1 >t.jsonl
    chats 200 0.3 1 >busy.jsonl
    for how in '--priority-frequency 0 t.jsonl' '--kv-blocks 20000 busy.jsonl'; do
        # shellcheck disable=SC2086 # options and the trace
        ok fast --alloc block --swap sync $how
        grep -v '^kv_share' "$out" >block
        is 0 "$(value switches block)"
        # shellcheck disable=SC2086 # the same
        ok fast --alloc group --swap async --swap-reuse $how
        grep -v '^kv_share' "$out" | cmp block -
    done
}

@test "copies that were overwritten are of no use" {
    chats 100 0.4 1 >t.jsonl
    ok fast --swap-reuse --swap-space 60 --kv-blocks 1500 t.jsonl
    cp "$out" much
    is 0 "$(value lost_copy_blocks much)"
    ok fast --swap-reuse --swap-space 3 --kv-blocks 1500 --check t.jsonl
    cp "$out" little
    holds 'lost > 0' lost="$(value lost_copy_blocks little)"
    holds 'little < much' little="$(value prefix_hit_tokens little)" \
        much="$(value prefix_hit_tokens much)"
    # Prompts that do not begin as the last turn did are computed.
    jq -c 'del(.hashes, .out_hashes, .block)' t.jsonl >unlike.jsonl
    ok fast --swap-reuse --swap-space 60 --kv-blocks 1500 unlike.jsonl
    holds 'unlike < much / 20' unlike="$(value prefix_hit_tokens "$out")" \
        much="$(value prefix_hit_tokens much)"
}

@test "several replicas: what they moved is summed up" {
    chats 100 0.8 1 >t.jsonl
    for dispatch in round-robin shortest-tokens; do
        ok fast --replicas 2 --dispatch $dispatch --swap-reuse --kv-blocks 1500 --check t.jsonl
        cp "$out" two
        ok fast --replicas 2 --dispatch $dispatch --swap-reuse --kv-blocks 1500 t.jsonl
        cmp two "$out"
        holds 'swaps > 0 && switches > 2 * swaps' swaps="$(value swaps two)" \
            switches="$(value switches two)"
    done
}
