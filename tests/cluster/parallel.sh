#!/usr/bin/env bash
# parallel.sh BIN_DIR - does the GNU parallel line of fm-build(1), "Shards and clusters", do what it
# says, also when tasks are killed, or parallel itself is?
#
# Needs Debian's parallel (make deps-cluster). Prints a line a check; exit 1 if one fails.
# shellcheck source=tests/cluster/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parallel --version 2>/dev/null | grep -q 'GNU parallel' || skip 'GNU parallel is not installed'

work=$(mktemp -d /tmp/sluice-parallel-XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
export HOME=$work # parallel keeps files there

# The commands of the man page, for as many shards as this test has.
commands() {
    from_man 'parallel --retries' | sed "s/^n=12\$/n=$shards/; s/-T 8/-T 1/" |
        if [[ -x $bin/fm-merge ]]; then cat; else sed '/^fm-merge/d'; fi
}

make_set() {
    [[ -x $bin/fm-merge ]] || { echo 'sluice-set 1' && ls corpus.*.fmi; } >corpus.fmi
}

# kill_stopped SHARD...: the builds of these shards die in the middle of their work.
kill_stopped() {
    local shard pids
    for shard; do
        within 30 test -s "$work/stopped.$shard" || return
        read -ra pids <"$work/stopped.$shard"
        kill -KILL "${pids[0]}" || return
    done
}

# run SCRIPT: in the background; its exit code appears in $work/ended.
run() {
    { bash -e "$1" >"$work/log" 2>&1; echo $? >"$work/ended"; } &
}

ended_well() {
    within 60 test -s "$work/ended" && [[ $(<"$work/ended") == 0 ]]
}

ended_badly() {
    ! ended_well && [[ -s $work/ended ]]
}

not_again() {
    ! grep -Fx -e 0 -e 1 "$work/attempts"
}

clean() {
    rm -f corpus.* shards.log "$work"/{ended,attempts,stop.*,stopped.*}
}

mkdir "$work/corpus"
cd "$work/corpus" || exit 1
check 'a corpus, its index and its shards by one process' make_corpus || exit 1
make_stopping_build
commands >"$work/commands"
check 'the man page has the commands' grep -q -- "^n=$shards" "$work/commands"

touch "$work/stop.1" "$work/stop.2"
run "$work/commands"
check 'two tasks are killed' kill_stopped 1 2
check 'parallel tries them again, and ends well' ended_well
check 'two shards were built once, the others twice' attempts 1 2 2 1
make_set
check 'the shards are those of one process, and nothing else is left' same_shards corpus.fmi shards.log
check 'the set answers as the single index' same_answers corpus.fmi
[[ ! -x $bin/fm-merge ]] || check 'the shards, merged, are the single index' same_merged

clean
sed 's/parallel --retries 3/parallel --jobs 2 --halt now,fail=1/' "$work/commands" >"$work/halting"
sed 's/parallel --retries 3/parallel --resume-failed/' "$work/commands" >"$work/resuming"
touch "$work/stop.2"
run "$work/halting"
check 'two tasks are done' within 30 test -e corpus.0.fmi -a -e corpus.1.fmi
check 'a task is killed, and parallel gives up' kill_stopped 2
check 'it ends badly' ended_badly
rm "$work/attempts" "$work/ended"
check 'the unfinished set is not there' test ! -e corpus.fmi
run "$work/resuming"
check 'resumed, it ends well' ended_well
check 'no shard that was done is built again' not_again
make_set
check 'the shards are those of one process, after all' same_shards corpus.fmi shards.log
check 'and the set answers as the single index' same_answers corpus.fmi
[[ $failed == 0 ]] || cat "$work/log" >&2
done_testing
