# trace-replay with replicas that come and go, and requests that move between them. Random cases,
# with all invariants, are in prop_sched.c.
load helper
load trace

setup() {
    enter_work
    table >../t.csv
    requests 300 >../trace.jsonl
    # At replica 0 a and c, at replica 1 b, which is soon over.
    cat >../moves.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":304,"output":200}
{"id":"b","t_ns":0,"prompt":8,"output":1}
{"id":"c","t_ns":1,"prompt":296,"output":100}
END
    printf '{"id":"a","t_ns":0,"prompt":8,"output":10}\n' >../one.jsonl
}

replay() {
    trace-replay --cost ../t.csv --kv-blocks 60 --check "$@"
}

# value NAME FILE: of a summary.
value() {
    awk -v name="$1" '$1 == name { print $2 }' "$2"
}

# ends FILE: when each request ended, and where.
ends() {
    awk '!/^#/ { printf "%s %.9g@%d", sep, $5 / 1e6, $10; sep = "," } END { print "" }' "$1"
}

# marks FILE: of a timeline, what happened when to which replica.
marks() {
    jq -r '[.[] | select(.ph == "i") | "\(.ts * 1000 | round / 1e6) \(.pid) \(.name)"] | join(", ")' "$1"
}

@test "misuse" {
    for bad in '--migrate yes' '--migrate-interval 0' '--migrate-link-gbs 0' '--migrate-downtime-ms -1' \
        '--migrate-out 4' '--migrate-in 2' '--migrate-last-blocks 0' '--migrate-stages 0' \
        '--migrate-request fcw' '--headroom 9999999999' '--autoscale 0:2' '--autoscale 3:2' \
        '--autoscale 3' '--autoscale 1:99999' '--autoscale 2:3 --replicas 1' '--autoscale 1.5:2' \
        '--scale-interval 0' '--startup -1' '--scale-up 60' '--fail 1@5' '--fail 0' '--fail 0@' \
        '--fail 0@x' '--fail 0@5+0' '--fail 0@5,' '--fail 0@-5' '--fail-notice -1' \
        '--fail 0@99999999999'; do
        # shellcheck disable=SC2086 # options and their arguments
        misuse trace-replay --cost ../t.csv $bad ../one.jsonl
    done
    for sched in static orca; do
        fails replay --replicas 2 --migrate defrag --sched $sched ../one.jsonl
        says 'none of its can move'
    done
    sed '/kv_bytes_per_token/d' ../t.csv >no.csv
    fails trace-replay --cost no.csv --kv-blocks 60 --replicas 2 --migrate defrag ../one.jsonl
    says 'how large'
    echo '[{"count":1,"block_size":16},{"count":1,"block_size":32}]' >kinds.json
    fails replay --cluster kinds.json --migrate defrag ../one.jsonl
    says 'differ'
    fails replay --cluster kinds.json --autoscale 1:3 ../one.jsonl
    says 'all 2 replicas'
    fails replay --cluster kinds.json --fail 2@5 ../one.jsonl
    says 'no replica 2'
}

# A block takes a millisecond. At 50 ms replica 0 has 22 of 60 blocks for two requests; its step ends
# at 75. c's first 18 blocks are copied by 93, then the last two, and 30 ms: 81 tokens are left.
@test "by hand: a request moves while it runs" {
    moves() {
        ok replay --replicas 2 --migrate defrag --migrate-link-gbs 0.016384 --migrate-out 12 \
            --migrate-in 12 --timeline t.json -o rows "$@" ../moves.jsonl
        ends rows
    }
    is ' 274@0, 1@1, 206@1' "$(moves)"
    is '1 0 0.000328' "$(value migrations "$out") $(value migration_aborts "$out") $(value migrated_gb "$out")"
    is '0.032000 0.032000' "$(value migration_down_max_s "$out") $(value migration_gap_max_s "$out")"
    is '125 1 a request moves in' "$(marks t.json)"
    is ' 274@0, 1@1, 206@1' "$(moves --migrate-request lcr)"
    is ' 307@1, 1@1, 174@0' "$(moves --migrate-request lr)"
    is ' 274@0, 1@1, 176@1' "$(moves --migrate-downtime-ms 0)"
    # All at once: 19 blocks from 75 ms on, 99 tokens left.
    is ' 274@0, 1@1, 223@1' "$(moves --migrate-last-blocks 100)"
    # Nor is a block ever there.
    fails replay --replicas 2 --migrate defrag --migrate-link-gbs 1e-18 --migrate-out 12 --migrate-in 12 \
        ../moves.jsonl
    says 'beyond 146 years'
    # One stage does not do.
    is ' 274@0, 1@1, 174@0' "$(moves --migrate-stages 1)"
    is 0 "$(value migrations "$out")"
    # Replica 1 would have 40 blocks left for one request, replica 0 42.
    is ' 274@0, 1@1, 174@0' "$(moves --migrate balanced)"
    # Replica 1 fails in the last stage: c goes on where it was. Or replica 0: c restarts, as a does.
    is ' 274@0, 1@1, 191@0' "$(moves --fail 1@0.110)"
    is '0 1 0' "$(value migrations "$out") $(value migration_aborts "$out") $(value restarted "$out")"
    moves --fail 0@0.110
    is '0 1 2' "$(value migrations "$out") $(value migration_aborts "$out") $(value restarted "$out")"
    is '1 1 1' "$(awk '!/^#/ { print $10 }' rows | paste -sd ' ')"
}

