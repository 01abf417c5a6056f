# What Llumnix (arXiv 2406.03243) gains, on its machines: 8 replicas of LLaMA-7B on an A10, whose
# linear layers take max(27, 8 + .19 tokens) ms, with 850 KV blocks of 16 tokens; heavy-tailed
# lengths, of 157 tokens each way on average.
load helper
load trace

setup() {
    enter_work
}

# a10 [US]: its cost table; US: microseconds for each token of context that a decode reads.
a10() {
    printf '# %s\n' num_layers=1 embedding_dim=4096 num_q_heads=32 num_kv_heads=32 head_dim=128 tp=1 \
        gpu_mem_gib=24 params_per_gpu=6738000000 \
        kv_bytes_per_token_per_gpu=524288
    echo op,a,b,us
    printf 'linear,%s\n' 1,0,27000 100,0,27000 8192,0,1564480
    awk -v us="${1:-0}" 'BEGIN {
        for (n = 1; n <= 256; n += 255) for (kv = 0; kv <= 8192; kv += 8192)
            printf "attn_decode,%d,%d,%d\n", n, kv, n * kv * us
    }'
    printf 'attn_prefill,%s,0\n' 1,0 8192,0 1,8192 8192,8192
}

# trace SEED RATE [ARG...]
trace() {
    trace-gen -n 10000 --seed "$1" --rate "$2" --prompt pareto:1.15,36,4096 --answer pareto:1.15,36,4096 "${@:3}"
}

# replay TRACE ARG...: preemptions, mean and P99 of TTFT, mean of e2e, migrations, longest downtime.
replay() {
    trace-replay --cost a10.csv --kv-blocks 850 --replicas 8 "${@:2}" "$1" | awk '
        { v[$1] = $2 }
        END { print v["preemptions"], v["ttft_mean_s"], v["ttft_p99_s"], v["e2e_mean_s"], v["migrations"] + 0, v["migration_down_max_s"] + 0 }'
}

@test "the table" {
    a10 >a10.csv
    for n in 8:27 96:27 200:46 1000:198 4000:768; do
        ok trace-cost --cost a10.csv "${n%:*}@0"
        is "${n#*:}" "$(awk '$1 == "step" { print $2 / 1000 }' "$out")"
    done
}

# Round-robin preempts 3.6 % of the requests. Seeds have 38 to 142 times, and no preemption.
@test "P99 of TTFT is a tenth of round-robin's, preemptions a fifth" {
    a10 >a10.csv
    for seed in 1 2 3; do
        trace $seed 18 >t.jsonl
        read -r p mean p99 _ <<<"$(replay t.jsonl --dispatch round-robin)"
        read -r q mean_l p99_l _ moves down <<<"$(replay t.jsonl --dispatch llumnix --migrate defrag)"
        echo "$seed: $p $mean $p99, $q $mean_l $p99_l, $moves moves, $down"
        awk "BEGIN { exit !($p99 >= 10 * $p99_l && 5 * $q <= $p && $mean >= 3 * $mean_l && $down <= .05) }"
    done
}

@test "beyond what dispatch alone can do, requests that move save preemptions and time" {
    a10 >a10.csv
    # The same with Poisson arrivals and in bursts; all seeds together.
    for arrivals in '24 poisson 1' '22 gamma 4' '22 gamma 8'; do
        read -r rate process cv <<<"$arrivals"
        for seed in 1 2 3; do
            trace $seed "$rate" --arrivals "$process" --cv "$cv" >t.jsonl
            echo "$(replay t.jsonl --dispatch llumnix) $(replay t.jsonl --dispatch llumnix --migrate defrag)"
        done >both
        cat both
        awk -v least="$([[ $cv = 1 ]] && echo 1.3 || echo 1.2)" '
            { p += $1; t += $2; q += $7; u += $8; if ($12 > .05) exit 1 }
            END { exit !(q > 0 && q <= .8 * p && t >= least * u) }' both
    done
}

