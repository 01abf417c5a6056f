#!/usr/bin/env bash
# run.sh BUILD SECONDS NAME...: runs fuzz targets (make fuzz), so long each, two at a time. New inputs go
# to BUILD/fuzz/NAME, what crashes, leaks, or takes too long or too much to BUILD/fuzz/found/NAME; a line
# a target: executions, coverage. Exit 1 if anything was found.
#
# run.sh --keep BUILD NAME...: makes tests/fuzz/corpus/NAME anew: the fewest inputs, of it and of
# BUILD/fuzz/NAME, that reach what all of them do (make fuzz-keep).
set -u
here=$(cd "$(dirname "$0")" && pwd)

# Freed memory is kept for a while, to find who still uses it, but not so that it counts as use.
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=32
export UBSAN_OPTIONS=print_stacktrace=1
export OMP_WAIT_POLICY=passive

# Bytes of an input.
longest() {
    case $1 in
    ann | fm | codec) echo 8000 ;;
    where | spec) echo 600 ;;
    *) echo 3000 ;;
    esac
}

# Finds that pass now, in 10 s of processor time, which with sanitizers are about 2, go to MENDED:
# those of earlier runs that were mended, and what was slow by the clock, on a machine that others
# use.
set_aside() { # MENDED "TARGET OPTION..." FILE...
    local f
    for f in "${@:3}"; do
        # shellcheck disable=SC2086 # words
        if [[ -f $f ]] && (ulimit -t 10 && $2 "$f") >/dev/null 2>&1; then
            mkdir -p "$1" && mv "$f" "$1/" && echo "passes now, and is put aside: $1/${f##*/}"
        fi
    done
}

run() { # BUILD SECONDS NAME
    local build=$1 name=$3 log=$1/fuzz/$3.log found=$1/fuzz/found/$3 mended=$1/fuzz/mended/$3
    local rc=0 line cpu target="$1/tests/fuzz/fuzz_$3 -timeout=60 -rss_limit_mb=700 -malloc_limit_mb=2600" TIMEFORMAT='%U %S'
    local -a how=(-max_total_time="$2" -max_len="$(longest "$name")" -report_slow_units=3
        -artifact_prefix="$found/" -print_final_stats=1)
    mkdir -p "$build/fuzz/$name" "$found" "$here/corpus/$name"
    [[ ! -f $here/$name.dict ]] || how+=(-dict="$here/$name.dict")
    set_aside "$mended" "$target" "$found"/*
    # shellcheck disable=SC2086 # words
    cpu=$({ time $target "${how[@]}" "$build/fuzz/$name" "$here/corpus/$name" \
        >"$log" 2>&1; } 2>&1) || rc=1
    set_aside "$mended" "$target" "$found"/slow-unit-*
    line=$(grep -aE '^#[0-9]+' "$log" | tail -1 | sed -E 's/^#([0-9]+)[^c]*cov: ([0-9]+) ft: ([0-9]+).*/\1 executions, cov \2, ft \3/')
    line+=$(awk '{ printf ", %d s of processor time", $1 + $2 }' <<<"$cpu")
    printf '%s\n' "$line" >>"$build/fuzz/$name.runs"
    if [[ $rc = 0 ]] && [[ -z $(ls -A "$found") ]]; then
        printf 'ok      fuzz_%s: %s\n' "$name" "$line"
    else
        printf 'NOT OK  fuzz_%s: %s: %s\n' "$name" "$line" "$(find "$found" -type f | tr '\n' ' ')"
        return 1
    fi
}

# Of the inputs in FOLDER those go that add least for their size, until they are so many bytes.
trim() { # TARGET FOLDER BYTES
    local none
    none=$(mktemp -d)
    "$1" -merge=1 -use_counters=0 -timeout=60 -merge_control_file="$none/control" "$none" "$2" >/dev/null 2>&1
    awk -v most="$3" '
        NR > 2 && /^\// { name[n++] = $0; next }
        $1 == "STARTED" { size[$2] = $3 }
        $1 == "FT" { for (i = 3; i <= NF; i++) has[$2, ++count[$2]] = $i }
        END {
            for (;;) {
                best = -1
                for (f = 0; f < n; f++) {
                    if (taken[f]) continue
                    new = 0
                    for (i = 1; i <= count[f]; i++) new += !(has[f, i] in seen)
                    if (new / (size[f] + 64) > value || best < 0) { best = f; value = new / (size[f] + 64) }
                }
                if (best < 0 || value == 0 || bytes + size[best] > most) break
                taken[best] = 1
                bytes += size[best]
                for (i = 1; i <= count[best]; i++) seen[has[best, i]] = 1
            }
            for (f = 0; f < n; f++) if (!taken[f]) print name[f]
        }' "$none/control" | xargs -r -d '\n' rm -f
    rm -rf "$none"
}

# Bytes that are kept of a target.
most() {
    case $1 in
    ann) echo 280000 ;;
    fm) echo 130000 ;;
    *) echo 60000 ;;
    esac
}

keep() { # BUILD NAME
    local to=$here/corpus/$2 new
    new=$(mktemp -d)
    mkdir -p "$to" "$1/fuzz/$2"
    "$1/tests/fuzz/fuzz_$2" -set_cover_merge=1 -use_counters=0 -max_len="$(longest "$2")" -timeout=60 \
        "$new" "$to" "$1/fuzz/$2" >"$1/fuzz/$2-keep.log" 2>&1 || return 1
    trim "$1/tests/fuzz/fuzz_$2" "$new" "$(most "$2")"
    rm -rf "$to"
    mv "$new" "$to"
    chmod 755 "$to"
    printf '%s: %d inputs, %d KB\n' "$2" "$(find "$to" -type f | wc -l)" "$(du -sk --apparent-size "$to" | cut -f1)"
}

if [[ $1 = --keep ]]; then
    build=$2
    shift 2
    for name in "$@"; do keep "$build" "$name" || exit 1; done
    exit 0
fi
build=$1 seconds=$2
shift 2
export -f run longest set_aside
export here
printf '%s\n' "$@" | xargs -P 2 -I{} bash -c 'run "$@"' run "$build" "$seconds" {} || exit 1
