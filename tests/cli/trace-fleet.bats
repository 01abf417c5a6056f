# trace-replay with several replicas: dispatchers by hand, kinds of machine, and what must not
# change.
load helper
load trace

dispatchers='round-robin random least-outstanding shortest-queue shortest-tokens free-memory'

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
        '[{"kv_blocks":-1}]' '[{"kv_blocks":0}]' '[{"tp":"x"}]' '[{"cost":"none.csv"}]' \
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
