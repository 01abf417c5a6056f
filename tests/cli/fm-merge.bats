# fm-merge, and what rests on it: builds in parts, appended to, resumed. All give the bytes of one
# build.
load helper

# part NUMBER: a file of some documents, part-NUMBER.txt.
part() {
    lines 400 'abc d,é' 60 "$1" >"part-$1.txt"
}

# parts: three files, their indexes, and all.fmi of all of them.
parts() {
    local i
    for i in 1 2 3; do
        part "$i"
        fm-build "part-$i.txt"
    done
    fm-build -o all.fmi part-?.txt
}

# sound INDEX: everything in it is as it should be.
sound() {
    ok fm-stat --check "$1"
}

@test "help, version, misuse" {
    helps fm-merge
    fm-build -o x.fmi "$data/sample.jsonl"
    misuse fm-merge x.fmi
    misuse fm-merge -o - x.fmi
    misuse fm-merge -o y.fmi --layout=tiny x.fmi
    misuse fm-merge -o y.fmi --memory=x x.fmi
    misuse fm-merge -o y.fmi -T 0.5 x.fmi
    misuse fm-merge --set --layout small -o y.fmi x.fmi
    misuse fm-merge --set -m 1G -o y.fmi x.fmi
    only x.fmi
}

@test "indexes and sets merge into the index of all documents" {
    parts
    ok fm-merge -o m.fmi part-?.fmi
    cmp all.fmi m.fmi
    empty "$out"
    sound m.fmi
    ok fm-merge -T 1 -m 1K -o m.fmi part-?.fmi
    cmp all.fmi m.fmi
    ok fm-merge --set -o part.set part-2.fmi part-3.fmi
    is "sluice-set 1 part-2.fmi part-3.fmi" "$(paste -sd ' ' part.set)"
    ok fm-merge part-1.fmi part.set -o m.fmi
    cmp all.fmi m.fmi
    ok fm-merge -o m.fmi all.fmi
    cmp all.fmi m.fmi
    [[ ! -e m.fmi.parts ]]
}

@test "every CPU level and number of threads merges to the same bytes" {
    local level
    parts
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level fm-merge -T 2 -o m.fmi part-?.fmi
        cmp all.fmi m.fmi
    done
}

@test "the result may replace an index that is merged" {
    parts
    ok fm-merge -o part-1.fmi part-?.fmi
    cmp all.fmi part-1.fmi
}

@test "all 256 bytes, in one index or only in both together" {
    for i in $(seq 0 127); do printf '%b' "\\x$(printf %x "$i")"; done >low
    for i in $(seq 128 255); do printf '%b' "\\x$(printf %x "$i")$(printf %x "$i")"; done >high
    cat low high low >both
    for files in 'low high' 'both low' 'high both' 'both both'; do
        # shellcheck disable=SC2086 # two files
        fm-build -f text -o all.fmi $files
        fm-build -f text -o a.fmi "${files% *}"
        fm-build -f text -o b.fmi "${files#* }"
        ok fm-merge a.fmi b.fmi -o m.fmi
        cmp all.fmi m.fmi
        sound m.fmi
    done
}

@test "empty indexes and empty documents" {
    : >none.txt
    printf '\n\n' >blank.txt
    part 1
    fm-build -q none.txt && fm-build blank.txt && fm-build part-1.txt
    for order in 'none blank part-1' 'part-1 none blank' 'blank part-1 none' 'none none' 'blank blank'; do
        # shellcheck disable=SC2086 # several files
        set -- $order
        fm-build -q -o all.fmi "${@/%/.txt}"
        ok fm-merge -o m.fmi "${@/%/.fmi}"
        cmp all.fmi m.fmi
    done
}

@test "records, ids and raw texts are merged" {
    head -n 20 "$data/sample.jsonl" >a.jsonl
    tail -n +21 "$data/sample.jsonl" >b.jsonl
    for rule in none gpt3; do
        fm-build --normalize $rule -o all.fmi a.jsonl b.jsonl
        fm-build --normalize $rule a.jsonl
        fm-build --normalize $rule b.jsonl
        ok fm-merge a.fmi b.fmi -o m.fmi
        cmp all.fmi m.fmi
        cmp "$data/sample.jsonl" <(fm-cat --all --meta m.fmi)
    done
}

