# trace-program: made-up programs, and what trace-replay makes of them.
load helper
load trace

# Llama-2-7B's linear layers as Vidur measured them on an A100, in ms by tokens.
linear='1:9.2 64:9.7 128:12.24 192:15.92 256:17.81 384:23.57 512:33.36 768:46.0 1024:67.9 2048:133.5 4096:261.5'

# llama KV_BYTES [REQUESTS CONTEXT]: that, and attention that reads KV at 1.5 TB/s and computes 150
# TFLOP/s; of up to so many requests, of so much context.
llama() {
    awk -v linear="$linear" -v kv="$1" -v most="${2:-128}" -v context="${3:-262144}" 'BEGIN {
        printf "# num_layers=1\n# embedding_dim=4096\n# num_q_heads=32\n# num_kv_heads=32\n"
        printf "# head_dim=128\n# tp=1\n# gpu_mem_gib=80\n# params_per_gpu=6700000000\n"
        printf "# kv_bytes_per_token_per_gpu=%d\n# token_rounding=1\nop,a,b,us\n", kv
        n = split(linear, v, /[: ]/)
        for (i = 1; i < n; i += 2)
            printf "linear,%d,0,%.1f\n", v[i], 1000 * v[i + 1]
        us = kv / 1.5e6
        for (i = 0; i < 4; i++) {
            a = i % 2 ? most : 1
            b = i > 1 ? context : 0
            printf "attn_decode,%d,%d,%.6f\n", a, b, a * b * us
        }
        split("1 64 128 256 512 1024 2048 4096", c, " ")
        for (i = 1; i <= 8; i++)
            for (b = 0; b <= 262144; b += 262144)
                printf "attn_prefill,%d,%d,%.6f\n", c[i], b, \
                    4 * c[i] * (b + c[i] / 2) * 4096 * 32 / 150e6 + b * us
    }'
}

# run_it TABLE OPTIONS: a replay of t.jsonl with $blocks of KV, its rows in rows.
run_it() {
    local table=$1
    shift
    ok trace-replay --cost "$table" --step-overhead-us 1000 --kv-blocks "${blocks:-40000}" -o rows "$@" t.jsonl
}

# value NAME: of the summary.
value() {
    # shellcheck disable=SC2154 # helper.bash has it
    awk -v name="$1" '$1 == name { print $2 }' "$out"
}

# holds EXPRESSION
holds() {
    awk "BEGIN { exit !($1) }" || {
        echo "not: $1"
        return 1
    }
}

@test "contexts without queries: misuse, or no trace" {
    misuse trace-program --kind sleep --queries 0
    says "'--queries' is 1 or more"
    misuse trace-program --kind sleep --policy always --queries fixed:0.4
    fails trace-program --kind sleep --queries uniform:0,0.4 -o t.jsonl
    says 'no context has a query'
    [[ ! -e t.jsonl ]]
    ok trace-program --kind prune --queries 0 -n 1
}

@test "help, version, misuse" {
    ok trace-program --help
    grep -q '^Usage: trace-program ' "$out"
    ok trace-program -V
    for bad in '-n 0' '--rate 0' '--paths 0' '--paths 4097' '--kind never' '--stop never' '--summary x' \
        '--path 1,2' '--answer zipf:1,0' '--sleep 0' '--before 0' '--after 0' '--useful 1.1' \
        '--weight -1' '--tasks 0' '--depth 13' '--fanout 0' '--conclusion 0' \
        '--thought 0 --leaf 0' '--queries x' '--wait exp:' operand; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-program $bad
    done
}

@test "the same every time, in the order of time; output whole or not at all" {
    for kind in parathink sleep prune; do
        ok trace-program --kind $kind -n 20 --buffer 1
        cp "$out" once
        jq -e -s '[.[].t_ns] | . == sort' once >/dev/null
        is "$(wc -l <once)" "$(jq -r .id once | sort -u | wc -l)"
        ok trace-program --kind $kind -n 20 --buffer 1
        cmp once "$out"
        ok trace-program --kind $kind -n 20 --buffer 1 --seed 2
        differ once "$out"
        ok trace-convert once
        cmp once "$out"
    done
    rm once
    writes_whole_or_not trace-program -n 3
    reports_lost_output trace-program -n 3
}

