# trace-gen: made-up traces.
load helper
load trace

@test "help, version, misuse" {
    ok trace-gen --help
    grep -q '^Usage: trace-gen ' "$out"
    ok trace-gen -V
    for bad in '-n 0' '--rate 0' '--rate -1' '--cv 0' '--on 0' '--swing 1.1' '--period 0' '--block 0' \
        '--prompt 1,2' '--prompt normal:1' '--prompt pareto:1,2' '--prompt pareto:1,3,2' '--prompt pareto:0,1,2' '--answer zipf:1,0' '--turns uniform:3,2' '--tool exp:' \
        '--arrivals never' 'operand'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-gen $bad
    done
    fails trace-gen -n 9 --turns 3 --tool fixed:1e12
    says centuries
}

@test "so many requests, in the order of time, the same every time" {
    ok trace-gen -n 300 --rate 5
    cp "$out" once
    is 300 "$(wc -l <once)"
    jq -e -s '[.[].t_ns] | . == sort' once >/dev/null
    jq -e -s '[.[].id] | unique | length == 300' once >/dev/null
    jq -e -s 'all(.prompt >= 1 and .output >= 1)' once >/dev/null
    ok trace-gen -n 300 --rate 5
    cmp once "$out"
    ok trace-gen -n 300 --rate 5 --seed 2
    differ once "$out"
}

@test "every process has the rate that was asked for" {
    for process in poisson gamma bursts diurnal even; do
        ok trace-gen -n 5000 --rate 4 --arrivals $process --on 1 --off 1 --period 100
        jq -e -s '(.[-1].t_ns / 1e9) as $s | 5000 / $s > 3.6 and 5000 / $s < 4.4' "$out" >/dev/null
    done
    ok trace-gen -n 50 --arrivals none
    jq -e -s 'all(.t_ns == 0)' "$out" >/dev/null
    ok trace-gen -n 5 --arrivals even --rate 2
    is '0 500000000 1000000000 1500000000 2000000000' "$(jq -r .t_ns "$out" | paste -sd ' ')"
    # What varies by less than numbers tell apart does not, and ends.
    ok timeout 20 "$SLUICE_BIN"/trace-gen -n 3 --rate 2 --arrivals gamma --cv 1e-200 --answer gamma:4,1e-200
    is '500000000 1000000000 1500000000' "$(jq -r .t_ns "$out" | paste -sd ' ')"
    jq -e -s 'all(.output == 4)' "$out" >/dev/null
}

@test "lengths: distributions, and those of a trace" {
    ok trace-gen -n 200 --prompt uniform:10,20 --answer 7
    jq -e -s 'all(.prompt >= 10 and .prompt <= 20 and .output == 7)' "$out" >/dev/null
    # Half of a Pareto of exponent 1 is above twice its least; a tenth above ten times.
    ok trace-gen -n 5000 --prompt pareto:1,100,1000
    jq -e -s '[.[].prompt] | min >= 100 and max == 1000 and (map(select(. > 200)) | length / 5000 | . > .47 and . < .53)
        and (map(select(. == 1000)) | length / 5000 | . > .08 and . < .12)' "$out" >/dev/null
    ok trace-gen -n 200 --prompt normal:3,10
    jq -e -s 'all(.prompt >= 1)' "$out" >/dev/null
    printf 'num_prefill_tokens,num_decode_tokens\n3,4\n50,60\n' >lengths.csv
    ok trace-gen -n 200 --lengths lengths.csv
    is '3 4,50 60' "$(jq -r '"\(.prompt) \(.output)"' "$out" | sort -u | paste -sd ,)"
    : >empty.csv
    fails trace-gen --lengths empty.csv
    says empty.csv
}

@test "sessions: each turn waits for the one before, and begins with all of it" {
    ok trace-gen -n 20 --turns uniform:2,5 --prompt 40 --answer 25 --tool 0.5 --block 16
    jq -e -s '
        [group_by(.session)[] | sort_by(.turn)] | length == 20 and all(.[];
            . as $turns | [range(1; length)] | all(.[]; . as $i |
                $turns[$i].after == [$turns[$i - 1].id] and
                $turns[$i].tool_ns == 500000000 and
                $turns[$i].prompt == $turns[$i - 1].prompt + 25 + 40 and
                ($turns[$i - 1].hashes + $turns[$i - 1].out_hashes) as $before |
                $turns[$i].hashes[:($before | length)] == $before and
                ($turns[$i].hashes | length) == ($turns[$i].prompt / 16 | floor)))' "$out" >/dev/null
}

@test "prefixes: as many as were asked for, shared as far as they fill blocks" {
    ok trace-gen -n 400 --prefixes 3 --prefix-tokens 40 --prompt 100 --block 16
    jq -e -s '
        all(.prompt == 140) and
        ([.[].hashes[:2]] | unique | length == 3) and
        ([.[].hashes[2]] | unique | length == 400)' "$out" >/dev/null
}

@test "prefixes that so many share, in random order or not, of lengths of their own" {
    ok trace-gen -n 50 --sharing 4 --prefix-tokens 40 --prompt 100 --common-tokens 16
    cp "$out" once
    jq -e -s '
        all(.prompt == 140) and ([.[].hashes[0]] | unique | length == 1) and
        ([group_by(.hashes[1])[] | length] | sort == [2] + [range(12) | 4]) and
        ([.[].hashes[2]] | unique | length == 50)' once >/dev/null
    ok trace-gen -n 50 --sharing 4 --prefix-tokens 40 --prompt 100 --common-tokens 16 --seed 2
    differ <(jq '.hashes[1]' once) <(jq '.hashes[1]' "$out")
    # One after the other.
    ok trace-gen -n 50 --sharing 4 --in-order --prefix-tokens 40 --prompt 100
    is 13 "$(jq '.hashes[1]' "$out" | uniq | wc -l)"
    differ <(jq '.hashes[1]' once | uniq | wc -l) <(echo 13)
    # A prefix has the same length each time, and other lengths are as without.
    ok trace-gen -n 500 --sharing uniform:1,5 --prefix-tokens uniform:100,300 --prompt 7 --block 1
    jq -e -s 'all(.prompt >= 107 and .prompt <= 307) and ([.[].prompt] | unique | length > 50) and
        ([group_by(.hashes[0])[] | map(.prompt) | unique | length] | max == 1) and
        ([group_by(.hashes[0])[] | length] | max <= 5 and (add / length) > 2.5)' "$out" >/dev/null
    ok trace-gen -n 50
    cp "$out" plain
    ok trace-gen -n 50 --sharing 4 --prefix-tokens 40
    cmp <(jq '[.t_ns, .prompt, .output]' plain) <(jq '[.t_ns, .prompt - 40, .output]' "$out")
    misuse trace-gen --sharing 4 --prefixes 2
    misuse trace-gen --in-order
    misuse trace-gen --sharing x
}

@test "output whole or not at all; lost output is reported" {
    writes_whole_or_not trace-gen -n 3
    reports_lost_output trace-gen -n 3
}
