# trace-replay with several replicas: dispatchers by hand, kinds of machine, and what must not
# change.
load helper
load trace

dispatchers='round-robin random least-outstanding shortest-queue shortest-tokens free-memory workload llumnix prefix conductor'

setup() {
    enter_work
    table >../t.csv
    requests 300 >../trace.jsonl
}

replay() {
    trace-replay --cost ../t.csv --kv-blocks 40 --check "$@"
}

# placed DISPATCHER TRACE: the replica of each request.
placed() {
    ok replay --sched vllm0 --kv-blocks 100 --replicas 3 --dispatch "$1" -o - "$2"
    awk '!/^#/ { print $10 }' "$out" | paste -sd ' '
}

@test "by hand: where requests go" {
    # All come while the first step of each replica is under way.
    cat >six.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":800,"output":4}
{"id":"b","t_ns":1000,"prompt":80,"output":4}
{"id":"c","t_ns":2000,"prompt":400,"output":4}
{"id":"d","t_ns":3000,"prompt":100,"output":4}
{"id":"e","t_ns":4000,"prompt":500,"output":4}
{"id":"f","t_ns":5000,"prompt":16,"output":4}
END
    is '0 1 2 0 1 2' "$(placed round-robin six.jsonl)"
    is '0 1 2 0 1 2' "$(placed least-outstanding six.jsonl)"
    # None waits at first, as a step begins at once.
    is '0 0 0 0 0 0' "$(placed shortest-queue <(head -1 six.jsonl; for i in 1 2 3 4 5; do
        printf '{"id":"x%d","t_ns":%d,"prompt":16,"output":1}\n' $i $((i * 1000000000)); done))"
    # Tokens due: 800, 80, 400; then 180, 680, 416.
    is '0 1 2 1 1 2' "$(placed shortest-tokens six.jsonl)"
    # Blocks free: 50, 95, 75; 88 with d waiting at the second; 56 with e.
    is '0 1 2 1 1 2' "$(placed free-memory six.jsonl)"
    # For each request 50, 95, 75; 44 at the second with d; 21 at the third with e.
    is '0 1 2 1 2 0' "$(placed llumnix six.jsonl)"
}

@test "one replica is what it was; all dispatchers serve all, the same bytes each time" {
    ok replay -o - ../trace.jsonl
    cp "$out" one
    for d in $dispatchers; do
        ok replay --replicas 1 --dispatch "$d" -o - ../trace.jsonl
        cmp one "$out"
        for s in vllm0 vllm1 sarathi; do
            ok replay --sched $s --replicas 5 --dispatch "$d" --seed 3 -o - ../trace.jsonl
            cp "$out" five
            is 301 "$(wc -l <five | tr -d ' ')"
            is 0 "$(grep -vc 'ok$\|^#' five)"
            ok replay --sched $s --replicas 5 --dispatch "$d" --seed 3 -o - ../trace.jsonl
            cmp five "$out"
        done
    done
}

@test "kinds of machine" {
    cat >c.json <<'END'
[{"count": 2, "kv_blocks": 4}, {"count": 1, "sched": "vllm1", "budget": 512, "step_overhead_us": 5}]
END
    # What the small ones cannot hold goes to the large one.
    cat >three.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":16,"output":4}
{"id":"b","t_ns":0,"prompt":400,"output":4}
{"id":"c","t_ns":0,"prompt":16,"output":4}
END
    for d in $dispatchers; do
        ok replay --cluster c.json --dispatch "$d" -o - three.jsonl
        is 2 "$(awk '$1 == "b" { print $10 }' "$out")"
        is 0 "$(grep -vc 'ok$\|^#' "$out")"
    done
    ok replay --cluster c.json ../trace.jsonl
    is 48 "$(awk '$1 == "kv_blocks" { print $2 }' "$out")"
}

@test "a cluster's file that is wrong" {
    for bad in '{}' '[]' '[' '[{"count":0}]' '[{"count":20000}]' '[{"count":1.5}]' '[{"x":1}]' \
        '[{"sched":"fifo"}]' '[{"sched":1}]' '[{"cost":5}]' '[{"cost":"a\u0000b"}]' \
        '[{"kv_blocks":-1}]' '[{"slower":0}]' '[{"kv_blocks":0}]' '[{"tp":"x"}]' '[{"cost":"none.csv"}]' \
        '[{"count":16000},{"count":16000}]'; do
        echo "$bad" >bad.json
        fails replay --cluster bad.json ../trace.jsonl
        says bad.json
    done
    says 'more than 16384'
    echo '[{"kv_blocks":4},{"kv_block":4}]' >bad.json
    fails replay --cluster bad.json ../trace.jsonl
    says "kind 2: 'kv_block' is not known"
}

# ---- programs on mixed machines, as in HexGen's paper ----

