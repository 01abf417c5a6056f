# shellcheck shell=bash
# shellcheck disable=SC2154 # who sources this sets what its head says
# claims.sh - what is claimed, as rows of a table, to be sourced: values of several runs beside others, and whether they are as
# asked. The caller sets root (the tree) and calls claims at its end, which sets tsv (rows are added to it), part (its name), out (a
# file: the output of the last command).

# ---- what the tests have, too ----

# take FILE NAME...: functions and lists of a file of tests, none of which is within another.
take() {
    local name
    for name in "${@:2}"; do
        # shellcheck disable=SC1090 # what is there
        . <(sed -n -e "/^$name() {/,/^}/p" -e "/^$name=/p" "$root/tests/cli/$1.bats")
    done
}

ok() { "$@" >"$out"; }

skip() {
    row "$part" - - - ours "left out: $*"
    exit 0
}

# value NAME [FILE]: of a summary.
value() { awk -v name="$1" '$1 == name { print $2 }' "${2:-$out}"; }

# ---- rows ----

# row FIGURE ASKED OURS BASELINE COMPARE COMMAND: ASKED is "OPERATOR NUMBER", "LEAST..MOST", or "-"; COMPARE is base/ours,
# ours/base, ours-base, or ours.
row() {
    awk -v OFS='\t' -v figure="$1" -v asked="$2" -v ours="$3" -v base="$4" -v compare="$5" -v command="$6" '
    function good(x,    bound) {
        if (split(asked, bound, /[.][.]/) == 2) return x >= bound[1] + 0 && x <= bound[2] + 0
        split(asked, bound, " ")
        return bound[1] == ">=" ? x >= bound[2] + 0 : bound[1] == "<=" ? x <= bound[2] + 0 : \
            bound[1] == "<" ? x < bound[2] + 0 : bound[1] == ">" ? x > bound[2] + 0 : x == bound[2] + 0
    }
    function over(a, b) { return b != 0 ? a / b : a == 0 ? 1 : inf }
    function joined(list, x) { return list (list == "" ? "" : ",") (x == inf ? "inf" : sprintf("%.5g", x)) }
    BEGIN {
        inf = 1e99
        met = asked == "-" ? "-" : "yes"
        n = split(ours, o, ",")
        if (met == "yes" && (n == 0 || (compare != "ours" && split(base, b, ",") != n))) met = "NO" # a command failed
        split(base, b, ",")
        for (i = 1; i <= n; i++) {
            x = compare == "base/ours" ? over(b[i], o[i]) : compare == "ours/base" ? over(o[i], b[i]) : \
                compare == "ours-base" ? o[i] - b[i] : o[i]
            if (met == "yes" && !good(x)) met = "NO"
            ratio = joined(ratio, x)
            if (ours != "-") shown = joined(shown, o[i])
            if (base != "-") shown_base = joined(shown_base, b[i])
        }
        if (shown == "") shown = "-"
        if (shown_base == "") shown_base = "-"
        if (compare == "ours") ratio = "-"
        print figure, asked, shown, shown_base, compare, ratio, met, command
    }' | tee -a "$tsv"
}

# add NAME VALUE...: to lists of that name, one for each value: NAME.1, NAME.2, ..., which are empty at first.
declare -A list
add() {
    local name=$1 i=0 x
    shift
    for x in "$@"; do
        i=$((i + 1))
        list[$name.$i]+=${list[$name.$i]:+,}$x
    done
}

# timed COMMAND...: lines "cpu seconds", "wall seconds" and "mib peak" of three runs, in took; its output in $out.
timed() {
    : >took
    for _ in 1 2 3; do
        # TOOL: 1.0 s wall, 0.9 s user, 0.1 s system, peak memory 5.0 MiB
        "$@" -v 2>&1 >"$out" | awk '/ s wall, .* peak memory / { print "wall", $2; print "cpu", $5 + $8; print "mib", $13 }' >>took
    done
}

# mean LIST
mean() { tr , '\n' <<<"$1" | awk '{ sum += $1 } END { print sum / NR }'; }

# claims NAME PARTS BUILD_DIR [PART...]: the table of some of the parts, functions, or of all; on stdout and in
# BUILD_DIR/bench/NAME.tsv. The tools are those of BUILD_DIR; parts run in a folder that is removed at the end.
claims() {
    local build parts
    build=$(cd "${3:?BUILD_DIR is missing}" && pwd)
    tsv=$build/bench/$1.tsv
    read -ra parts <<<"${*:4}"
    [ ${#parts[@]} -gt 0 ] || read -ra parts <<<"$2"
    PATH=$build/bin:$PATH
    mkdir -p "$build/bench"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/in"
    cd "$work/in"
    out=$work/out # of the last command, as in the tests
    printf 'figure\tasked\tours\tbaseline\tcompare\tratio\tas asked\tcommand\n' | tee "$tsv"
    for part in "${parts[@]}"; do
        (set -e; "$part")
    done
    awk -F '\t' 'NR > 1 && $7 != "-" { n[$7]++ } END { printf "# %d as asked, %d not\n", n["yes"], n["NO"] }' "$tsv"
}
