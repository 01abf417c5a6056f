# shellcheck shell=bash
# shellcheck disable=SC2034 # who sources this uses what its head says
# claims.sh - figures as rows of a table, to be sourced by every bench-FAMILY.sh: values of ours, of several runs perhaps, beside a
# peer's or a limit, and whether they are as asked.
#
# It sets root (the tree), data and vectors. The caller calls claims at its end, which sets tsv (rows are added to it), points (of
# pictures), part (its name), build and out (a file: the output of the last command). Told by the environment:
#   BENCH_DATA   where corpora, vectors and the peers' indexes are (default: build/bench/data of the tree)
#   FULL         not empty: more rounds, more seeds, larger sets; `full` says so, `unless_full A B` is B then, else A
#   QUIET        a command by which what is measured is run, as in `alone COMMAND`
#
# Columns, as bench-all.sh's report has them:
#   family part figure asked ours baseline compare ratio as_asked command
# as_asked: yes, NO, - where nothing is asked, "left out" where something is missing, "failed" where a part has ended early; these
# two have a reason for a command. Lines that begin with # say when, of which commit, and what a part took.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
data=${BENCH_DATA:-$root/build/bench/data}
mkdir -p "$data/vec"
data=$(cd "$data" && pwd) vectors=$data/vec
read -ra quiet <<<"${QUIET:-}"

full() { [ -n "${FULL:-}" ]; }
unless_full() { if full; then echo "$2"; else echo "$1"; fi; }
seeds() { unless_full 1 '1 2 3'; } # of what takes long
alone() { "${quiet[@]}" "$@"; }

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

# value NAME [FILE]: of a summary.
value() { awk -v name="$1" '$1 == name { print $2 }' "${2:-$out}"; }

# best less|more NAME FILE: the best of the lines "NAME value ..." of a log of several runs.
best() {
    awk -v k="$1" -v n="$2" '$1 == n && (!seen++ || (k == "less" ? $2 < v : $2 > v)) { v = $2 }
        END { print seen ? v : "-" }' "$3"
}

# fresh FILE SOURCE...: it is there, and newer than all of these; false: it is to be made anew.
fresh() {
    local source
    for source in "${@:2}"; do
        [ "$1" -nt "$source" ] || return 1
    done
}

# bytes FILE
bytes() { stat -Lc %s "$1"; }

# reckon EXPRESSION [NAME=VALUE...]: a number.
reckon() {
    local given=() v
    for v in "${@:2}"; do given+=(-v "$v"); done
    awk "${given[@]}" "BEGIN { printf \"%.6g\", $1 }"
}

# ---- rows ----

# put FIGURE ASKED OURS BASELINE COMPARE RATIO AS_ASKED COMMAND
put() {
    local IFS=$'\t'
    printf '%s\n' "$family"$'\t'"$part"$'\t'"$*" | tee -a "$tsv"
}