# 5 tokens are given at 5 ms; the step to 6 ms is broken off; 13 tokens take 2 ms.
@test "by hand: a replica fails" {
    ok replay --replicas 2 --fail 0@0.0055 -o rows --timeline t.json ../one.jsonl
    is ' 11.5@1' "$(ends rows)"
    is '1 0.017000' "$(value restarted "$out") $(value replica_s "$out")"
    is '5.5 0 fails' "$(marks t.json)"
    # Alone, it waits until the replica is back.
    ok replay --fail 0@0.0055+0.01 -o rows --timeline t.json ../one.jsonl
    is ' 21.5@0' "$(ends rows)"
    is '5.5 0 fails, 15.5 0 opens' "$(marks t.json)"
    is '0.011500' "$(value replica_s "$out")"
    # A notice may come before the trace begins.
    ok replay --replicas 2 --fail 1@0.001 --fail-notice 0.0025005 --timeline t.json ../one.jsonl
    grep -qF '"ts":-1500.500}' t.json
    jq -e . t.json >/dev/null
    fails replay --fail 0@0.0055 ../one.jsonl
    says "request 'a' waits for a replica that is open, and none will be"
    # Told before, it takes no more, and moves what it can.
    ok replay --replicas 2 --fail 0@0.0055 --fail-notice 0.003 --migrate defrag --migrate-downtime-ms 1 \
        --migrate-interval 0.001 -o rows --timeline t.json ../one.jsonl
    is '0 1' "$(value restarted "$out") $(value migrations "$out")"
    is ' 11.002048@1' "$(ends rows)"
    is '2.5 0 drains, 4.002048 1 a request moves in, 4.002048 0 goes off, 5.5 0 fails' "$(marks t.json)"
    # What will come after the end does not matter.
    ok replay --fail 0@1000 -o rows ../one.jsonl
    is ' 10@0' "$(ends rows)"
    is 0.010000 "$(value replica_s "$out")"
}

@test "a step that a failure breaks off counts nowhere: the rows of steps are the summary's" {
    ok replay --replicas 2 --fail 0@0.0055 --steps steps ../one.jsonl
    # The sixth is broken off.
    awk -F '\t' '!/^#/ && $13 == 0 { n++; end = $2 } END { exit !(n == 5 && end == 5e6) }' steps
    for sched in static orca vllm0 vllm1 sarathi splitfuse lightllm continuum nanoflow batchllm fastswitch; do
        ok replay --sched $sched --kv-blocks 40 --replicas 3 --fail 0@0.50001,1@1.00003+1,2@1.5+0.2,0@2 \
            --steps steps --timeline t.json ../trace.jsonl
        is "$(sed 1d steps | wc -l)" "$(jq '[.[] | select(.ph == "X")] | length' t.json)"
        is "$(awk -F '\t' '!/^#/ { n++; t += $3; ns += $2 - $1; moved += $12 } END { printf "%d %d %.6f %.6f", n, t, 1e-9 * ns / n, 1e-9 * moved }' steps)" \
            "$(value steps "$out") $(value computed_tokens "$out") $(value step_mean_s "$out") $(value transfer_s "$out")"
        # Busy were replicas for those, and for what was broken off: three steps at most.
        awk -v share="$(value busy_share "$out")" -v on="$(value replica_s "$out")" \
            '!/^#/ { s += 1e-9 * ($2 - $1); most = $2 - $1 > most ? $2 - $1 : most }
             END { rest = share * on - s; exit !(rest > -1e-4 * on && rest < 4e-9 * most + 1e-4 * on) }' steps
    done
}

@test "failures lose nothing, whatever the scheduler and the dispatcher" {
    for sched in static orca vllm0 vllm1 sarathi splitfuse lightllm continuum nanoflow; do
        for d in round-robin random least-outstanding shortest-tokens free-memory llumnix workload; do
            ok replay --sched $sched --kv-blocks 40 --replicas 3 --dispatch $d --fail 0@0.5,1@1+1,2@1.5+0.2,0@2 \
                -o rows ../trace.jsonl
            is 300 "$(grep -c 'ok$' rows)"
            is "$(jq -s 'map(.output) | add' ../trace.jsonl)" "$(value output_tokens "$out")"
            [ "$(value restarted "$out")" -gt 0 ]
        done
    done
    # Machines that differ: what only the large one can take waits for it.
    echo '[{"count":2,"kv_blocks":4},{"count":1,"kv_blocks":40}]' >kinds.json
    ok replay --cluster kinds.json --fail 2@0.5+2,0@1 --dispatch shortest-queue -o rows ../trace.jsonl
    is 300 "$(grep -c 'ok$' rows)"
    awk '!/^#/ && $6 + $7 > 65 && $10 != 2 { exit 1 }' rows
    fails replay --cluster kinds.json --fail 2@0.5 ../trace.jsonl
    says 'waits for a replica that is open'
}