# programs N GAP SEED: Text-to-SQL programs of its stages, an eighth as long, GAP seconds apart on
# average.
programs() {
    awk -v n="$1" -v gap="$2" -v seed="$3" '
    function call(stage, prompt, output,    k) {
        printf "{\"id\":\"%d.%d\",\"t_ns\":%.0f,\"prompt\":%d,\"output\":%d,\"session\":\"%d\",\"category\":\"%s\"", \
            p, calls, t, prompt * (.7 + .6 * rand()) + 1, output * (.7 + .6 * rand()) + 1, p, stage
        for (k = from; k < to; k++)
            printf "%s\"%d.%d\"", k == from ? ",\"after\":[" : ",", p, k
        print (to > from ? "]}" : "}")
        calls++
    }
    function next_stage() { from = to; to = calls }
    BEGIN {
        srand(seed)
        for (p = 0; p < n; p++) {
            calls = from = to = 0
            call("retrieve", 38, 1); next_stage()
            call("keywords", 81, 3); next_stage()
            for (i = 0; i < 3; i++) call("retrieve", 38, 1)
            next_stage()
            for (i = 0; i < 3; i++) call("candidate", 1488, 83)
            next_stage()
            for (i = int(rand() * 5); i > 0; i--) { call("revise", 732, 9); next_stage() }
            call("test", 200, 30); next_stage()
            for (i = 0; i < 3; i++) call("evaluate", 300, 10)
            t -= gap * 1e9 * log(1 - rand())
        }
    }'
}

# p95 ARG...: of programs' times, in ms.
p95() {
    ok trace-replay --cost ../t.csv --sched vllm1 --kv-blocks 2000 "$@" programs.jsonl
    awk '$1 == "job_p95_s" { printf "%d\n", 1000 * $2 }' "$out"
}

@test "programs on mixed machines: by workload and urgency at least 1.4 times better" {
    echo '[{"count":2},{"slower":1.88},{"slower":1.79}]' >c.json
    for seed in 1 2 3; do
        programs 150 1 $seed >programs.jsonl
        rr=$(p95 --cluster c.json)
        wb=$(p95 --cluster c.json --dispatch workload)
        both=$(p95 --cluster c.json --dispatch workload --queue urgency)
        auto=$(p95 --cluster c.json --dispatch workload --queue urgency --alpha auto --alpha-window 20)
        echo "seed $seed: $rr ms; $wb; $both; $auto" >&2
        ((rr * 100 >= wb * 135 && rr * 100 >= both * 140 && auto * 100 <= both * 105))
    done
}

@test "programs on machines alike, with little to do: no gain" {
    programs 40 200 1 >programs.jsonl
    rr=$(p95 --replicas 4)
    both=$(p95 --replicas 4 --dispatch workload --queue urgency)
    ((rr * 100 <= both * 105 && both * 100 <= rr * 105))
}

@test "urgency by hand" {
    misuse replay --sched batchllm --queue urgency ../trace.jsonl
    says 'does not go with batchllm'
    # c waits longer than b, but b is the beginning of a long chain; its end has less time left too.
    cat >hand.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":400,"output":1,"session":"A","category":"x"}
{"id":"c","t_ns":1000,"prompt":16,"output":2,"session":"C","category":"y"}
{"id":"b","t_ns":2000,"prompt":16,"output":2,"session":"B","category":"y"}
{"id":"b2","t_ns":2000,"prompt":400,"output":2,"session":"B","category":"x","after":["b"]}
END
    ok replay --sched vllm0 --max-num-seqs 1 --program-slo 0.2 -o - hand.jsonl
    is 'a c b b2' "$(awk '!/^#/ { print $3, $1 }' "$out" | sort -n | awk '{ print $2 }' | paste -sd ' ')"
    ok replay --sched vllm0 --max-num-seqs 1 --program-slo 0.2 --queue urgency -o - hand.jsonl
    is 'a b b2 c' "$(awk '!/^#/ { print $3, $1 }' "$out" | sort -n | awk '{ print $2 }' | paste -sd ' ')"
    ok replay --sched vllm0 --program-slo 0.2 hand.jsonl
    is 3 "$(grep -c ^program_slo_p "$out")"
}

# ---- prefixes, and pools ----