@test "what was made with other options is refused, and nothing left" {
    echo '{"text":"a","body":"b"}' >x.jsonl
    fm-build x.jsonl
    for option in --sample-rate=32 --normalize=gpt3 --field=body --id-field=body; do
        fm-build -o y.fmi "$option" x.jsonl
        fails fm-merge -o z.fmi x.fmi y.fmi
        says "${option%=*}"
        says y.fmi
        fails fm-build --append x.fmi -o z.fmi "$option" x.jsonl
        says x.fmi
        only x.jsonl x.fmi y.fmi
    done
}

@test "bad indexes are refused before any work" {
    build_sample
    refuses_bad_indexes fm-merge -o m.fmi @
    refuses_bad_indexes fm-merge -o m.fmi "$sample" @
    [[ ! -e m.fmi && ! -e m.fmi.parts ]]
    fails fm-merge -o no/such/m.fmi "$sample"
    says no/such
    fails fm-merge --set -o no/such/m.fmi "$sample"
}

@test "damage is found, not merged" {
    local size
    parts
    size=$(stat -c %s part-2.fmi)
    for at in 500 $((size / 3)) $((size / 2)) $((size - 500)); do
        cp part-2.fmi bad.fmi
        printf '\377\0\377' | dd of=bad.fmi bs=1 seek="$at" conv=notrunc status=none
        fails fm-merge -o m.fmi part-1.fmi bad.fmi part-3.fmi
        says bad.fmi
        fails fm-build --append bad.fmi -o m.fmi part-1.txt
        says bad.fmi
        [[ ! -e m.fmi && ! -e m.fmi.parts ]]
    done
}

@test "a full disk leaves no index, and the old one as it was" {
    parts
    echo old >m.fmi
    no_room 8 fm-merge -o m.fmi part-?.fmi
    is old "$(<m.fmi)"
}

@test "fm-build -m: in parts, merged" {
    parts
    for size in 2K 20K 64K 200K; do
        ok fm-build -m $size -o m.fmi part-?.txt
        cmp all.fmi m.fmi
        [[ ! -e m.fmi.parts ]]
    done
    fails fm-build -m 100 -o n.fmi part-?.txt
    says '--memory'
    [[ ! -e n.fmi ]]
}

# large_parts: three files of two MB, each with its index, and all.fmi. A sample every fourth position
# makes merging take more than three bytes for a byte of text.
large_parts() {
    local i
    for i in 1 2 3; do
        lines 50000 'abcdefgh ' 70 "$i" >"part-$i.txt"
        fm-build --sample-rate 4 "part-$i.txt"
    done
    fm-build --sample-rate 4 -o all.fmi part-?.txt
}

# within KB COMMAND...: with no more memory of its own than that (the kernel counts what may be
# written and is no file's: RLIMIT_DATA).
within() {
    local kb=$1
    shift
    (ulimit -d "$kb" && OMP_STACKSIZE=256K exec "$@")
}

@test "merging keeps to --memory, whatever the indexes are like" {
    within 12000 fm-merge --version >"$out" 2>&1 || skip "a sanitizer takes more by itself"
    large_parts
    ok within 12000 fm-merge -T 2 -m 1M -o m.fmi part-?.fmi
    cmp all.fmi m.fmi
    fails within 12000 fm-merge -T 2 -m 1G -o n.fmi part-?.fmi # this limit is one
    ok within 28000 fm-build -T 2 -m 12M --sample-rate 4 -o m.fmi part-?.txt
    cmp all.fmi m.fmi
    fm-merge -o m.fmi part-1.fmi part-2.fmi
    ok within 28000 fm-build -T 2 -m 12M --append m.fmi part-3.txt
    cmp all.fmi m.fmi
    rm part-?.txt part-?.fmi
    only all.fmi m.fmi
}

@test "a disk that is full in the middle of merging leaves nothing" {
    large_parts
    for kb in 100 400 1000 2000 4000; do
        no_room $kb fm-merge -m 1 -o m.fmi part-?.fmi
        [[ ! -e m.fmi && ! -e m.fmi.parts ]]
    done
}

@test "fm-build --resume: killed at any time, in little memory" {
    local pid wait
    large_parts
    rm part-?.fmi
    for wait in 0.1 0.4 0.8; do
        fm-build -q -m 4M --sample-rate 4 --resume -o m.fmi part-?.txt &
        pid=$!
        sleep $wait
        kill -9 $pid || true
        wait $pid || true
        [[ -z $(find . -name '.spool*') ]]
    done
    ok fm-build -q -m 4M --sample-rate 4 --resume -o m.fmi part-?.txt
    cmp all.fmi m.fmi
    rm part-?.txt
    only all.fmi m.fmi
}