@test "as many replicas as are needed" {
    trace-gen -n 2000 --rate 40 --arrivals bursts --on 20 --off 20 --prompt 60 --answer exp:30 -o bursts.jsonl
    ok replay --replicas 6 --dispatch llumnix bursts.jsonl
    cp "$out" all
    ok replay --autoscale 1:6 --dispatch llumnix --scale-interval 1 --startup 2 --scale-up 5 --scale-down 25 -o rows --timeline t.json bursts.jsonl
    is 2000 "$(grep -c 'ok$' rows)"
    awk -v used="$(value replica_s "$out")" -v span="$(value span_s all)" 'BEGIN { exit !(used < .8 * 6 * span && used > span) }'
    for what in starts opens drains 'goes off'; do
        marks t.json | grep -q " $what"
    done
    is 0 "$(value restarted "$out")"
    cp rows once
    ok replay --autoscale 1:6 --dispatch llumnix --scale-interval 1 --startup 2 --scale-up 5 --scale-down 25 -o rows bursts.jsonl
    cmp once rows
    # With failures and moves: all are served. Those that go drain sooner where requests move.
    ok replay --autoscale 1:6 --dispatch llumnix --scale-interval 1 --startup 2 --scale-up 5 --scale-down 25 --migrate defrag \
        --fail 0@10+20,1@30 --fail-notice 0.5 -o rows bursts.jsonl
    is 2000 "$(grep -c 'ok$' rows)"
    [ "$(value migrations "$out")" -gt 0 ]
    # Never more than are needed for nothing; as many as there must be.
    ok replay --autoscale 2:6 --scale-interval 1 --scale-down 25 ../trace.jsonl
    awk -v used="$(value replica_s "$out")" -v span="$(value span_s "$out")" 'BEGIN { exit !(used >= 1.99 * span) }'
    # That with the fewest requests goes.
    echo '{"id":"a","t_ns":0,"prompt":8,"output":900}' >one.jsonl
    ok replay --replicas 2 --autoscale 1:2 --scale-interval 0.1 --scale-up 0 --scale-down 1 --timeline t.json one.jsonl
    is '100 1 drains, 100 1 goes off' "$(marks t.json)"
    # One fails for good, and another takes its place.
    ok replay --autoscale 1:2 --fail 0@1 --startup 0.5 -o rows ../trace.jsonl
    is 300 "$(grep -c 'ok$' rows)"
    # At the next look, though no request comes: it is open when one does.
    echo '{"id":"b","t_ns":5000000000,"prompt":8,"output":10}' | cat ../one.jsonl - >two.jsonl
    ok replay --autoscale 1:2 --fail 0@1.5+2.2 --scale-interval 1 --startup 1 -o rows --timeline t.json two.jsonl
    is '1500 0 fails, 2000 1 starts, 3000 1 opens, 3700 0 opens, 4000 1 drains, 4000 1 goes off' "$(marks t.json)"
}

# At ten looks a second 45 billion.
@test "between requests that are years apart nobody looks for nothing" {
    echo '{"id":"b","t_ns":4500000000000000000,"prompt":8,"output":10}' | cat ../one.jsonl - >two.jsonl
    ok timeout 20 trace-replay --cost ../t.csv --kv-blocks 60 --check --autoscale 1:4 --replicas 3 --scale-interval 0.1 --scale-down 1000 \
        --migrate defrag --fail 0@30+60 -o rows two.jsonl
    is 2 "$(grep -c 'ok$' rows)"
}

@test "64 replicas with all of it: the same bytes, step by step too" {
    trace-gen -n 20000 --rate 400 --arrivals gamma --cv 4 --prompt pareto:1.15,36,600 --answer pareto:1.15,36,300 -o many.jsonl
    all=(--kv-blocks 100 --replicas 40 --autoscale 30:64 --startup 1 --scale-interval 2 --dispatch llumnix
        --migrate defrag --fail '5@10+5,6@12,7@14+1' --fail-notice 0.2)
    ok trace-replay --cost ../t.csv "${all[@]}" -o rows many.jsonl
    cp "$out" summary
    ok trace-replay --cost ../t.csv "${all[@]}" -o again many.jsonl
    cmp rows again
    ok replay "${all[@]}" -o again many.jsonl
    cmp rows again
    cmp summary "$out"
    [ "$(value migrations "$out")" -gt 0 ]
}
