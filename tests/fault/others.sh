#!/usr/bin/env bash
# others.sh BIN TESTS: what no single call is to blame for: a small disk that is full, a file system
# or a folder that may not be written, two writers of one target. ROUNDS: how often the two race.
# shellcheck disable=SC1091,SC2154,SC2317 # of tools.bash; called by name
set -uf
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/fault/tools.bash
. "$here/tools.bash"
enter "$1" "$2"
failed=0

bad() {
    echo "NOT OK $*"
    failed=1
}

# snapshot FOLDER: names and contents of what is in it.
snapshot() {
    (cd "$1" && find . -type f -print0 | sort -z | xargs -0r sha256sum && find . -type d | sort)
}

# refused NAME WORDS COMMAND...: exit 1, one sentence with these words, the folder is as it was.
refused() {
    local name=$1 words=$2 got=0 said before
    shift 2
    before=$(snapshot .)
    said=$("$@" 2>&1 >/dev/null) || got=$?
    [[ $got == 1 ]] || bad "$name: exit $got: $said"
    [[ $said == *": "*"$words"* && $said != *$'\n'* ]] || bad "$name: says '$said'"
    [[ $(snapshot .) == "$before" ]] || bad "$name: the folder is another: $(ls -A)"
}

# ---- a disk that is full, and one that is read-only ----

mounted=
disk() {
    mounted=$work/disk
    mkdir -p "$mounted"
    mount -t tmpfs -o "size=$1" none "$mounted" 2>/dev/null || return
    trap 'cd /; umount "$mounted"; rm -rf "$work"' EXIT
}

# Where the disk has room for the old files, and for so many KB more: refused until all fits.
full_job() {
    local name=$1 old=$2 options=$3 room got said before want refusals=0
    shift 3
    # shellcheck disable=SC2086 # a list of words
    old_files $old
    cd "$work/now" || exit
    "$@" >/dev/null 2>&1 || bad "$name: fails on a disk that is not full"
    want=$(snapshot .)
    (cd "$mounted" && find . -mindepth 1 -delete)
    # shellcheck disable=SC2086 # a list of words
    old_files $old
    cp -r "$work/now/." "$mounted/"
    cd "$mounted" || exit
    head -c 1G /dev/zero >fill 2>/dev/null
    for room in 0 4 12 28; do
        truncate -s "$(($(stat -c %s fill) - room * 1024))" fill
        got=0
        before=$(snapshot .)
        said=$("$@" 2>&1 >/dev/null) || got=$?
        if [[ $got == 0 ]]; then # it fits by now
            rm fill
            [[ $options == *-t* || $(snapshot .) == "$want" ]] || bad "$name, $room KB left: not all is there: $(ls -A)"
            break
        fi
        refusals=$((refusals + 1))
        [[ $got == 1 ]] || bad "$name, $room KB left: exit $got: $said"
        [[ $said == *"No space left"* ]] || bad "$name, $room KB left: says '$said'"
        [[ $options == *-e* || $(snapshot . | grep -v '\.parts') == "$before" ]] || bad "$name, $room KB left: the folder is another: $(ls -A)"
        find . -name '*.parts' -exec rm -r {} +
    done
    [[ $refusals -gt 0 ]] || bad "$name: nothing was refused on a full disk"
    cd / || exit
    full=$((full + 1))
}

read_only_job() {
    local name=$1 old=$2
    shift 3
    mount -o remount,rw "$mounted"
    (cd "$mounted" && find . -mindepth 1 -delete)
    # shellcheck disable=SC2086 # a list of words
    old_files $old
    cp -r "$work/now/." "$mounted/"
    mount -o remount,ro "$mounted"
    cd "$mounted" || exit
    refused "$name, read-only disk" 'Read-only file system' "$@"
    cd / || exit
    only=$((only + 1))
}

disks() {
    if ! disk 1M; then
        echo "skip a full disk, a read-only one: no tmpfs can be mounted here"
        return
    fi
    full=0 only=0
    builders full_job
    echo "ok $full builders on a full disk"
    umount "$mounted" && disk 1M
    builders read_only_job
    echo "ok $only builders on a read-only disk"
}

# ---- a folder and a file that may not be written ----

# A file that may not be written is replaced, as its folder may be, and keeps its permissions.
locked_file() {
    old_files docs.fmi
    cd "$work/now" || exit
    chmod 444 docs.fmi
    fm-build -q -o docs.fmi "$in/docs1.jsonl" || bad "a file of mode 444 is not replaced"
    fm-build -q -o other.fmi "$in/docs1.jsonl"
    cmp -s docs.fmi other.fmi || bad "a file of mode 444: other bytes"
    [[ $(stat -c %a docs.fmi) == 444 ]] || bad "a file of mode 444 gets another mode"
    cd / || exit
}