@test "by hand: requests go where their prefix is, or it is fetched" {
    # b shares three blocks of four with a, which has ended; c comes while b is computed.
    cat >p.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":400,"output":1,"block":100,"hashes":[1,2,3,4]}
{"id":"b","t_ns":1000000000,"prompt":401,"output":1,"block":100,"hashes":[1,2,3,9]}
{"id":"c","t_ns":1001000000,"prompt":401,"output":1,"block":100,"hashes":[1,2,3,8]}
END
    prefixed() {
        ok trace-replay --cost ../t.csv --check --sched vllm1 --block-size 100 --kv-blocks 50 \
            --replicas 2 -o - "$@" p.jsonl
        awk '!/^#/ { print $10, $8, $4 - $2 }' "$out" | paste -sd ,
    }
    # 400 tokens take 50 ms, 101 (104) 13. For c the first would cost 2.02 blocks to compute and 5
    # that are held, the second 4.01.
    is '0 0 50000000,0 300 13000000,1 0 51000000' "$(prefixed --dispatch prefix)"
    is '0 0 50000000,0 300 13000000,0 300 25000000' "$(prefixed --dispatch prefix --overlap-weight 10)"
    # At a GB/s 300 tokens of 1 KiB take .3 ms: sooner than to wait for b.
    is '0 0 50000000,0 300 13000000,1 300 13307200' \
        "$(prefixed --dispatch conductor --fetch-gbs 1)"
    # At a MB/s .3 s: nothing is fetched, and c waits.
    is '0 0 50000000,0 300 13000000,0 300 25000000' \
        "$(prefixed --dispatch conductor --fetch-gbs 0.001)"
    # All are too late.
    prefixed --dispatch conductor --refuse-late --slo ttft=0.012
    is 3 "$(grep -c refused "$out")"
}

@test "what shares no prefixes has none fetched, and needs to know nothing for that" {
    # As above: the second would have got c's prefix, and computed it all the same.
    cat >p.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":400,"output":1,"block":100,"hashes":[1,2,3,4]}
{"id":"b","t_ns":1000000000,"prompt":401,"output":1,"block":100,"hashes":[1,2,3,9]}
{"id":"c","t_ns":1001000000,"prompt":401,"output":1,"block":100,"hashes":[1,2,3,8]}
END
    echo '[{"sched":"vllm1"},{"sched":"vllm0"}]' >c.json
    ok trace-replay --cost ../t.csv --check --block-size 100 --kv-blocks 50 --cluster c.json \
        --dispatch conductor --fetch-gbs 1 -o - p.jsonl
    is '0 0,0 300,0 300' "$(awk '!/^#/ { print $10, $8 }' "$out" | paste -sd ,)"
    grep -v kv_bytes ../t.csv >unknown.csv
    ok trace-replay --cost unknown.csv --check --block-size 100 --kv-blocks 50 --replicas 2 \
        --dispatch conductor p.jsonl
    fails trace-replay --cost unknown.csv --sched vllm1 --block-size 100 --kv-blocks 50 \
        --replicas 2 --dispatch conductor p.jsonl
    says 'conductor: the cost table does not say'
}

@test "what can never run waits for no prefix, and is counted" {
    cat >p.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":400,"output":1,"block":100,"hashes":[1,2,3,4]}
{"id":"b","t_ns":1000000000,"prompt":401,"output":1,"block":100,"hashes":[1,2,3,9]}
{"id":"c","t_ns":1001000000,"prompt":500,"output":1,"block":100,"hashes":[1,2,3,8,9]}
{"id":"d","t_ns":1001000000,"prompt":101,"output":1,"block":100,"hashes":[5],"after":["c"]}
END
    exits 0 trace-replay --cost ../t.csv --check --sched vllm1 --block-size 100 --kv-blocks 50 \
        --max-model-len 450 --replicas 2 --dispatch conductor -o rows p.jsonl
    says "1 requests can never run"
    is 1 "$(awk '$1 == "rejected" { print $2 }' "$out")"
    is 'ok ok rejected ok' "$(awk '!/^#/ { print $11 }' rows | paste -sd ' ')"
}

@test "requests that cannot move: who wants them to" {
    for s in static orca; do
        fails replay --sched $s --replicas 2 --pools 1:1 ../trace.jsonl
        says "pools: $s keeps memory for the longest request"
        fails replay --sched $s --replicas 2 --migrate defrag ../trace.jsonl
        says "migration: $s keeps memory for the longest request"
    done
    echo '[{"block_size":8},{"block_size":16}]' >c.json
    fails replay --cluster c.json --migrate defrag ../trace.jsonl
    says 'migration: replicas whose KV blocks differ'
    ok replay --cluster c.json ../trace.jsonl
}

@test "by hand: a prompt here, its tokens there" {
    # 8 tokens take 1 ms; 1 block of 16 KiB at 1 GB/s 16.384 us, after 1 ms.
    echo '{"id":"a","t_ns":0,"prompt":8,"output":3}' >one.jsonl
    ok trace-replay --cost ../t.csv --check --kv-blocks 40 --replicas 2 --pools 1:1 \
        --handoff-gbs 1 -o - one.jsonl
    is '1000000 4016384 1' "$(awk '!/^#/ { print $4, $5, $10 }' "$out")"
    ok trace-replay --cost ../t.csv --check --kv-blocks 40 --replicas 2 --pools 1:1 \
        --handoff-gbs 1 one.jsonl
    is 0.001016 "$(awk '$1 == "handoff_mean_s" { print $2 }' "$out")"
    sed 's/^\(# kv_bytes_per_token_per_gpu=\).*/\11e12/' ../t.csv >large.csv
    fails trace-replay --cost large.csv --kv-blocks 40 --replicas 2 --pools 1:1 --handoff-gbs 1e-9 one.jsonl
    says 'beyond 146 years'
}