@test "paths: what each request is made of" {
    ok trace-program -n 30 --paths 5 --stop half
    jq -e -s 'group_by(.session) | all(.[];
        (map(select(.category == "path"))) as $paths | .[0] as $x | .[-1] as $s |
        ($paths | length) == 5 and $x.output == 1 and
        ($paths | all(.prompt == $x.prompt + 1 and .after == [$x.id] and .joins == 1 and
            .race == $x.session and .winners == 3)) and
        $s.after == ($paths | map(.id)) and $s.joins == 5 and $s.common == $x.prompt and
        $s.prompt == $x.prompt + 1 + ($paths | map(1 + .output) | add))' "$out" >/dev/null
    ok trace-program -n 3 --paths 1 --summary reprefill
    jq -e -s 'map(select(.category == "summary")) | all(.reuse == 0 and .common == null)' "$out" \
        >/dev/null
    ok trace-program -n 3 --summary none
    jq -e -s 'all(.category != "summary")' "$out" >/dev/null
}

# ParaThinker's figures: at batch 1 a decode waits for memory, so paths are nearly free where KV is
# small; the prompt and each path are held once.
@test "eight paths take 1.15 times as long as one at most, sixteen 1.5" {
    llama 58368 >gqa.csv # 57 KiB a token
    llama 524288 >mha.csv
    for kv in gqa mha; do
        for paths in 1 8 16; do
            ok trace-program -n 1 --arrivals none --prompt 300 --paths $paths --path 8192 \
                --summary none -o t.jsonl
            run_it $kv.csv --sched vllm1
            value span_s >$kv.$paths
            is $((300 / 16 + paths * ((300 % 16 + 8192 + 15) / 16))) "$(value kv_peak)"
            is $((300 * paths)) "$(value reused_tokens)"
        done
    done
    holds "$(cat gqa.8) <= 1.15 * $(cat gqa.1) && $(cat gqa.16) < 1.5 * $(cat gqa.1)"
    # With eight times the KV they are not.
    holds "$(cat mha.8) > 1.7 * $(cat mha.1) && $(cat mha.8) < 2 * $(cat mha.1)"
}

@test "at batch 64 paths are not free any more" {
    llama 58368 1024 16384 >gqa.csv
    for n in 1 64; do
        for paths in 1 2 4 8; do
            ok trace-program -n $n --arrivals none --prompt 300 --paths $paths --path 512 \
                --summary none -o t.jsonl
            run_it gqa.csv --sched vllm1 --max-num-seqs 1024
            value span_s >$n.$paths
        done
    done
    holds "$(cat 1.8) < 1.1 * $(cat 1.1) && $(cat 64.8) > 3 * $(cat 64.1)"
    holds "$(cat 64.1) < $(cat 64.2) && $(cat 64.2) < $(cat 64.4) && $(cat 64.4) < $(cat 64.8)"
}

@test "a summary that reuses its paths comes ten times sooner than one that reads them again" {
    local blocks=5000
    llama 58368 >gqa.csv
    for how in reuse reprefill; do
        ok trace-program -n 1 --prompt 300 --paths 8 --path 8192 --summary $how -o t.jsonl
        run_it gqa.csv --sched vllm1 --check
        awk '$1 == "0.s" { print $4 - $2 }' rows >$how
    done
    holds "$(cat reprefill) > 10 * $(cat reuse)"
    # Control: of one path of one token there is nothing to win.
    for how in reuse reprefill; do
        ok trace-program -n 1 --prompt 1 --paths 1 --path 1 --summary $how -o t.jsonl
        run_it gqa.csv --sched vllm1
        awk '$1 == "0.s" { print $4 - $2 }' rows >$how
    done
    holds "$(cat reprefill) < 1.01 * $(cat reuse)"
}