# Root may write everywhere: somebody else tries.
locked_folder() {
    local as=()
    [[ $(id -u) != 0 ]] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    if ! "${as[@]}" fm-build --help >/dev/null 2>&1; then
        echo "skip a folder that may not be written: nobody cannot run the tools"
        return
    fi
    old_files docs.fmi
    chmod 755 "$work" && chmod 555 "$work/now"
    cd "$work/now" || exit
    refused "a locked folder" 'Permission denied' "${as[@]}" fm-build -q -o docs.fmi "$in/docs1.jsonl"
    refused "a locked folder, parts" 'Permission denied' "${as[@]}" fm-build -q -m 3K -o docs.fmi "$in/docs1.jsonl"
    refused "a locked folder, vectors" 'Permission denied' "${as[@]}" vec-convert -q "$in/base.fvecs" -o new.npy
    cd / || exit
    chmod 755 "$work/now"
    echo "ok a folder and a file that may not be written"
}

# ---- two writers of one target ----

# race NAME TARGET REFUSAL COMMAND-A -- COMMAND-B: both at once, the target is one of theirs and
# nothing else is there. Who fails says REFUSAL, and not both do.
race() {
    local name=$1 target=$2 refusal=$3 a=() pids got_a got_b
    shift 3
    while [[ $1 != -- ]]; do
        a+=("$1")
        shift
    done
    shift
    old_files
    cd "$work/now" || exit
    { "${a[@]}" && mv "$target" ../want.a && "$@" && mv "$target" ../want.b; } || bad "$name: fails alone"
    for ((i = 0; i < ${ROUNDS-50}; i++)); do
        got_a=0 got_b=0
        "${a[@]}" 2>../err.a &
        pids=$!
        "$@" 2>../err.b || got_b=$?
        wait $pids || got_a=$?
        cmp -s "$target" ../want.a || cmp -s "$target" ../want.b || bad "$name: the target is neither's"
        [[ $(ls -A) == "$target" ]] || bad "$name: also there: $(ls -A)"
        [[ $got_a == 0 || $got_b == 0 ]] || bad "$name: both fail"
        [[ $got_a == 0 ]] || grep -q "$refusal" ../err.a || bad "$name: exit $got_a: $(<../err.a)"
        [[ $got_b == 0 ]] || grep -q "$refusal" ../err.b || bad "$name: exit $got_b: $(<../err.b)"
    done
    cd / || exit
    echo "ok $name: ${ROUNDS-50} races"
}

# A folder of parts in which there is nothing, as of a build that has just made it: while one build
# looks at it, another makes it its own, and is at work there. It must not lose its files.
taken_folder() {
    local got_a=0 got_b=0
    old_files
    cd "$work/now" || exit
    fm-build -q -o ../want.a "$in/docs1.jsonl"
    cat "$in/docs2.jsonl" "$in/docs2.jsonl" | fm-build -q -f jsonl -o ../want.b -
    mkdir x.fmi.parts
    FAULT_LATE=1 LD_PRELOAD=$FAULT_LIB fm-build -q -m 3K -o x.fmi "$in/docs1.jsonl" 2>../err.a &
    sleep .1
    { cat "$in/docs2.jsonl" && sleep .5 && cat "$in/docs2.jsonl"; } | fm-build -q -m 3K -f jsonl -o x.fmi - 2>../err.b || got_b=$?
    wait $! || got_a=$?
    [[ $got_a == 0 ]] || grep -q 'another build is at work' ../err.a || bad "a folder that was looked at: exit $got_a: $(<../err.a)"
    [[ $got_b == 0 ]] || grep -q 'another build is at work' ../err.b || bad "a folder that was taken: exit $got_b: $(<../err.b)"
    [[ $(ls -A) == x.fmi ]] || bad "a folder that was taken: also there: $(ls -A)"
    cmp -s x.fmi ../want.a || cmp -s x.fmi ../want.b || bad "a folder that was taken: the target is neither's"
    cd / || exit
    echo "ok a folder of parts that was empty a moment ago"
}

