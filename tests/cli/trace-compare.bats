# trace-compare: a replay beside what was measured.
load helper

setup() {
    enter_work
    printf '# id\tarrival_ns\tstart_ns\tfirst_token_ns\tend_ns\tprompt\toutput\tprefix_hit_tokens\tpreemptions\treplica\tstatus\n' >replay.tsv
    printf 'a\t0\t0\t1000000000\t3000000000\t5\t3\t0\t0\t0\tok\n' >>replay.tsv
    printf 'b\t1000000000\t1000000000\t3000000000\t3000000000\t5\t1\t0\t0\t0\tok\n' >>replay.tsv
    printf 'c\t1000000000\t-1\t-1\t-1\t5\t9\t0\t0\t0\trejected\n' >>replay.tsv
    cat >measured.jsonl <<'EOF'
{"request_id":"x","input_toks":5,"output_toks":3,"queued_ts":10.5,"first_token_ts":11.5,"last_token_ts":13.5}
{"request_id":"y","input_toks":5,"output_toks":1,"queued_ts":20,"first_token_ts":24,"last_token_ts":24}
EOF
}

@test "help, version, misuse" {
    helps trace-compare
    misuse trace-compare replay.tsv
    misuse trace-compare replay.tsv measured.jsonl replay.tsv
}

@test "by hand" {
    ok trace-compare replay.tsv measured.jsonl
    is 'ttft	mean	1.500000	2.500000	-0.4000' "$(sed -n 2p "$out")"
    is 'ttft	p50	2.000000	4.000000	-0.5000' "$(sed -n 3p "$out")"
    is 'tpot	mean	1.000000	1.000000	0.0000' "$(grep '^tpot.mean' "$out")"
    is 'e2e	mean	2.500000	3.500000	-0.2857' "$(grep '^e2e.mean' "$out")"
    is 19 "$(wc -l <"$out")"
    ok trace-compare --json replay.tsv measured.jsonl
    is -0.4 "$(jq -r 'select(.metric == "ttft" and .what == "mean").error' "$out")"
}

@test "what Vidur writes" {
    printf 'id,prompt_tokens,output_tokens,ttft_s,e2e_s,scheduling_delay_s,restarts\n0,5.0,3.0,1.0,3.0,0.0,0\n1,5.0,1.0,2.0,2.0,0.0,0\n' >vidur.csv
    ok trace-compare --fail-above 0 replay.tsv vidur.csv
    # Quotes, CR LF and a byte order mark change nothing.
    { printf '\xef\xbb\xbf' && sed 's/[^,]*/"&"/g; s/$/\r/' vidur.csv; } >windows.csv
    ok trace-compare --fail-above 0 replay.tsv windows.csv
}

@test "a bound on the errors sets the exit code" {
    misuse trace-compare --fail-above -1 replay.tsv measured.jsonl
    says "'--fail-above' is 0 or more"
    ok trace-compare --fail-above 0.5 replay.tsv measured.jsonl
    exits 1 trace-compare --fail-above 0.49 replay.tsv measured.jsonl
    says 'ttft p50 is -0.5'
    [[ -s $out ]]
    is 19 "$(wc -l <"$out")"
}

@test "another number of requests is said" {
    head -n 1 measured.jsonl >one.jsonl
    exits 0 trace-compare replay.tsv one.jsonl
    says '2 requests are replayed, 1 measured'
    ok trace-compare -q replay.tsv one.jsonl
}

@test "files that are none" {
    : >empty
    fails trace-compare empty measured.jsonl
    says empty
    fails trace-compare missing measured.jsonl
    says missing
    echo 'what is this' >text
    fails trace-compare replay.tsv text
    says 'text: line 1'
    { cat measured.jsonl && echo '{"queued_ts":1,"first_token_ts":0.5,"last_token_ts":2,"output_toks":2}'; } >early.jsonl
    fails trace-compare replay.tsv early.jsonl
    says 'early.jsonl: line 3'
    { cat replay.tsv && printf 'd\t0\tx\n'; } >short.tsv
    fails trace-compare short.tsv measured.jsonl
    says 'short.tsv: line 5'
    { cat measured.jsonl && echo '{"queued_ts":"a","first_token_ts":0.5,"last_token_ts":2,"output_toks":2}'; } >word.jsonl
    fails trace-compare replay.tsv word.jsonl
    says 'word.jsonl: line 3'
}

@test "output whole or not at all; lost output is reported" {
    cp replay.tsv measured.jsonl ..
    rm replay.tsv measured.jsonl
    writes_whole_or_not trace-compare ../replay.tsv ../measured.jsonl
    reports_lost_output trace-compare ../replay.tsv ../measured.jsonl
}

