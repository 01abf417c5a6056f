# Shards: fm-build --shards, and the set that makes them one again.
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    lines 400 'abcdefgh ' 60 1 | awk '{ print "{\"id\":\"k" NR "\",\"text\":\"" $0 "\",\"n\":" NR "}" }' >a.jsonl
    lines 300 'abcdefgh ' 90 2 >b.txt
    : >c.txt
    lines 900 'abcdefghijklmnopqrstuvwxyz0123456789 ' 2500 3 | sed 's/.*/{"text":"&"}/' | zstd -q >d.jsonl.zst
    printf '\n{"id":"last","text":"no newline"}' >e.jsonl
    fm-build -o whole.fmi a.jsonl b.txt c.txt d.jsonl.zst e.jsonl
}

setup() {
    enter_work
    corpus=(a.jsonl b.txt c.txt d.jsonl.zst e.jsonl)
    for file in "${corpus[@]}" whole.fmi; do
        ln "$BATS_FILE_TMPDIR/$file" .
    done
}

# same_as_whole SET: counts, places, documents and ids.
same_as_whole() {
    {
        printf '%s\n' '' a ab 'bcd ' gh zz zzz xyz newline 'no such string' k399
        fm-cat whole.fmi 3 500 800 900 | cut -c 1-12
    } >../patterns
    diff <(fm-count --docs whole.fmi <../patterns) <(fm-count --docs "$1" <../patterns)
    diff <(fm-find whole.fmi abc) <(fm-find "$1" abc)
    diff <(fm-find whole.fmi zz --max 50) <(fm-find "$1" zz --max 50)
    cmp <(fm-cat --all --json --meta whole.fmi) <(fm-cat --all --json --meta "$1")
    cmp <(fm-cat --id whole.fmi k7 k400 b.txt:1 b.txt:300 d.jsonl.zst:450 last) \
        <(fm-cat --id "$1" k7 k400 b.txt:1 b.txt:300 d.jsonl.zst:450 last)
}

documents() {
    for index; do
        fm-stat --json "$index" | jq .documents
    done | paste -sd ' '
}

@test "a set of shards answers as the single index does" {
    for n in 1 2 3 10; do
        ok fm-build --shards "$n" -o x.fmi "${corpus[@]}"
        empty "$out"
        only "${corpus[@]}" whole.fmi x.fmi $(seq -f "x.%g.fmi" 0 $((n - 1)))
        same_as_whole x.fmi
        ok fm-stat --check x.fmi
        rm x.fmi x.*.fmi
    done
}

