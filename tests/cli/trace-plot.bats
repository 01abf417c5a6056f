# trace-plot: pictures of replays.
load helper

setup() {
    enter_work
    trace-gen -n 200 --rate 3 -o ../t.jsonl
    for s in vllm0 sarathi; do
        trace-replay -q --cost roofline --model Llama-2-7B --gpu A100-80GB --sched "$s" -o "../$s.tsv" \
            ../t.jsonl >/dev/null
    done
}

@test "help, version, misuse" {
    helps trace-plot
    misuse trace-plot --what nothing ../vllm0.tsv
    misuse trace-plot --name a --name b ../vllm0.tsv
}

@test "a picture of each kind, which is XML" {
    for what in ttft tpot e2e load; do
        for tail in '' --tail; do
            # shellcheck disable=SC2086 # nothing, or an option
            ok trace-plot --what $what $tail ../vllm0.tsv ../sarathi.tsv
            grep -q '^<svg ' "$out"
            if type xmllint >/dev/null 2>&1; then xmllint --noout "$out"; fi
            grep -q 'vllm0.tsv' "$out"
            grep -q 'sarathi.tsv' "$out"
            is 2 "$(grep -c '<polyline' "$out")"
        done
    done
}

@test "names are text, not XML" {
    ok trace-plot --name 'a<b> & "c"' ../vllm0.tsv
    grep -q 'a&lt;b&gt; &amp;' "$out"
}

@test "the same bytes every time; one request is a picture too" {
    ok trace-plot ../vllm0.tsv
    cp "$out" ../once
    ok trace-plot ../vllm0.tsv
    cmp ../once "$out"
    head -n 2 ../vllm0.tsv >one.tsv
    for what in ttft tpot e2e load; do
        ok trace-plot --what $what one.tsv
    done
}

@test "files that are none" {
    fails trace-plot missing
    says missing
    : >empty
    fails trace-plot ../vllm0.tsv empty
    says empty
}

@test "output whole or not at all; lost output is reported" {
    writes_whole_or_not trace-plot ../vllm0.tsv
    reports_lost_output trace-plot ../vllm0.tsv
}