@test "fm-build --append: the documents come behind" {
    parts
    ok fm-build --append part-1.fmi part-2.txt part-3.txt
    cmp all.fmi part-1.fmi
    ok fm-build part-1.txt
    ok fm-build -a part-1.fmi -m 30K -o m.fmi part-2.txt part-3.txt
    cmp all.fmi m.fmi
    : >none.txt
    ok fm-build --append m.fmi none.txt
    cmp all.fmi m.fmi
    head -c 500 all.fmi >bad.fmi
    fails fm-build --append bad.fmi part-1.txt
    says bad.fmi
    misuse fm-build --append m.fmi --shards 2 -o n.fmi part-1.txt
}

# Kills the build as soon as it has finished a part.
kill_early() {
    fm-build -q "$@" &
    local pid=$!
    until compgen -G 'm.fmi.parts/*.fmi' >/dev/null || ! kill -0 $pid 2>/dev/null; do :; done
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
}

@test "fm-build --resume: a killed build goes on" {
    parts
    for _ in 1 2 3; do
        kill_early -m 3K -o m.fmi part-?.txt
        [[ ! -e m.fmi && -d m.fmi.parts ]]
        kill_early -m 3K --resume -o m.fmi part-?.txt
        ok fm-build --resume -m 9K -o m.fmi part-?.txt
        cmp all.fmi m.fmi
        [[ ! -e m.fmi.parts ]]
        rm m.fmi
    done
}

@test "fm-build --resume: not with other inputs; without it, from the beginning" {
    parts
    kill_early -m 3K -o m.fmi part-?.txt
    fails fm-build --resume -m 3K -o m.fmi part-1.txt
    says m.fmi.parts
    echo more >>part-3.txt
    fails fm-build --resume -m 3K -o m.fmi part-?.txt
    misuse fm-build --resume -o m.fmi - <part-1.txt
    [[ -d m.fmi.parts ]]
    ok fm-build -o all.fmi part-?.txt
    ok fm-build -m 3K -o m.fmi part-?.txt
    cmp all.fmi m.fmi
    [[ ! -e m.fmi.parts ]]
    ok fm-build --resume -m 3K -o m.fmi part-?.txt
    cmp all.fmi m.fmi
}

@test "fm-build: what an error leaves behind can be gone on with" {
    parts
    { cat part-1.txt && echo; } | jq -Rc '{text:.}' >x.jsonl
    echo broken >>x.jsonl
    exits 1 fm-build -m 3K -o m.fmi x.jsonl
    hear
    [[ $message == *"x.jsonl:402"* && $message == *"'m.fmi.parts'"* && $message == *--resume* ]]
    [[ -d m.fmi.parts && ! -e m.fmi ]]
    exits 1 fm-build -q --resume -m 3K -o m.fmi x.jsonl
    says x.jsonl:402
}

@test "two builds of one name in parts: the second is refused" {
    parts
    mkfifo pipe
    fm-build -q -m 3K -f lines -o m.fmi pipe &
    exec 9>pipe
    cat part-1.txt >&9
    until compgen -G 'm.fmi.parts/*.fmi' >/dev/null; do sleep 0.05; done
    fails fm-build -m 3K -o m.fmi part-2.txt
    says m.fmi.parts
    exec 9>&-
    wait
    cmp part-1.txt <(fm-cat --all m.fmi)
}

@test "--set: no link makes the set replace an index that it names" {
    parts
    ln -s part-1.fmi link.fmi
    fails fm-merge --set -o link.fmi part-1.fmi part-2.fmi
    says part-1.fmi
    fails fm-merge --set -o part-1.fmi link.fmi part-2.fmi
    ok fm-merge -o m.fmi part-?.fmi
    cmp all.fmi m.fmi
}

@test "--set: indexes of a set may differ in all but the rule" {
    parts
    fm-build --sample-rate 16 part-2.txt
    ok fm-merge --set -o all.set part-?.fmi
    cmp <(fm-cat --all all.set) <(fm-cat --all all.fmi)
}

