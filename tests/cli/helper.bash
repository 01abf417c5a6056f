# shellcheck shell=bash
# helper.bash - what the tests of the tools share: where the tools are, and how to say that a command
# did what it should. Needs bash, coreutils, awk, jq, zstd, gzip.
#
# Every test works in an empty folder of its own. A command's standard output goes to the file $out,
# what it says to $err; both lie outside of that folder, so that `only` sees stray files.
bats_require_minimum_version 1.5.0

root=${BATS_TEST_DIRNAME%/tests/cli}
data=$root/tests/data
bin=${SLUICE_BIN:-$root/build/release-gcc/bin}
[[ $bin == /* ]] || bin=$PWD/$bin
PATH=$bin:$PATH
type fm-stat >/dev/null || exit # no tools there: run make first
export LC_ALL=C
# Threads that wait for work by spinning make thousands of short commands slow on a busy machine.
export OMP_WAIT_POLICY=passive
# A sanitizer's complaint is neither 0, 1 nor 2, and refused memory is for the tool to deal with.
# The search for leaks takes twice as long as most commands do otherwise: what is run to be looked at
# is searched (exits), what only prepares is not.
export ASAN_OPTIONS=exitcode=99:allocator_may_return_null=1:detect_leaks=0 UBSAN_OPTIONS=exitcode=99

sample=$BATS_FILE_TMPDIR/sample.fmi # of tests/data/sample.jsonl, by build_sample
planks=$BATS_FILE_TMPDIR/planks.fmi # of many documents, by build_planks

enter_work() {
    # Watched tools are slow: tests/check/watched.sh says what to leave out.
    [[ -n ${WATCHED_SKIP:-} && $BATS_TEST_DESCRIPTION =~ $WATCHED_SKIP ]] && skip 'watched'
    out=$BATS_TEST_TMPDIR/out
    err=$BATS_TEST_TMPDIR/err
    mkdir "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || return
}

setup() {
    enter_work
}

# ---- running ----

# exits STATUS COMMAND...
exits() {
    local want=$1 got=0
    shift
    ASAN_OPTIONS=${ASAN_OPTIONS/detect_leaks=0/detect_leaks=$((want < 2))} "$@" >"$out" 2>"$err" || got=$?
    [[ $got == "$want" ]] && return
    echo "exit $got instead of $want: $*"
    head -c 2000 "$err"
    return 1
}

# ok COMMAND...: done, and nothing said.
ok() {
    exits 0 "$@" && empty "$err"
}

# fails COMMAND...: exit 1 and one sentence.
fails() {
    exits 1 "$@" && one_sentence
}

# Puts what was said into $message, without starting a process: this is done some thousand times.
hear() {
    IFS= read -r -d '' message <"$err" || true
}

one_sentence() {
    hear
    [[ $message == [a-z]*-*': '*$'\n' && $message != *$'\n'?* ]] && return
    echo "no single sentence: $message"
    return 1
}

# misuse COMMAND...: exit 2, a sentence and a hint, and nothing done.
misuse() {
    exits 2 "$@" && empty "$out" || return
    hear
    [[ $message == [a-z]*-*': '*$'\n'"Try '"[a-z]*-*" --help'."$'\n' && $message != *$'\n'*$'\n'?* ]] && return
    echo "no sentence and hint: $message"
    return 1
}

# ---- saying what should be ----

empty() {
    [[ ! -s $1 ]] && return
    echo "not empty: $(head -c 2000 "$1")"
    return 1
}

# says TEXT: the last command said it, somewhere in its sentence.
says() {
    hear
    [[ $message == *"$1"* ]] && return
    echo "does not say '$1': $message"
    return 1
}

# prints: the last command's output is what stands on stdin, to the byte.
prints() {
    diff -a - "$out"
}

# tsv: the same, with a | on stdin for a tab.
tsv() {
    tr '|' '\t' | prints
}

# is EXPECTED GOT...: each GOT is EXPECTED.
is() {
    local want=$1 got
    shift
    for got; do
        [[ $got == "$want" ]] && continue
        echo "'$got' instead of '$want'"
        return 1
    done
}

# A "!" before a command does not fail a test of bats; these do.

# not_under_valgrind WHY: the rest of the test is skipped there.
not_under_valgrind() {
    [[ ${WATCHED:-} != valgrind ]] || skip "under valgrind: $1"
}

# differ A B: not the same bytes.
differ() {
    if cmp -s "$1" "$2"; then
        echo "$1 and $2 are the same"
        return 1
    fi
}

# lacks FILE TEXT: the text is nowhere in it.
lacks() {
    if grep -aF -- "$2" "$1"; then
        echo "$1 has '$2'"
        return 1
    fi
}

# only NAME...: these files, and no other, are in the working folder.
only() {
    is "$(printf '%s\n' "$@" | sort)" "$(ls -A)"
}

# column N FILE: a column of its rows, but for the lines that begin with #.
column() {
    awk -F '\t' -v n="$1" '!/^#/ { print $n }' "$2"
}

# ---- data ----

build_sample() {
    (cd "$data" && fm-build -o "$sample" sample.jsonl)
}

# lines N LETTERS MAX SEED: N lines of up to MAX random letters.
lines() {
    awk -v n="$1" -v letters="$2" -v max="$3" -v seed="$4" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            line = ""
            for (k = int(rand() * (max + 1)); k > 0; k--)
                line = line substr(letters, 1 + int(rand() * length(letters)), 1)
            print line
        }
    }'
}

# More than a pipe holds, more than one batch of rows; three sizes of plank in nine woods.
build_planks() {
    awk 'BEGIN {
        split("oak ash elm fir pine larch beech birch cedar", wood, " ")
        split("short long broad", size, " ")
        for (i = 0; i < 6000; i++)
            print "plank " i " is a " size[1 + i % 3] " one of " wood[1 + i % 9] ", sawn at the mill"
    }' >"$BATS_FILE_TMPDIR/planks.txt"
    fm-build -o "$planks" "$BATS_FILE_TMPDIR/planks.txt"
}

# ---- the rules of sluice(7) that every tool keeps; COMMAND has @ where the index stands ----

# with INDEX COMMAND...: sets `command`.
with() {
    command=("${@:2}")
    command=("${command[@]/#@/$1}")
}

# refuses_bad_indexes COMMAND...
refuses_bad_indexes() {
    local size at
    for at in missing.fmi no/folder.fmi -; do
        with "$at" "$@"
        fails "${command[@]}" </dev/null
        says "'$at'"
        empty "$out"
    done
    : >nothing.fmi
    head -c 64 /dev/zero >zeros.fmi
    cp "$data/sample.jsonl" text.fmi
    zstd -qf "$sample" -o packed.fmi
    for at in nothing.fmi zeros.fmi text.fmi packed.fmi .; do
        with "$at" "$@"
        fails "${command[@]}" </dev/null
        says "$at"
        empty "$out"
    done
    size=$(stat -c %s "$sample")
    for at in 1 8 63 64 100 $((size / 2)) $((size - 40)) $((size - 1)); do
        head -c "$at" "$sample" >short.fmi
        with short.fmi "$@"
        fails "${command[@]}" </dev/null
        says short.fmi
        empty "$out"
    done
    { cat "$sample" && echo; } >longer.fmi
    with longer.fmi "$@"
    fails "${command[@]}" </dev/null
    says longer.fmi
}

# same_for_all_levels COMMAND...: whatever the CPU level, the same bytes.
same_for_all_levels() {
    local level
    ok env SLUICE_CPU=portable "$@"
    cp "$out" portable
    [[ -s portable ]]
    for level in avx2 avx512 ''; do
        ok env SLUICE_CPU="$level" "$@"
        cmp portable "$out"
    done
    for level in sse PORTABLE avx2,avx512 ' '; do
        misuse env SLUICE_CPU="$level" "$@"
        says SLUICE_CPU
    done
}

# same_for_all_threads COMMAND...: whatever -T says, the same bytes.
same_for_all_threads() {
    local threads
    ok "$@"
    cp "$out" default
    [[ -s default ]]
    for threads in 1 2 7; do
        ok "$@" -T "$threads"
        cmp default "$out"
    done
    misuse "$@" -T -1
    misuse "$@" -T two
    misuse "$@" -T 1.5
}

# no_room KB COMMAND...: fails as no file may grow beyond KB * 1024 bytes; the sentence goes through
# a pipe.
no_room() {
    local got kb=$1
    [[ -z ${WATCHED:-} ]] || skip 'watchers have files of their own'
    shift
    got=$(
        set +e
        trap '' XFSZ
        {
            (ulimit -f "$kb" && exec "$@" 2>&1 >/dev/null)
            echo "exit $?"
        } | cat
    )
    printf '%s\n' "${got%$'\n'exit*}" >"$err"
    is 1 "${got##*exit }"
    one_sentence
}

# writes_whole_or_not COMMAND...: -o FILE gets what standard output would, or is left alone.
writes_whole_or_not() {
    ok "$@"
    cp "$out" ../expected
    [[ -s ../expected ]]
    ok "$@" -o new
    empty "$out"
    cmp ../expected new
    echo old >old
    ok "$@" --output=old
    cmp ../expected old

    echo old >old
    no_room 0 "$@" -o old
    says "'old'"
    is old "$(<old)"
    no_room 0 "$@" -o none
    only new old

    fails "$@" -o no/such/file
    says no/such/file
    fails "$@" -o .
    only new old
    ok "$@" -o -
    cmp ../expected "$out"
    fails "$@" -o /dev/full
    says 'No space left'
}

# reports_lost_output COMMAND...: a full disk is a failure; a reader that has gone one without words.
reports_lost_output() {
    local got=0
    fails bash -c 'exec "$@" >/dev/full' - "$@"
    says 'No space left'
    mkfifo ../pipe
    # shellcheck disable=SC2094 # the reader is there while the writer opens, and goes
    exec 8<>../pipe 9>../pipe 8<&-
    rm ../pipe


    "$@" >&9 2>"$err" || got=$?
    exec 9>&-
    is 1 "$got"
    empty "$err"
}

# helps TOOL: what it prints for people who ask.
helps() {
    ok "$1" --help
    grep -q "^Usage: $1 " "$out"
    ok "$1" -V
    is "$1 (sluice) $(<"$root/VERSION")" "$(head -n 1 "$out")"
    misuse "$1"
    misuse "$1" --no-such-option
    says no-such-option
    misuse "$1" -%
}
