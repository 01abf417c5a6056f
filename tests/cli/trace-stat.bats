# trace-stat: rates, lengths, shared prefixes.
load helper
load trace

setup() {
    enter_work
    cat >../small.jsonl <<'END'
{"id":"a","t_ns":0,"prompt":40,"output":1,"block":16,"hashes":[1,2]}
{"id":"b","t_ns":1000000000,"prompt":50,"output":20,"block":16,"hashes":[1,2,3],"session":"s"}
{"id":"c","t_ns":1000000000,"prompt":5,"output":7,"session":"s","after":["b"]}
{"id":"d","t_ns":4000000000,"prompt":50,"output":3,"block":16,"hashes":[1,4,3]}
END
}

@test "help, version, misuse" {
    helps trace-stat
    for bad in '--blocks x' '--blocks 1,-2' '--blocks 1,,2' '--blocks 99999999999999999999999999' \
        '--from csv' '--block x'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-stat $bad ../small.jsonl
    done
    misuse trace-stat --svg - ../small.jsonl
    misuse trace-stat --svg same -o same ../small.jsonl
    misuse trace-stat ../small.jsonl ../small.jsonl
}

@test "by hand" {
    ok trace-stat --blocks 1,2,3 ../small.jsonl
    tsv <<'END'
# what|value
requests|4
span_s|4.000
rate_per_s|0.7500
burstiness|0.935
waiting_for_others|1
prompt_mean|36.2
prompt_p50|50
prompt_p90|50
prompt_p95|50
prompt_p99|50
prompt_p99.9|50
prompt_max|50
output_mean|7.8
output_p50|7
output_p90|20
output_p95|20
output_p99|20
output_p99.9|20
output_max|20
block|16
hashes|8
hashes_unique|4
# blocks|hits|share
1|0|0.000000
2|2|0.250000
3|3|0.375000
all|3|0.375000
END
}

@test "as JSON, the same numbers" {
    ok trace-stat --blocks 2,3 --json ../small.jsonl
    is 1 "$(wc -l <"$out")"
    is '4 4 0.75 0.935 1 36.2 50 20 16 8 4' \
        "$(jq -r '[.requests, .span_s, .rate_per_s, .burstiness, .waiting_for_others, .prompt_mean,
            .prompt_p99, .output_max, .block, .hashes, .hashes_unique] | map(tostring) | join(" ")' "$out")"
    is '2 2,3 3,all 3' "$(jq -r '.reuse[] | "\(.blocks) \(.hits)"' "$out" | paste -sd ,)"
}

# lru SIZE: hits of such a cache, by the rule's words, of lines of hashes.
lru() {
    awk -v size="$1" '{
        unbroken = 1
        for (f = 1; f <= NF; f++) {
            if (!($f in at)) unbroken = 0
            hits += unbroken
            at[$f] = ++now
            if (length(at) > size) {
                oldest = ""
                for (h in at) if (oldest == "" || at[h] < at[oldest]) oldest = h
                delete at[oldest]
            }
        }
    } END { print hits + 0 }'
}

@test "hits of caches of any size, as a slow cache has them" {
    awk 'BEGIN {
        srand(3)
        for (i = 0; i < 300; i++) {
            n = 1 + int(rand() * 6)
            list = ""
            for (k = 0; k < n; k++) list = list (k ? "," : "") 100 * k + int(rand() * rand() * 20)
            printf "{\"timestamp\":%d,\"input_length\":%d,\"output_length\":1,\"hash_ids\":[%s]}\n", i, n * 512, list
        }
    }' >hashes.jsonl
    jq -r '.hash_ids | join(" ")' hashes.jsonl >lists
    ok trace-stat --blocks 1,5,20,50,90 hashes.jsonl
    cp "$out" rows
    for size in 1 5 20 50 90; do
        is "$(lru $size <lists)" "$(awk -v n=$size '$1 == n { print $2 }' rows)"
    done
    is "$(lru 100000 <lists)" "$(awk '$1 == "all" { print $2 }' rows)"
}