@test "fm-build --resume: an interrupted build that had finished no part" {
    parts
    kill_early -m 3K -o m.fmi part-?.txt
    rm m.fmi.parts/*.fmi
    ok fm-build --resume -o m.fmi part-?.txt
    cmp all.fmi m.fmi
    [[ ! -e m.fmi.parts ]]
    mkdir m.fmi.parts
    : >m.fmi.parts/state # killed, or the disk full, before it was written
    ok fm-build --resume -m 3K -o m.fmi part-?.txt
    cmp all.fmi m.fmi
    [[ ! -e m.fmi.parts ]]
}

@test "fm-build -m: parts that another build has left meanwhile are not taken for its own" {
    parts
    mkfifo pipe
    fm-build -q -m 3K -f lines -o m.fmi pipe &
    local first=$!
    exec 9>pipe
    mkdir m.fmi.parts # as of another build, begun and killed since
    cp part-1.fmi m.fmi.parts/000000-000999.fmi
    cat part-2.txt >&9
    exec 9>&-
    wait $first
    cmp part-2.txt <(fm-cat --all m.fmi)
    [[ ! -e m.fmi.parts ]]
}

@test "a folder of that name that is not ours stays as it is" {
    parts
    mkdir m.fmi.parts
    echo mine >m.fmi.parts/state
    cp part-1.fmi m.fmi.parts/000000-000000.fmi
    fails fm-merge -o m.fmi part-?.fmi
    says m.fmi.parts
    fails fm-build -m 3K -o m.fmi part-?.txt
    is mine "$(<m.fmi.parts/state)"
    cmp part-1.fmi m.fmi.parts/000000-000000.fmi
}

@test "fm-merge: what fails leaves no folder, as nothing goes on with it" {
    parts
    no_room 8 fm-merge -o m.fmi part-?.fmi
    [[ ! -e m.fmi && ! -e m.fmi.parts ]]
}

@test "a name as long as names may be" {
    local name
    part 1
    name=$(printf '%0251d' 0).fmi
    ok fm-build -o "$name" part-1.txt
    ok fm-merge -o "$name" "$name"
}

# large: three indexes, to merge which takes a second.
large() {
    local i
    for i in 1 2 3; do
        lines 60000 'abc d,é' 60 "$i" >"part-$i.txt"
        fm-build "part-$i.txt"
    done
}

# parted SIGNAL COMMAND...: it is ended by the signal when it has made the folder of parts.
parted() {
    local signal=$1 pid status=0
    shift
    "$@" & # a job of a shell without job control is deaf to INT
    pid=$!
    until [[ -e m.fmi.parts/state ]] || ! kill -0 $pid; do sleep 0.01; done
    kill "-$signal" $pid
    wait $pid || status=$?
    is $((128 + $(kill -l "$signal"))) $status
}

@test "a merge ended by a signal leaves nothing" {
    local signal
    large
    for signal in TERM HUP; do
        parted $signal fm-merge -q -o m.fmi part-?.fmi
        only part-{1..3}.{txt,fmi}
    done
    # What others have put there stays.
    mkdir m.fmi.parts
    echo mine >m.fmi.parts/mine
    parted TERM fm-merge -q -o m.fmi part-?.fmi
    is mine "$(ls -A m.fmi.parts)"
    rm -r m.fmi.parts
    # A build of what can be read again keeps its parts.
    parted TERM fm-build -q -m 2M -o m.fmi part-?.txt
    [[ -e m.fmi.parts/state ]]
}

@test "a merge does not remove the parts of an interrupted build" {
    parts
    mkdir m.fmi.parts
    printf 'sluice-parts 1\nanother\n' >m.fmi.parts/state
    cp part-1.fmi m.fmi.parts/000000-000000.fmi
    fails fm-merge -o m.fmi part-?.fmi
    says --resume
    cmp part-1.fmi m.fmi.parts/000000-000000.fmi
    printf 'sluice-parts 1\nfm-merge\n' >m.fmi.parts/state
    ok fm-merge -o m.fmi part-?.fmi
    cmp all.fmi m.fmi
    [[ ! -e m.fmi.parts ]]
}

@test "a set cannot be appended to, and it is said" {
    parts
    fm-merge --set -o x.set part-1.fmi part-2.fmi
    cp x.set old
    fails fm-build -a x.set part-3.txt
    says "'x.set' is a set"
    fails fm-build -a x.set -o y.fmi part-3.txt
    cmp old x.set
    [[ ! -e y.fmi ]]
}
