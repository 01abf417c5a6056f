# trace-plot: pictures of replays.
load helper

setup() {
    enter_work
    trace-gen -n 200 --rate 3 -o ../t.jsonl
    for s in vllm0 sarathi; do
        trace-replay -q --cost roofline --model Llama-2-7B --gpu A100-80GB --sched "$s" -o "../$s.tsv" \
            --steps "../$s.steps" ../t.jsonl >/dev/null
    done
}

@test "help, version, misuse" {
    helps trace-plot
    misuse trace-plot --what nothing ../vllm0.tsv
    misuse trace-plot --name a --name b ../vllm0.tsv
    misuse trace-plot --what load --tail ../vllm0.tsv
}

@test "a picture of each kind, which is XML" {
    for what in ttft tpot e2e load; do
        for tail in '' --tail; do
            [[ $what$tail == load--tail ]] && continue
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

@test "batches: four charts, a line a run, from steps" {
    ok trace-plot --what batch ../vllm0.steps ../sarathi.steps
    if type xmllint >/dev/null 2>&1; then xmllint --noout "$out"; fi
    is 8 "$(grep -c '<polyline' "$out")"
    for title in 'Prompt tokens in a step' 'Decodes in a step' 'Requests that wait' 'KV blocks held'; do
        grep -q ">$title<" "$out"
    done
    is 1 "$(grep -c '>vllm0.steps<' "$out")" "$(grep -c '>sarathi.steps<' "$out")"
    cp "$out" ../once
    ok trace-plot --what batch ../vllm0.steps ../sarathi.steps
    cmp ../once "$out"
    head -n 2 ../vllm0.steps >one
    ok trace-plot --what batch one
    # 100 decodes of half the time, and nothing then, are at 100 and at 0: the first point and the last
    printf '# begin_ns\tend_ns\tdecodes\tkv_mean\twaiting\tkv_blocks\n' >half
    printf '0\t5000000000\t100\t1\t0\t0\n9999999999\t10000000000\t1\t1\t0\t0\n' >>half
    ok trace-plot --what batch half
    # of "x,y x,y ...": how many points are at the chart's top, which is 100
    is 100 "$(grep -o 'points="[^"]*"' "$out" | sed -n 2p | tr ' ' '\n' | sed 's/.*points="//' |
        awk -F , 'NR == 1 { top = $2 } $2 == top { n++ } END { print n }')"
}

@test "steps that are none" {
    fails trace-plot --what batch ../vllm0.tsv
    says 'vllm0.tsv: line '
    fails trace-plot --what ttft ../vllm0.steps
    { cat ../vllm0.steps && tail -n 1 ../vllm0.steps | cut -f 1-5; } >cut
    fails trace-plot --what batch cut
    says 'cut: line '
    awk -F '\t' 'NR > 1 { $2 = $1 } 1' OFS='\t' ../vllm0.steps >still
    fails trace-plot --what batch still
    says 'line 2'
    cut -f 1-8,11 ../vllm0.steps >less
    fails trace-plot --what batch less
    says "'waiting'"
    head -n 1 ../vllm0.steps >none
    fails trace-plot --what batch none
    says none
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
