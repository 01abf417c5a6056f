#!/usr/bin/env bats
# bench.bats - the table of figures that benchmarks fill (tests/bench/claims.sh), and the page that is made of it.
# shellcheck disable=SC2016 # scripts of their own

load helper

# family PARTS SCRIPT [PART...]: a benchmark of its own; rows are in build/bench/toy.tsv.
family() {
    mkdir -p build/bench
    echo 'read_gb 10' >build/bench/limits
    printf '. "%s/tests/bench/claims.sh"\n%s\nclaims toy "%s" build "$@"\n' "$root" "$2" "$1" >toy.sh
    BENCH_DATA=data run bash -euo pipefail toy.sh "${@:3}"
}

# cells N FILE: of rows, without the head.
cells() { awk -F '\t' -v n="$1" '!/^#/ && $1 != "family" { print $n }' "${2:-build/bench/toy.tsv}"; }

@test "a row says what the ratio is, and whether every value is as asked" {
    family one '
        one() {
            row more ">= 2" 10,30 5,10 ours/base c
            row few ">= 2" 10,15 5,10 ours/base c
            row less "<= 1" 2 4 ours/base c
            row in .9..1.1 1 - ours c
            row out .9..1.1 1.2 - ours c
            row same "= 3" 3 - ours c
            row turned ">= 4" 2 8 base/ours c
            row apart ">= -.5" 1 1.4 ours-base c
            row nothing - 1 2 ours/base c
            row unreached ">= 1" - 2 ours/base c
            row missing ">= 1" "" 2 ours/base c
            row alone ">= 1" 5 - ours/base c
            row endless ">= 5" 0 3 base/ours c
        }'
    [ "$status" -eq 0 ]
    [ "$(cells 9 | paste -sd ' ')" = 'yes NO yes yes NO yes yes yes - NO NO NO yes' ]
    [ "$(cells 8 | paste -sd ' ')" = '2,3 2,1.5 0.5 - - - 4 -0.4 0.5 - - - inf' ]
    [ "$(cells 1 | sort -u)" = toy ]
    [ "$(cells 10 | sort -u)" = c ]
}

@test "a part that fails loses neither its rows nor the others', and is said in the end" {
    family 'good bad late absent' '
        good() { row good - 1 - ours c; }
        bad() {
            row before - 1 - ours c
            false | cat
            row after - 1 - ours c
        }
        late() { row late - 1 - ours c; }
        absent() { there data/nothing; row absent - 1 - ours c; }'
    [ "$status" -eq 1 ]
    [ "$(cells 3 | paste -sd ' ')" = 'good before bad late absent' ]
    [ "$(cells 9 | paste -sd ' ')" = '- - failed - left out' ]
    [[ $output == *'1 left out, 1 failed' ]]
    family 'good absent' 'good() { row good - 1 - ours c; }; absent() { skip "no data"; }' good
    [ "$status" -eq 0 ]
    [ "$(cells 3)" = good ]
    family 'good' 'good() { :; }' nonesuch
    [ "$status" -eq 2 ]
}

@test "an interrupted run keeps what is measured" {
    family 'quick slow' 'quick() { row quick - 1 - ours c; }; slow() { row half - 1 - ours c; kill -TERM $$; sleep 1; row whole - 1 - ours c; }'
    [ "$status" -ne 0 ]
    [ "$(cells 3 | head -n 2 | paste -sd ' ')" = 'quick half' ]
}

@test "between two settings a figure is read off a straight line of logarithms" {
    family one 'one() { printf "%s\n" ".9 100" ".99 1" | at .945; printf "%s\n" ".9 100" | at .95; echo; printf "%s\n" ".97 7" ".99 5" | at .95; }'
    [ "${lines[1]}" = 10 ]
    [ "${lines[2]}" = - ]
    [ "${lines[3]}" = 7 ]
}

@test "the page has every figure and picture, whatever their names are" {
    local report=$SLUICE_BIN/../tests/bench/report evil='<script>alert(1)</script>"x&'
    [[ -x $report ]] || skip 'report is not built'
    {
        printf '# machine\t%s\n# part %s\n' "$evil" "$evil"
        printf 'family\tpart\tfigure\tasked\tours\tbaseline\tcompare\tratio\tas asked\tcommand\n'
        printf '%s\t%s\t%s\t>= 2\t30000,12\t10,6\tours/base\t3000,2\tyes\t%s\n' "$evil" "$evil" "$evil" "$evil"
        printf '%s\tp\tshort\t<= 2\t%s\t-\tours\t-\tNO\tc\n' "$evil" "$evil"
        printf 'b\tp\tp\t-\t-\t-\t-\t-\tleft out\tno data\n'
    } >report.tsv
    {
        printf 'fashion784\t%s\t.9%s\t%s\t%s\n' "$evil" 0 100 "$evil" "$evil" 9 10 "$evil"
        printf 'bars-ttft\tP50\t%s\t2\t%s\nbars-tbt\tP50\ta\tnan\nnonesuch\ta\t1\t1\nfm\n' "$evil" "$evil"
    } >points
    run "$report" report.tsv points
    [ "$status" -eq 0 ]
    [[ $output == *'<h1>1 of 2 figures are as asked</h1>'* ]]
    [[ $output == *'>30,000, 12'* ]]
    [ "$(grep -o '<svg' <<<"$output" | wc -l)" = 3 ]
    [[ $output != *'<script'* ]]
    [[ $output != *'"x&'* ]]
    [ "$(grep -o '&lt;script&gt;alert(1)&lt;/script&gt;' <<<"$output" | wc -l)" -ge 12 ]
    : >empty
    run "$report" empty empty
    [ "$status" -eq 0 ]
    run "$report" missing points
    [ "$status" -eq 1 ]
}
