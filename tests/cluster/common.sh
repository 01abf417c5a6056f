# shellcheck shell=bash
# common.sh - for the tests of shards on real engines: a corpus, its index as one build makes it, and
# an fm-build that is stopped in the middle of its first attempt at some shards, so that something can
# happen to it there. Sourced with BIN_DIR; needs bash, coreutils, awk, zstd.
set -u
export LC_ALL=C

[[ $# -eq 1 && -x $1/fm-build ]] || { echo "usage: ${0##*/} BIN_DIR" >&2; exit 2; }
bin=$(cd "$1" && pwd)
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
shards=4
passed=0 failed=0

skip() {
    echo "skip: $1"
    exit 0
}

# check NAME COMMAND...: a line that says how it went; what was said is shown when it went wrong.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "not ok $name: $*"
        [[ -z $said ]] || echo "# ${said//$'\n'/$'\n'# }"
        failed=$((failed + 1))
        return 1
    fi
}

# within SECONDS COMMAND...: asks again until it is so.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [[ $SECONDS -lt $end ]] || { echo "not so in time: $*"; return 1; }
        sleep 0.1
    done
}

done_testing() {
    echo "$passed passed, $failed failed"
    [[ $failed == 0 ]]
}

# from_man TEXT: the literal block of the man page in which this stands.
from_man() {
    awk -v wanted="$1" '
        /^\.Bd/ { in_it = 1; text = ""; next }
        /^\.Ed/ && index(text, wanted) { printf "%s", text }
        /^\.Ed/ { in_it = 0; text = "" }
        in_it { gsub(/\\e/, "\\"); text = text $0 "\n" }' "$tree/man/fm-build.1"
}

# Several files, compressed ones too, some MB; `expected` is what they make.
make_corpus() {
    awk 'BEGIN {
        srand(1)
        split("the of and to in corpus shard index node task suffix array lamp rope harbour", w, " ")
        for (i = 0; i < 24000; i++) {
            line = ""
            for (k = 20 + int(rand() * 30); k > 0; k--)
                line = line (rand() < .5 ? w[1 + int(rand() * 15)] : int(rand() * 1e6)) " "
            print "{\"id\":" i ",\"text\":\"" line "\"}" > ("part-" int(i / 8000) ".jsonl")
        }
    }'
    zstd -q --rm part-1.jsonl
    mkdir expected
    "$bin/fm-build" -q -o expected/whole.fmi part-* &&
        "$bin/fm-build" -q --shards $shards -o expected/corpus.fmi part-*
}

# The fm-build of the tasks. $work/stopped.I holds its process, its parent's, and that one's parent's.
make_stopping_build() {
    mkdir "$work/path"
    cat >"$work/path/fm-build" <<'END'
#!/usr/bin/env bash
shard=$(sed -n 's/.* --shard \([0-9]*\) .*/\1/p' <<<" $* ")
echo "$shard" >>"$work/attempts"
[[ -e $work/stop.$shard ]] || exec "$bin/fm-build" "$@"
rm "$work/stop.$shard"
"$bin/fm-build" "$@" &
for ((i = 0; i < 1000; i++)); do
    readlink "/proc/$!/fd/"* | grep -q '(deleted)$' && break # its output, which has no name yet
done
kill -STOP $! || exit 99
echo "$! $$ $PPID" >"$work/stopped.$shard.new"
mv "$work/stopped.$shard.new" "$work/stopped.$shard"
wait $!
END
    chmod 755 "$work/path/fm-build"
    export work bin PATH=$work/path:$bin:$PATH
}

# attempts N...: how often each shard was begun.
attempts() {
    diff <(printf '%s\n' "$@") <(sort "$work/attempts" | uniq -c | awk '{ print $1 }')
}

# same_shards NAME...: the tasks wrote the shards that one process writes, and no file beside these.
same_shards() {
    local i names=(part-0.jsonl part-1.jsonl.zst part-2.jsonl corpus.{0..3}.fmi expected "$@")
    for ((i = 0; i < shards; i++)); do
        cmp "corpus.$i.fmi" "expected/corpus.$i.fmi" || return
    done
    diff <(printf '%s\n' "${names[@]}" | sort) <(ls -A)
}

# same_answers SET: as the single index gives them.
same_answers() {
    diff <(fm-count --docs expected/whole.fmi lamp 'shard index' 99 'the ' none) \
        <(fm-count --docs "$1" lamp 'shard index' 99 'the ' none) &&
        cmp <(fm-cat --all --json --meta expected/whole.fmi) <(fm-cat --all --json --meta "$1")
}

# same_merged: the shards, merged, are the index of one build.
same_merged() {
    fm-merge -q -o merged.fmi corpus.[0-9].fmi && cmp merged.fmi expected/whole.fmi && rm merged.fmi
}
