#!/usr/bin/env bash
# bench-all.sh BUILD_DIR REPORT_DIR [FAMILY...]: every benchmark beside its peers, in one run, and one report of all: REPORT_DIR has
# report.tsv, report.json and report.html, a page that needs nothing else. Families: fm vec ann filter spann tenant trace fleet.
#
# What the machine can do at all is measured first; data that is missing is made (make-data.sh; NO_DATA=1: not). The report is
# written after each family, so that an interrupted run keeps what is finished; of one family (make bench-FAMILY) the others' rows
# stay as they were, with their own dates. Meant for 15 minutes on two cores that are left alone. Exits with 1 if a part has
# failed; figures that are not as asked are no failure: the report counts them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
all='fm vec ann filter spann tenant trace fleet'
build=$(cd "${1:?usage: bench-all.sh BUILD_DIR REPORT_DIR [FAMILY...]}" && pwd)
mkdir -p "${2:?REPORT_DIR is missing}" "$build/bench"
to=$(cd "$2" && pwd)
families=("${@:3}")
began=$SECONDS failed=()
export BENCH_DATA=$data

# about: the machine and the run, lines "# NAME<tab>VALUE".
about() {
    printf '# %s\t%s\n' \
        date "$(date -u '+%F %R UTC')" \
        commit "$(commit)" \
        machine "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | sort -u | head -n 1), $(sed -n 's/, read [0-9.]* GB.s//; s/^what //p' "$build/bench/limits")" \
        memory "$(awk '$1 == "MemTotal:" { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)" \
        limits "read $(limit read_gb) GB/s on one thread, $(limit read_two_gb) on two; $(limit fma_gflops) GFLOP/s f32, $(limit vnni_gops) GOP/s int8 on one" \
        'load at the beginning' "$load" \
        compiler "$(${CC:-gcc} --version | head -n 1)" \
        system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release), Linux $(uname -r)" \
        rounds "$(unless_full 'as by default' 'all, by FULL=1')"
}

# report: of all families that have rows, in their order.
report() {
    local family have=()
    for family in $all; do
        [ ! -s "$build/bench/$family.tsv" ] || have+=("$build/bench/$family")
    done
    [ ${#have[@]} -gt 0 ] || return 0
    {
        cat "$build/bench/about"
        grep -h '^#' "${have[@]/%/.tsv}" || true
        head -qn 2 "${have[0]}.tsv" | grep -v '^#'
        for family in "${have[@]}"; do sed '/^#/d; /^family\t/d' "$family.tsv"; done
    } >"$to/report.tsv.new"
    cat "${have[@]/%/.points}" >"$build/bench/points"
    jq -Rn '
        def name: gsub(" "; "_");
        [inputs] as $lines | ($lines | map(select(startswith("#") | not) | split("\t"))) as $rows |
        {about: ($lines | map(select(test("^# [^\t]*\t")) | ltrimstr("# ") | split("\t") | {(.[0] | name): .[1]}) | add),
         notes: ($lines | map(select(startswith("#") and (contains("\t") | not)) | ltrimstr("# "))),
         rows: ($rows[1:] | map([$rows[0], .] | transpose | map({(.[0] | name): .[1]}) | add))}' \
        "$to/report.tsv.new" >"$to/report.json.new"
    "$build/tests/bench/report" "$to/report.tsv.new" "$build/bench/points" >"$to/report.html.new"
    for family in tsv json html; do mv "$to/report.$family.new" "$to/report.$family"; done
}

# run FAMILY
run() {
    echo "==== $1" >&2
    "$here/bench-$1.sh" "$build" || failed+=("$1")
    report
}

# Replays are one thread each, and their figures are simulated, or processor seconds: the two families of them share the machine.
run_both() {
    local pid
    "$here/bench-fleet.sh" "$build" >"$build/bench/fleet.out" 2>&1 &
    pid=$!
    run trace
    wait $pid || failed+=(fleet)
    cat "$build/bench/fleet.out"
    report
}

interrupted() {
    # shellcheck disable=SC2046 # none, or one
    kill $(jobs -p) 2>/dev/null || true
    report
    echo "bench: interrupted; what is finished is in $to/report.html" >&2
    exit 130
}

if [ ${#families[@]} = 0 ]; then
    read -ra families <<<"$all"
    for family in $all; do rm -f "$build/bench/$family".{tsv,points}; done
fi
load=$(cut -d' ' -f1-3 /proc/loadavg)
measure_limits
about | tee "$build/bench/about"
[ -n "${NO_DATA:-}" ] || "$here/make-data.sh" "$build" "$data"
trap interrupted INT TERM
for family in "${families[@]}"; do
    case "$family ${families[*]}" in
    trace*fleet*) run_both ;;
    fleet*trace*) ;;
    *) run "$family" ;;
    esac
done
awk -F '\t' '!/^#/ && $1 != "family" { n[$9]++ }
    END { printf "%d figures as asked, %d not, %d parts left out, %d failed\n", n["yes"], n["NO"], n["left out"], n["failed"] }' "$to/report.tsv"
echo "$((SECONDS - began)) s; $to/report.html, report.json, report.tsv"
[ ${#failed[@]} = 0 ] || { echo "bench: parts of these have failed: ${failed[*]}" >&2; exit 1; }