@test "the set names its shards in the order of the documents, relative to itself" {
    mkdir deep
    ok fm-build --shards 12 -o deep/x.fmi "${corpus[@]}"
    is "$({ echo sluice-set 1 && printf 'x.%02d.fmi\n' {0..11}; })" "$(<deep/x.fmi)"
    is "$(printf 'deep/x.%02d.fmi ' {0..11})" "$(echo deep/x.*.fmi) "
    mkdir moved
    mv deep/* moved
    same_as_whole moved/x.fmi
    ok fm-build --shards 2 -o deep/x.set "${corpus[@]}"
    is "x.set x.set.0.fmi x.set.1.fmi" "$(ls deep | paste -sd ' ')"
    same_as_whole deep/x.set
}

@test "--shard: the same bytes in a task of its own, in any order, and no set" {
    ok fm-build --shards 5 -o x.fmi "${corpus[@]}"
    for i in 3 0 4 2 1; do
        ok fm-build -q --shards 5 --shard "$i" -T 1 -o y.fmi "${corpus[@]}"
        cmp "x.$i.fmi" "y.$i.fmi"
    done
    [[ ! -e y.fmi ]]
    ok fm-build --shard=0 --shards=2 e.jsonl
    is 1 "$(documents e.0.fmi)"
    [[ ! -e e.1.fmi && ! -e e.fmi ]]
}

@test "shards are of about the same size" {
    ok fm-build --shards 4 -f lines -o x.fmi a.jsonl b.txt
    for i in 0 1 2 3; do
        size=$(fm-stat --json "x.$i.fmi" | jq .text_bytes)
        [[ $((size * 4)) -gt $(($(cat a.jsonl b.txt | wc -c) * 9 / 10)) ]]
    done
}

@test "a file a document: whole files in shards" {
    for i in {0..9}; do
        seq $((i * 100)) $((i * 100 + 99)) >"$i"
    done
    ok fm-build -f text -o one.fmi {0..9}
    ok fm-build -f text --shards 3 -o x.fmi {0..9}
    cmp <(fm-cat --all --json one.fmi) <(fm-cat --all --json x.fmi)
    for i in 0 1 2; do
        [[ $(documents "x.$i.fmi") -gt 1 ]]
    done
}

@test "more shards than documents: some are empty, and all is well" {
    ok fm-build --shards 20 -o x.fmi e.jsonl
    is 20 "$(ls x.??.fmi | wc -l)"
    is '1 1' "$(documents x.??.fmi | tr ' ' '\n' | sort -n | uniq -c | tail -n 1 | xargs)"
    is 1 "$(fm-count x.fmi newline | column 1 /dev/stdin)"
    is 'no newline' "$(fm-cat --id x.fmi last)"
    exits 0 fm-build --shards 2 -o y.fmi c.txt
    one_sentence
    says 'no document'
    is 0 "$(fm-count y.fmi a | column 1 /dev/stdin)"
}

@test "--skip-bad: each bad record counts once; without it the first one is named" {
    { head -n 100 a.jsonl; echo bad; sed 1,100d a.jsonl; echo '{}'; } >bad.jsonl
    exits 0 fm-build --skip-bad --shards 7 -o x.fmi bad.jsonl
    one_sentence
    says '2 bad records'
    cmp a.jsonl <(fm-cat --all --meta x.fmi)
    rm x.*
    fails fm-build --shards 7 -o x.fmi bad.jsonl
    says bad.jsonl:101:
    [[ ! -e x.fmi ]]
    # whose range it does not lie in, builds
    ok fm-build --shards 7 --shard 4 -o x.fmi bad.jsonl
}

@test "what goes wrong leaves the old set" {
    ok fm-build --shards 2 -o x.fmi a.jsonl
    cp x.fmi ../set
    fails fm-build --shards 2 -o x.fmi a.jsonl missing.jsonl
    same=$(fm-count x.fmi a)
    mkdir x.1.fmi.d && rm x.1.fmi && mv x.1.fmi.d x.1.fmi
    fails fm-build --shards 2 -o x.fmi a.jsonl
    says x.1.fmi
    cmp ../set x.fmi
    rmdir x.1.fmi
    ok fm-build --shards 2 -o x.fmi a.jsonl
    is "$same" "$(fm-count x.fmi a)"
    rm x.fmi && mkdir x.fmi
    fails fm-build --shards 2 -o x.fmi a.jsonl
    says "'x.fmi'"
}

@test "misuse" {
    for options in --shards=0 --shards=-1 --shards=x --shards=65537 --shard=0 '--shards=3 --shard=3' \
        '--shards=3 --shard=-1' '--shards=3 --shard=' '--shards=1 --shard=1'; do
        # shellcheck disable=SC2086 # two options
        misuse fm-build $options -o x.fmi a.jsonl
    done
    misuse fm-build --shards 2 a.jsonl b.txt
    misuse fm-build --shards 2 -o - a.jsonl
    only "${corpus[@]}" whole.fmi
}

@test "a pipe has no shards" {
    fails fm-build --shards 2 -o x.fmi - <a.jsonl
    says 'standard input'
    fails fm-build --shards 2 --shard 0 -o x.fmi <(cat a.jsonl)
    says /dev/fd
    ok fm-build --shards 1 -o x.fmi - <a.jsonl
    only "${corpus[@]}" whole.fmi x.fmi x.0.fmi
}

@test "--normalize and -T: the same answers, the same bytes" {
    ok fm-build --normalize gpt3 -o one.fmi "${corpus[@]}"
    ok fm-build --normalize gpt3 --shards 3 -T 1 -o x.fmi "${corpus[@]}"
    ok fm-build --normalize gpt3 --shards 3 -T 2 -o y.fmi "${corpus[@]}"
    diff <(fm-count one.fmi ' abc ' b ' no ') <(fm-count x.fmi ' abc ' b ' no ')
    for i in 0 1 2; do
        cmp "x.$i.fmi" "y.$i.fmi"
    done
}

@test "fm-merge lists shards that tasks have built in a set, or makes the single index of them" {
    ok fm-build --shards 3 -o x.fmi "${corpus[@]}"
    mv x.fmi ../set
    ok fm-merge --set -o x.fmi x.*.fmi
    cmp ../set x.fmi
    ok fm-merge -o y.fmi x.*.fmi
    cmp whole.fmi y.fmi
}