@test "rows that are none are named, and none is lost" {
    head='# id\tarrival_ns\tfirst_token_ns\tend_ns\toutput\tstatus'
    printf "$head"'\na\t0\t5\t9\t2\tok\n' >good
    while IFS='|' read -r row sentence; do
        { cat good && printf '%b\n' "$row"; } >bad
        fails trace-compare good bad
        says "bad: line 3: $sentence"
    done <<'END'
b\t0\t5\t9\t2\tfine|'status' is none of 'ok', 'stopped', 'rejected' and 'refused'
b\t0\t5\t9\t0\tok|the output has no tokens
b\t0\t5\t9\t-2\tok|the output has no tokens
b\t0\t5\t1e300\t2\tok|'end_ns' is a time beyond 146 years
b\t0\tnan\t9\t2\tok|'first_token_ns' is no number
b\t0\t5\t9\t2|there are 5 fields
b\t0\t5\t9\t2\tok\tmore|there are 7 fields, the header has 6
b\t0\t9\t5\t2\tok|a token comes before the request
#b\t0\tx\t9\t2\tok|'first_token_ns' is no number
END
    printf "$head"'\na\t0\t5\t9\t2\tok\nb\t0\t5\0\t9\t2\tok\n' >nul
    fails trace-compare good nul
    says "nul: line 3: 'first_token_ns' is no number"
    # Ids that begin like a comment; comments, and headers once more, as of files in a row.
    printf "$head"'\n#a\t0\t5\t9\t2\tok\n# said\n'"$head"'\n# a\t0\t7\t9\t2\tok\n' >ids
    ok trace-compare ids ids
    exits 0 trace-compare good ids
    says '1 requests are replayed, 2 measured'
    echo '{"queued_ts":1,"first_token_ts":2,"last_token_ts":3,"output_toks":2}' >run
    ok trace-compare run run
    for bad in 's/2,/"2",/' 's/}/,"queued_ts":1}/' 's/3,/null,/'; do
        { cat run && sed "$bad" run; } >two
        fails trace-compare run two
        says 'two: line 2: '
    done
}

@test "rows of every status that trace-replay writes; of what never ran there are no times" {
    RO='--cost roofline --model Llama-3.2-1B --gpu A100-80GB'
    cat >race.jsonl <<'END'
{"id":"x","t_ns":0,"prompt":300,"output":1}
{"id":"p","t_ns":0,"prompt":301,"output":90,"after":["x"],"joins":1,"race":"r","winners":1}
{"id":"q","t_ns":0,"prompt":301,"output":70,"after":["x"],"joins":1,"race":"r","winners":1}
END
    # shellcheck disable=SC2086 # several words
    trace-replay -q $RO -o race.tsv race.jsonl >summary
    grep -q 'stopped$' race.tsv
    ok trace-compare --fail-above 0 race.tsv race.tsv
    # What it gave it gave: its times are those of the summary, too.
    is "$(awk -F'\t' '$1 == "ttft_mean_s" { printf "%.6f", $2 }' summary)" \
        "$(awk -F'\t' '$1 == "ttft" && $2 == "mean" { print $3 }' "$out")"
    trace-plot -o p.svg race.tsv
    { cat race.tsv && printf 'r\t0\t-1\t-1\t-1\t5\t9\t0\t0\t0\trefused\ns\t0\t-1\t-1\t-1\t5\t0\t0\t0\t0\tstopped\n'; } >more.tsv
    ok trace-compare --fail-above 0 race.tsv more.tsv
}

@test "no tpot, no rows of it, and no error" {
    printf 'ttft_s,e2e_s,output_tokens\n1,1,1\n' >one
    printf 'ttft_s,e2e_s,output_tokens\n1,3,3\n' >three
    ok trace-compare --fail-above 5 one three
    lacks "$out" tpot
    is 13 "$(wc -l <"$out")"
}

@test "a comma in quotes parts no field" {
    printf 'ttft_s,e2e_s,output_tokens\n1,3,3\n' >plain
    printf '"id, or ""name""",ttft_s,e2e_s,output_tokens\n"x, ""y""",1,3,3\n' >quoted
    ok trace-compare --fail-above 0 plain quoted
    printf 'id,ttft_s,e2e_s,output_tokens\n"x,1,3,3\n' >open
    fails trace-compare plain open
    says 'open: line 2: a quote in field 1 is not closed'
}

@test "standard input is one file" {
    misuse trace-compare - - <measured.jsonl
    says 'standard input'
    misuse trace-plot - - <measured.jsonl
    misuse trace-convert --merge - - <measured.jsonl
    for bad in 'trace-replay --cost - -' 'trace-capacity --cost - --tbt 1 -' 'trace-capacity --costs - --tbt 1 -' \
        'trace-plan --model - --gpu A100-80GB -' 'trace-cost --cost - --model - 1:1'; do
        # shellcheck disable=SC2086 # several words
        misuse $bad <measured.jsonl
        says 'standard input is one file'
    done
}