@test "Mooncake's digits" {
    needs traces/mooncake
    ok trace-stat --blocks 1000,5000,10000,30000,50000 "$shared/traces/mooncake/conversation_trace.jsonl"
    is '4.45 11.04 21.12 32.57 35.46 36.64' \
        "$(awk '/# blocks/ { on = 1; next } on { printf "%.2f\n", 100 * $3 }' "$out" | paste -sd ' ')"
    ok trace-stat --blocks 1000,5000,10000,30000,50000 "$shared/traces/mooncake/synthetic_trace.jsonl"
    is '8.25 27.91 42.35 62.42 63.96 63.96' \
        "$(awk '/# blocks/ { on = 1; next } on { printf "%.2f\n", 100 * $3 }' "$out" | paste -sd ' ')"
}

@test "output: whole or not at all, and never lost without a word" {
    writes_whole_or_not trace-stat ../small.jsonl
    requests 500 >many.jsonl
    reports_lost_output trace-stat many.jsonl
}

@test "lengths without times, one request, errors" {
    printf 'num_prefill_tokens,num_decode_tokens\n3,4\n' >one.csv
    ok trace-stat one.csv
    is 'requests waiting_for_others prompt_mean' "$(awk '!/^#/ { print $1 }' "$out" | head -n 3 | paste -sd ' ')"
    printf '{"id":"a","t_ns":5,"prompt":40,"output":1}\n' >one.jsonl
    ok trace-stat one.jsonl
    is 0.0000 "$(awk '$1 == "rate_per_s" { print $2 }' "$out")"
    printf '3,0\n' >>one.csv
    fails trace-stat one.csv
    says 'one.csv: line 3: the output has no tokens'
    exits 0 trace-stat --skip-bad one.csv
    says '1 bad records were left out'
    : >nothing
    fails trace-stat nothing
    says 'nothing: it is empty'
    fails trace-stat none
    fails trace-stat .
    printf 'num_prefill_tokens,num_decode_tokens\n' >header.csv
    ok trace-stat header.csv
    is 0 "$(awk '$1 == "requests" { print $2 }' "$out")"
}

@test "times that go back are an error that names the line, or left out" {
    printf '{"id":"%s","t_ns":%s,"prompt":%s,"output":1}\n' a 5000000000 7 b 2000000000 9 c 6000000000 7 >back.jsonl
    fails trace-stat back.jsonl
    says "back.jsonl: line 2: it comes 3000000000 ns before the record above it ('trace-convert --sort'"
    empty "$out"
    exits 0 trace-stat --skip-bad back.jsonl
    says '1 bad records were left out'
    is '2 1.000 7' "$(awk '$1 == "requests" || $1 == "span_s" || $1 == "prompt_max" { print $2 }' "$out" | paste -sd ' ')"
}

@test "a picture: arrivals, lengths, prefixes, which is XML" {
    ok trace-stat ../small.jsonl
    cp "$out" ../text
    ok trace-stat --svg p.svg ../small.jsonl
    cmp ../text "$out"
    if type xmllint >/dev/null 2>&1; then xmllint --noout p.svg; fi
    for title in Arrivals Lengths 'Shared prefixes'; do
        grep -q ">$title<" p.svg
    done
    ok trace-stat --svg again.svg --json ../small.jsonl
    cmp p.svg again.svg
    # Without hashes, without times: fewer charts; one request is a picture too.
    sed 's/,"block".*\]//' ../small.jsonl | head -n 1 >plain.jsonl
    ok trace-stat --svg plain.svg plain.jsonl
    lacks plain.svg prefixes
    printf 'num_prefill_tokens,num_decode_tokens\n5,6\n' >untimed.csv
    ok trace-stat --svg untimed.svg untimed.csv
    lacks untimed.svg Arrivals
    ok trace-stat --svg - -o numbers untimed.csv
    cmp untimed.svg "$out"
    misuse trace-stat --svg - untimed.csv
    echo old >old
    no_room 0 trace-stat --svg old ../small.jsonl
    is old "$(<old)"
    fails trace-stat --svg no/such/file ../small.jsonl
    says no/such/file
    fails trace-stat --svg /dev/full ../small.jsonl
    says 'No space left'
}