# What is built is not lost by what cannot be removed: exit 0, and a remark; the next build removes it.
# There are two parts, so that none is to be removed before the index is there.
kept_parts() {
    local got=0
    old_files
    cd "$work/now" || exit
    awk 'BEGIN { for (i = 0; i < 60; i++) print "line", i, "of oaks and elms, number", i * 7 }' >../lines
    fm-build -q -f lines -o ../want.a ../lines
    FAULT_KEEP=1 LD_PRELOAD=$FAULT_LIB fm-build -f lines -m 12K -o x.fmi ../lines 2>../err.a || got=$?
    [[ $got == 0 ]] || bad "parts that cannot be removed: exit $got: $(<../err.a)"
    grep -q "the index is complete, but 'x.fmi.parts' could not be removed" ../err.a || bad "parts that cannot be removed: not said: $(<../err.a)"
    [[ -e x.fmi.parts/000001-000001.fmi ]] || bad "parts that cannot be removed: they were: $(ls x.fmi.parts)"
    cmp -s x.fmi ../want.a || bad "parts that cannot be removed: the index is another"
    fm-build -q -f lines -m 12K -o x.fmi ../lines || bad "parts that were not removed: exit $?"
    [[ $(ls -A) == x.fmi ]] || bad "parts that were not removed: also there: $(ls -A)"
    cmp -s x.fmi ../want.a || bad "parts that were not removed: the index is another"
    cd / || exit
    echo "ok parts that cannot be removed"
}

# three_updates NAME COMMAND-WORDS...: three changes of one index at once, each deletes a row, round
# after round. What exits 0 is in the index; who is refused says so, and one at least is not.
three_updates() {
    local name=$1 i k pids got exits before live
    shift
    old_files
    cd "$work/now" || exit
    for ((i = 0; i < ${ROUNDS-50}; i++)); do
        ann-build -q -t ivf --lists 4 -o x.ann "$in/base.fvecs"
        before=$(ann-stat x.ann | awk -F'\t' '$1 == "live" { print $2 }')
        pids=() exits=0
        for k in 1 2 3; do
            echo "{\"op\":\"delete\",\"id\":$k}" | "$@" 2>"../err.$k" &
            pids+=($!)
        done
        for k in 1 2 3; do
            got=0
            wait "${pids[k - 1]}" || got=$?
            if [[ $got == 0 ]]; then
                exits=$((exits + 1))
            elif [[ $got != 1 ]] || ! grep -q 'x.ann was changed by another meanwhile' "../err.$k"; then
                bad "$name: exit $got: $(<"../err.$k")"
            fi
        done
        ann-stat -q --check x.ann || bad "$name: the index is damaged"
        live=$(ann-stat x.ann | awk -F'\t' '$1 == "live" { print $2 }')
        [[ $exits -ge 1 && $live == $((before - exits)) ]] || bad "$name: $exits exits of 0, $before rows and then $live"
        [[ $(ls -A) == x.ann ]] || bad "$name: also there: $(ls -A)"
    done
    cd / || exit
    echo "ok $name: ${ROUNDS-50} races"
}

races() {
    local none=' no refusal ' busy='another process is writing it'
    race "two fm-build" x.fmi "$none" fm-build -q -o x.fmi "$in/docs1.jsonl" -- fm-build -q -o x.fmi "$in/docs2.jsonl"
    race "two fm-build in parts" x.fmi 'another build is at work' fm-build -q -m 3K -o x.fmi "$in/docs1.jsonl" -- \
        fm-build -q -m 3K -o x.fmi "$in/docs2.jsonl"
    race "two ann-build" x.ann "$none" ann-build -q -t ivf --lists 4 -o x.ann "$in/base.fvecs" -- \
        ann-build -q -R 8 -L 12 -o x.ann "$in/base.fvecs"
    race "two vec-encode" x.codes "$none" vec-encode -q "$in/sq8.vq" "$in/base.fvecs" -o x.codes -- \
        vec-encode -q "$in/pq4x4.vq" "$in/base.fvecs" -o x.codes
    three_updates "three ann-update" ann-update -q x.ann -
    three_updates "three ann-update, by two names" ann-update -q -o ../now/x.ann x.ann -
    race "two trace-gen" x.jsonl "$none" trace-gen -q -n 50 --seed 1 -o x.jsonl -- trace-gen -q -n 50 --seed 2 -o x.jsonl
    export LD_PRELOAD=$FAULT_LIB FAULT_NAMED=1
    race "two trace-gen, as on NFS" x.jsonl "$busy" trace-gen -q -n 50 --seed 1 -o x.jsonl -- trace-gen -q -n 50 --seed 2 -o x.jsonl
    unset LD_PRELOAD FAULT_NAMED
}

make_inputs || exit
disks
locked_file
locked_folder
taken_folder
kept_parts
races
exit $failed