@test "by hand: decodes go where a step is the shortest" {
    # A step takes a microsecond for each token of its mean context. c comes when a and b run,
    # where b is the shorter.
    sed 's/^\(attn_decode,[0-9]*,4096\),0/\1,4096/' ../t.csv >grows.csv
    cat >three.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":800,"output":200}
{"id":"b","t_ns":110000000,"prompt":8,"output":200}
{"id":"c","t_ns":120000000,"prompt":800,"output":200}
END
    ok trace-replay --cost grows.csv --check --kv-blocks 400 --replicas 3 --pools 1:2 -o rows three.jsonl
    is '1 2 2' "$(awk '!/^#/ { print $10 }' rows | paste -sd ' ')"
    # 50 + 1 + 50 blocks of 16 KiB.
    is '3 0.002' "$(awk '/^handoffs|^handoff_gb/ { print $2 }' "$out" | paste -sd ' ')"
    echo '[{"role":"prefill"},{"role":"decode","slower":2},{"role":"decode"}]' >c.json
    head -n 1 three.jsonl >one.jsonl
    ok trace-replay --cost ../t.csv --check --kv-blocks 400 --cluster c.json -o - one.jsonl
    is 2 "$(awk '!/^#/ { print $10 }' "$out")"
}

@test "pools: all is served, with failures too, and decodes are not disturbed by prompts" {
    for s in vllm0 vllm1 sarathi; do
        for d in $dispatchers; do
            ok replay --sched $s --replicas 5 --pools 2:3 --dispatch "$d" --fail 0@1+1,3@2+1 \
                -o - ../trace.jsonl
            is 0 "$(grep -vc 'ok$\|^#' "$out")"
        done
    done
    awk 'BEGIN { for (i = 0; i < 200; i++)
        printf "{\"id\":\"%d\",\"t_ns\":%.0f,\"prompt\":800,\"output\":300}\n", i, i * 60000000 }' >long.jsonl
    tbt() {
        ok trace-replay --cost ../t.csv --kv-blocks 2000 --sched vllm1 --replicas 4 "$@" long.jsonl
        awk '$1 == "tbt_p99.9_s" { printf "%d\n", 1e6 * $2 }' "$out"
    }
    ((4 * $(tbt --pools 3:1) < $(tbt)))
}

@test "pools: where none decodes any more, that is what requests wait for" {
    # The first two fill the memory where prompts are computed; the others wait for that.
    awk 'BEGIN { for (i = 0; i < 5; i++)
        printf "{\"id\":\"r%d\",\"t_ns\":%d,\"prompt\":300,\"output\":4}\n", i, i }' >five.jsonl
    fails replay --replicas 2 --pools 1:1 --fail 1@0 five.jsonl
    says "request 'r0' waits for a replica that is open, and none will be"
    ok replay --replicas 2 --pools 1:1 --fail 1@0+5 -o - five.jsonl
    is 0 "$(grep -vc 'ok$\|^#' "$out")"
}

@test "pools: blocks that a scheduler gives back late are found" {
    # When a ends where it decodes nanoflow keeps its blocks for a step that never comes.
    cat >late.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":400,"output":2}
{"id":"b","t_ns":1,"prompt":400,"output":2}
END
    ok replay --sched nanoflow --replicas 3 --pools 2:1 -o - late.jsonl
    is 0 "$(grep -vc 'ok$\|^#' "$out")"
}

@test "pools: misuse" {
    for bad in '--pools 2' '--pools 0:2' '--pools 2:0' '--pools 1:2' '--pools 1:1x' '--pools -1:3' \
        '--pools 1:1 --handoff-gbs 0' '--handoff-us -1' '--pools 1:1 --autoscale 1:2' \
        '--pools 1:1 --migrate defrag' '--fetch-ratio 0.5' '--fetch-gbs nan' '--temperature -1' \
        '--refuse-late' '--alpha 2' '--alpha x' '--program-slo -1' '--alpha-window 0'; do
        # shellcheck disable=SC2086 # options and their arguments
        misuse trace-replay --cost ../t.csv --replicas 2 $bad ../trace.jsonl
    done
    echo '[{"role":"prefill"}]' >c.json
    fails replay --cluster c.json ../trace.jsonl
    says 'need others that decode'
    echo '[{"role":"both"},{"role":"judge"}]' >c.json
    fails replay --cluster c.json ../trace.jsonl
    says "kind 2: 'role'"
}