@test "where the first to end stops the others, paths are as long as the shortest" {
    llama 58368 >gqa.csv
    for seed in 1 2 3; do
        for stop in last first; do
            ok trace-program -n 30 --arrivals even --rate 0.005 --paths 8 --stop $stop --seed $seed \
                --path lognormal:2000,1000 -o t.jsonl
            run_it gqa.csv --sched vllm1
            # Decoded tokens of the longest path of each program, and of all.
            awk -F '\t' '$1 ~ /[.]p/ {
                split($1, name, ".")
                if ($7 > most[name[1]]) most[name[1]] = $7
                all += $7
            } END { for (k in most) sum += most[k]; print sum, all }' rows >$stop
        done
        read -r longest _ <last
        read -r shortest all <first
        jq -s 'map(select(.category == "path")) | group_by(.session) |
            map([.[].output]) | (map(max) | add), (map(min) | add)' t.jsonl | paste -sd ' ' >bounds
        is "$longest $shortest" "$(cat bounds)"
        is $((8 * shortest)) "$all"
        holds "$longest > 2.5 * $shortest"
        is 210 "$(value stopped)"
    done
    # Control: of equal paths none is stopped.
    ok trace-program -n 5 --paths 8 --path 300 --stop first --arrivals even --rate .01 -o t.jsonl
    run_it gqa.csv --sched vllm1
    is 0 "$(value stopped)"
}

# Sleep-time compute's algebra: B = 5b, n = 20B, a token that is waited for weighs 10.
@test "thinking ahead pays from three queries on, and 2.5-fold at ten" {
    llama 58368 >gqa.csv
    for queries in 1 2 3 5 10; do
        for policy in always rho; do
            ok trace-program --kind sleep -n 10 --arrivals even --rate .005 --wait 100 \
                --queries $queries --policy $policy --prompt 500 -o t.jsonl
            run_it gqa.csv --sched sarathi
            value cost_per_request >$queries.$policy
        done
        holds "$(cat $queries.always) - 4000 / $queries - 10 * 40 < .001"
    done
    ok trace-program --kind sleep -n 10 --arrivals even --rate .005 --wait 100 --policy never -o t.jsonl
    run_it gqa.csv --sched sarathi
    is 2000.0000 "$(value cost_per_request)"
    is 2.5 "$(awk -v a="$(cat 10.always)" 'BEGIN { print 2000 / a }')"
    holds "$(cat 2.always) > 2000 && $(cat 3.always) < 2000"
    is "2000.0000 2000.0000 $(cat 3.always)" "$(cat 1.rho) $(cat 2.rho) $(cat 3.rho)"
    # Control: queries that were not foreseen gain nothing, and the thinking is lost.
    ok trace-program --kind sleep -n 10 --wait 100 --policy always --useful 0 -o t.jsonl
    run_it gqa.csv --sched sarathi
    is 2400.0000 "$(value cost_per_request)"
    ok trace-program --kind sleep -n 10 --wait 100 --useful 0
    jq -e -s 'all(.category == "query")' "$out" >/dev/null
}

# mixed RATE POLICY SEED: an eighth of the requests are queries, ten to a context; the others have
# nothing to do with them. Percentiles of those in ten minutes from the fifteenth on.
mixed() {
    ok trace-program --kind sleep -n "$(awk "BEGIN { print int($1 / 80 * 1500) }")" \
        --rate "$(awk "BEGIN { print $1 / 80 }")" --wait uniform:60,120 --policy "$2" --seed "$3" \
        --prompt lognormal:400,200 --sleep 2000 --before 100 --after 20 -o a.jsonl
    ok trace-gen -n "$(awk "BEGIN { print int($1 * .875 * 1500) }")" --seed "$3" \
        --rate "$(awk "BEGIN { print $1 * .875 }")" --prompt lognormal:400,200 \
        --answer lognormal:100,50 -o b.jsonl
    ok trace-convert --merge a.jsonl b.jsonl -o t.jsonl
    ok trace-replay --cost gqa.csv --sched sarathi --step-overhead-us 1000 --kv-blocks 30000 \
        --background 48 -o rows t.jsonl
    for who in '^0/.*q' '^1/'; do
        awk -v who="$who" '$11 == "ok" && $1 ~ who && $2 > 900e9 && $2 < 1500e9 {
            printf "%d\n", ($5 - $2) / 1000 }' rows | sort -n |
            awk '{ v[NR - 1] = $1 } END { i = int(.95 * NR); print v[i < NR - 1 ? i : NR - 1] }'
    done | paste -sd ' '
}

@test "at 60 % load queries come twice as fast and others wait 5 % longer at most" {
    llama 58368 >gqa.csv
    # At 28.5 requests a second half of them begin within two seconds.
    for seed in 1 2 3; do
        read -r before_q before_o < <(mixed 17 never $seed)
        read -r after_q after_o < <(mixed 17 always $seed)
        holds "$before_q > 2 * $after_q && $after_o < 1.05 * $before_o"
    done
}