@test "where there is room nothing moves, and nothing changes" {
    a10 >a10.csv
    for seed in 1 2 3; do
        trace $seed 6 >t.jsonl
        read -r _ mean p99 e2e _ <<<"$(replay t.jsonl --dispatch llumnix)"
        read -r _ mean_m p99_m e2e_m moves _ <<<"$(replay t.jsonl --dispatch llumnix --migrate defrag)"
        echo "$seed: $mean $p99 $e2e, $mean_m $p99_m $e2e_m, $moves"
        is 0 "$moves"
        is "$mean $p99 $e2e" "$mean_m $p99_m $e2e_m"
        # Nor is dispatch worth much.
        read -r _ mean p99 e2e _ <<<"$(replay t.jsonl --dispatch free-memory)"
        awk "BEGIN { exit !($e2e_m <= 1.02 * $e2e && $e2e <= 1.04 * $e2e_m) }"
    done
    # Nor for requests that are all alike.
    trace-gen -n 4000 --arrivals even --rate 30 --prompt 157 --answer 157 >t.jsonl
    read -r p _ p99 e2e _ <<<"$(replay t.jsonl --dispatch round-robin)"
    read -r q _ p99_m e2e_m moves _ <<<"$(replay t.jsonl --dispatch llumnix --migrate defrag)"
    is '0 0 0' "$p $q $moves"
    awk "BEGIN { exit !($e2e_m <= 1.04 * $e2e && $e2e <= 1.04 * $e2e_m) }"
}

# One in ten is of high priority; a decode reads its context at 500 GB/s. Seeds have 1.21 to 1.22
# times, and 1.02 to 1.05.
@test "requests of high priority are served faster, the others hardly slower" {
    a10 1.048576 >a10.csv
    for seed in 1 2 3; do
        trace-gen -n 10000 --seed $seed --rate 26 --arrivals gamma --cv 8 --prompt pareto:1.15,36,1024 \
            --answer pareto:1.15,36,1024 >plain.jsonl
        awk '{ sub(/}$/, ",\"priority\":" (NR % 10 != 3) "}"); print }' plain.jsonl >t.jsonl
        for t in plain t; do
            trace-replay --cost a10.csv --kv-blocks 850 --replicas 8 --sched vllm1 --dispatch llumnix --migrate defrag \
                --migrate-interval 0.01 --headroom 9000 -o - $t.jsonl | awk '!/^#/ { print $5 - $2 }' >$t
        done
        jq .priority t.jsonl | paste - plain t | awk '{ n[$1]++; a[$1] += $2; b[$1] += $3 }
            END { print (b[0] > 0 ? a[0] / b[0] : 0), b[1] / a[1] }'
    done >gains
    cat gains
    awk '{ high += $1 / 3; others += $2 / 3; if ($1 < 1.15 || $2 > 1.1) exit 1 }
        END { exit !(high >= 1.2 && others <= 1.05) }' gains
}

@test "as many replicas as a day needs, for fewer hours than all of them" {
    a10 >a10.csv
    trace-gen -n 20000 --rate 16 --arrivals diurnal --period 600 --swing 0.8 --prompt pareto:1.15,36,4096 \
        --answer pareto:1.15,36,4096 >t.jsonl
    # replica-seconds and P99 of TTFT
    used() {
        trace-replay --cost a10.csv --kv-blocks 850 --dispatch llumnix --migrate defrag "$@" t.jsonl |
            awk '$1 == "span_s" || $1 == "ttft_p99_s" || $1 == "replica_s" { print $2 }' | paste -sd ' '
    }
    read -r span p99 <<<"$(used --replicas 8)"
    read -r _ p99_s used <<<"$(used --autoscale 1:12 --replicas 4)"
    echo "$span $p99, $used $p99_s"
    awk "BEGIN { exit !($used <= .9 * 8 * $span && $p99_s <= $p99) }"
}