# row FIGURE ASKED OURS BASELINE COMPARE COMMAND: ASKED is "OPERATOR NUMBER", "LEAST..MOST", or "-"; COMPARE is base/ours,
# ours/base, ours-base, or ours.
row() {
    local shown
    shown=$(awk -v OFS='\t' -v asked="$2" -v ours="$3" -v base="$4" -v compare="$5" '
    function good(x,    bound) {
        if (split(asked, bound, /[.][.]/) == 2) return x >= bound[1] + 0 && x <= bound[2] + 0
        split(asked, bound, " ")
        return bound[1] == ">=" ? x >= bound[2] + 0 : bound[1] == "<=" ? x <= bound[2] + 0 : \
            bound[1] == "<" ? x < bound[2] + 0 : bound[1] == ">" ? x > bound[2] + 0 : x == bound[2] + 0
    }
    function over(a, b) { return b != 0 ? a / b : a == 0 ? 1 : inf }
    function joined(list, x) { return list (list == "" ? "" : ",") (x == "-" ? x : x == inf ? "inf" : sprintf("%.5g", x)) }
    BEGIN {
        inf = 1e99
        met = asked == "-" ? "-" : "yes"
        n = split(ours, o, ",")
        if (met == "yes" && (n == 0 || (compare != "ours" && split(base, b, ",") != n))) met = "NO" # a command failed
        split(base, b, ",")
        for (i = 1; i <= n; i++) {
            none = o[i] == "-" || (compare != "ours" && b[i] == "-") # nothing was reached that could be compared
            x = none ? "-" : compare == "base/ours" ? over(b[i], o[i]) : compare == "ours/base" ? over(o[i], b[i]) : \
                compare == "ours-base" ? o[i] - b[i] : o[i]
            if (met == "yes" && (none || !good(x))) met = "NO"
            ratio = joined(ratio, x)
            if (ours != "-") shown = joined(shown, o[i])
            if (base != "-") shown_base = joined(shown_base, b[i])
        }
        if (shown == "") shown = "-"
        if (shown_base == "") shown_base = "-"
        if (compare == "ours" || ratio == "") ratio = "-"
        print asked, shown, shown_base, compare, ratio, met
    }')
    put "$1" "$shown" "$6"
}

# point PICTURE SERIES X Y [TEXT]: of a picture that report.c knows.
point() {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$points"
}

# skip WHY...: what is left of the part is left out.
skip() {
    put "$part" - - - - - 'left out' "$*"
    exit 0
}

# there FILE...: the part is left out where one is not.
there() {
    local file
    for file in "$@"; do
        [ -e "$file" ] || skip "no $file"
    done
}

# with_full: what is left of the part is left out, unless all is asked for.
with_full() {
    full || skip 'only with FULL=1'
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

# timed COMMAND...: lines "cpu seconds", "wall seconds" and "mib peak" of two runs, in took, of three with FULL=1; its output in $out.
timed() {
    : >took
    for _ in $(seq "$(unless_full 2 3)"); do
        # TOOL: 1.0 s wall, 0.9 s user, 0.1 s system, peak memory 5.0 MiB
        alone "$@" -v 2>&1 >"$out" | awk '/ s wall, .* peak memory / { print "wall", $2; print "cpu", $5 + $8; print "mib", $13 }' >>took
    done
}

# mean LIST
mean() { tr , '\n' <<<"$1" | awk '{ sum += $1 } END { print sum / NR }'; }

# at X: of lines "x y ..." the y (of column $2, 2 if not given) at X, on a logarithmic scale between the two lines around it; "-"
# where none reach it. All are beyond: that of the first, which is at least as good.
at() {
    sort -g | awk -v x="$1" -v c="${2:-2}" '
        $1 >= x { printf "%.6g\n", had ? exp(log(q) + (log($c) - log(q)) * (x - r) / ($1 - r)) : $c; found = 1; exit }
        { r = $1; q = $c; had = 1 }
        END { if (!found) print "-" }'
}

# ---- peers ----

# compiled SOURCE [LIBRARY...]: a peer, as $build/bench/NAME; the part is left out where a header of it is missing.
compiled() {
    local source=$root/tests/bench/$1 program=$build/bench/${1%.cpp}
    [ "$program" -nt "$source" ] || g++ -O3 -march=native -std=c++17 -fopenmp "$source" -o "$program" "${@:2}" 2>"$out" ||
        { cat "$out" >&2; skip "$1 does not compile: make deps-bench"; }
}

# kept INDEX COMMAND...: a peer's index, which the command makes; what it says of its building is in INDEX.log. Both stay beside the
# data, as building takes minutes, and are made anew with FULL=1; kept_when says when that was, if it was not in this run.
kept() {
    local index=$1
    kept_when=
    if ! [ -e "$index" ] || ! [ -s "$index.log" ] || { full && [ "$index.log" -ot "$build/bench/limits" ]; }; then
        rm -f "$index.log"
        "${@:2}" >"$index.log.new"
        mv "$index.log.new" "$index.log"
    elif [ "$index.log" -ot "$build/bench/limits" ]; then
        kept_when=", built $(date -u -r "$index.log" +%F)"
    fi
}

# ---- the machine ----

# limit NAME: what the machine can do at all, measured once a run: $build/bench/limits.
limit() { value "$1" "$build/bench/limits"; }

measure_limits() {
    for _ in 1 2 3; do "$build/tests/bench/limits" peaks; done >"$build/bench/limits.runs"
    awk '!($1 in v) || $2 > v[$1] { v[$1] = $2 } END { for (n in v) print n, v[n] }' "$build/bench/limits.runs" | sort >"$build/bench/limits"
    "$build/tests/bench/limits" | sed 's/^machine: //; s/^/what /' >>"$build/bench/limits"
}

# ---- a family ----

# commit: of the tree, with a plus where files have changed since.
commit() {
    git -C "$root" describe --always --dirty=+ --exclude '*' 2>/dev/null || cat "$root/VERSION"
}

# run_part: its rows, in a folder of its own; where it has ended early, a row says so. (Not to be called where a failure is asked for, as in a condition:
# there bash would go on within the part.)
run_part() {
    local rc from=$SECONDS
    set +e
    (set -e; mkdir "$part"; cd "$part"; "$part")
    rc=$?
    set -e
    if [ $rc != 0 ]; then
        failed=1
        put "$part" - - - - - failed "exit code $rc; what was measured before stands above"
    fi
    printf '# part %s %s: %d s\n' "$family" "$part" $((SECONDS - from)) >>"$tsv"
}

# claims NAME PARTS BUILD_DIR [PART...]: the table of some of the parts, functions, or of all; on stdout and in
# BUILD_DIR/bench/NAME.tsv, points of pictures in BUILD_DIR/bench/NAME.points. The tools are those of BUILD_DIR; parts run in a
# folder that is removed at the end. Exits with 1 if a part has failed: the others are done all the same.
claims() {
    local parts failed=0
    family=$1
    build=$(cd "${3:?BUILD_DIR is missing}" && pwd)
    read -ra parts <<<"${*:4}"
    [ ${#parts[@]} -gt 0 ] || read -ra parts <<<"$2"
    for part in "${parts[@]}"; do
        [[ " $2 " = *" $part "* ]] || { echo "bench-$family.sh: no part '$part' of: $2" >&2; exit 2; }
    done
    mkdir -p "$build/bench"
    tsv=$build/bench/$family.tsv points=$build/bench/$family.points
    PATH=$build/bin:$build/tests/bench:$PATH
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/in"
    cd "$work/in"
    out=$work/out # of the last command, as in the tests
    [ -s "$build/bench/limits" ] || measure_limits
    : >"$points"
    printf '# family %s: %s, commit %s%s\n' "$family" "$(date -u '+%F %R UTC')" "$(commit)" "${FULL:+, all rounds}" >"$tsv"
    printf 'family\tpart\tfigure\tasked\tours\tbaseline\tcompare\tratio\tas asked\tcommand\n' | tee -a "$tsv"
    for part in "${parts[@]}"; do
        run_part
    done
    awk -F '\t' '!/^#/ { n[$9]++ } END { printf "# %s: %d as asked, %d not, %d left out, %d failed\n", "'"$family"'", n["yes"], n["NO"], n["left out"], n["failed"] }' "$tsv"
    return $failed
}