@test "at 95 % load thinking ahead starves, and harms nobody" {
    llama 58368 >gqa.csv
    read -r before_q before_o < <(mixed 27 never 1)
    read -r after_q after_o < <(mixed 27 always 1)
    holds "$after_q < 1.02 * $before_q && $after_o < 1.02 * $before_o"
    # Of 506 contexts.
    holds "$(awk -F '\t' '$1 ~ /z$/ && $5 < 1500e9 { n++ } END { print n + 0 }' rows) < 51"
}

@test "a tree of tasks whose lists are dropped holds a fraction of it" {
    local blocks=2400
    llama 58368 >gqa.csv
    for buffer in all 0 1 2 4; do
        # shellcheck disable=SC2046 # an option and its argument
        ok trace-program --kind prune -n 1 --prompt 1 $([[ $buffer == all ]] || echo --buffer $buffer) \
            -o t.jsonl
        run_it gqa.csv --sched vllm1
        value kv_peak >$buffer.peak
        value span_s >$buffer.span
        value computed_tokens >$buffer.computed
        is 37600 "$(value output_tokens)"
    done
    is 2350 "$(cat all.peak)" # 37,600 tokens: the last has no place
    holds "$(cat 4.peak) <= .15 * 2350 && $(cat 0.peak) < $(cat 1.peak)"
    holds "$(cat 1.peak) < $(cat 2.peak) && $(cat 2.peak) < $(cat 4.peak)"
    # What is computed again grows with the buffer, and takes little time.
    is 37600 "$(cat 0.computed)"
    holds "$(cat 1.computed) < $(cat 2.computed) && $(cat 2.computed) < $(cat 4.computed)"
    holds "$(cat 2.span) < 1.03 * $(cat 0.span) && $(cat 2.span) < $(cat all.span)"
    # Control: without parts there is nothing to drop.
    ok trace-program --kind prune -n 1 --depth 0 --buffer 0
    is 1 "$(wc -l <"$out")"
}

@test "programs on several replicas, and merged ones, under every scheduler: nothing is lost" {
    ok trace-program -n 12 --rate 2 --paths 3 --stop half --path lognormal:100,80 -o a.jsonl
    ok trace-program --kind sleep -n 12 --rate 2 --wait exp:2 --queries 4 --policy always \
        --sleep 200 -o b.jsonl
    ok trace-program --kind prune -n 4 --rate 2 --tasks 2 --depth 2 --buffer 1 -o c.jsonl
    ok trace-convert --merge a.jsonl b.jsonl c.jsonl -o t.jsonl
    # What is told apart in each file stays apart.
    jq -e -s 'map(select(.race)) | all(.race == .session)' t.jsonl >/dev/null
    jq -e -s '(map(.id) | unique) as $ids | map(select(.if_ended)) |
        length == 48 and all(.if_ended as $z | $ids | index($z))' t.jsonl >/dev/null
    llama 58368 >gqa.csv
    for sched in static orca vllm0 vllm1 sarathi splitfuse lightllm continuum nanoflow; do
        for replicas in 1 3; do
            ok trace-replay --cost gqa.csv --extrapolate --sched $sched --kv-blocks 700 --background 4 \
                --replicas $replicas --max-model-len 4000 --check -o rows t.jsonl
            is "$(wc -l <t.jsonl)" "$(tail -n +2 rows | wc -l)"
            is 12 "$(value background_requests)"
            is "$(grep -c 'stopped$' rows)" "$(value stopped)"
        done
    done
}

# Nobody waits for b, which goes on for long after a has ended: the span is a's, the GPU's time both's.
@test "a GPU is busy all of the time at most, with a background that outlasts the rest" {
    printf '{"id":"a","t_ns":0,"prompt":10,"output":2}\n{"id":"b","t_ns":0,"prompt":1000,"output":2000,"background":true}\n' >b.jsonl
    ok trace-replay -q --cost roofline --model Llama-3.2-1B --gpu A100-80GB --sched vllm1 -o rows b.jsonl
    is 1.0000 "$(value busy_share)"
    is "$(awk -F'\t' '$1 == "a" { printf "%.6f", $5 / 1e9 }' rows)" "$(value span_s)"
}
