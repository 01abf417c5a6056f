# fm-build: documents of every form in, an index out, whole or not at all.
load helper

# gives_back INDEX FILE: its texts, a line each, are FILE.
gives_back() {
    cmp "$2" <(fm-cat --all "$1")
}

# sound INDEX: everything in it is as it should be.
sound() {
    ok fm-stat --check "$1"
}

# facts INDEX NAME...: these values of fm-stat.
facts() {
    local index=$1
    shift
    fm-stat --json "$index" | jq -r "[$(printf '.%s,' "$@" | sed 's/,$//')] | join(\" \")"
}

@test "help, version, misuse" {
    helps fm-build
    cp "$data/sample.jsonl" x.jsonl
    misuse fm-build x.jsonl x.jsonl
    misuse fm-build - <x.jsonl
    misuse fm-build -o - x.jsonl
    for option in --format=csv --normalize=gpt4 --threads=x --memory=1.5x --memory= --memory=-1 \
        --sample-rate={0,3,4097,-64,64K,x}; do
        misuse fm-build "$option" x.jsonl
    done
    only x.jsonl
}

@test "JSON Lines come back as they were, every byte" {
    ok fm-build -o x.fmi "$data/sample.jsonl"
    empty "$out"
    cmp "$data/sample.jsonl" <(fm-cat --all --meta x.fmi)
    is '39 2310' "$(facts x.fmi documents text_bytes)"
    sound x.fmi
    only x.fmi
}

@test "without -o: the input's name, its suffixes taken off" {
    mkdir deep.txt
    echo '{"text":"a"}' >a.jsonl
    cp a.jsonl b.ndjson
    cp a.jsonl c.json
    cp a.jsonl d.txt
    cp a.jsonl deep.txt/e
    gzip -c a.jsonl >f.jsonl.gz
    zstd -q a.jsonl -o g.h.jsonl.zst
    cp a.jsonl i.txt.jsonl.bak
    for file in a.jsonl b.ndjson c.json d.txt deep.txt/e f.jsonl.gz g.h.jsonl.zst i.txt.jsonl.bak; do
        ok fm-build "$file"
    done
    is "$(printf '%s.fmi\n' a b c d f g.h i.txt.jsonl.bak)" "$(ls ./*.fmi | cut -c 3-)"
    is "e e.fmi" "$(ls deep.txt | paste -sd ' ')"
    rm a.fmi
    (cd deep.txt && ok fm-build ../a.jsonl)
    [[ -e a.fmi ]]
    is "e e.fmi" "$(ls deep.txt | paste -sd ' ')"
}

@test "lines: each a document, with any bytes, the last one with or without its newline" {
    printf 'first\n\n  third \r\n\xff\xfe\0\x01\tfifth\\n\n"last"\n' >x.txt
    ok fm-build x.txt
    gives_back x.fmi x.txt
    is 5 "$(facts x.fmi documents)"
    printf 'first\nlast' >x.txt
    ok fm-build x.txt
    is 2 "$(facts x.fmi documents)"
    gives_back x.fmi <(cat x.txt && echo)
    cp "$data/sample.jsonl" lines
    ok fm-build -f lines lines
    gives_back lines.fmi lines
    sound lines.fmi
}

@test "text: each file a document, all of its bytes" {
    printf 'one\ntwo\n' >a
    : >b
    printf '\0\n\xff\n\n' >c.jsonl
    head -c 100000 /dev/zero >zeros.txt
    ok fm-build -f text -o x.fmi a b c.jsonl zeros.txt a
    cmp <(cat a <(printf '\0') b <(printf '\0') c.jsonl <(printf '\0') zeros.txt <(printf '\0') a \
        <(printf '\0')) <(fm-cat --all -0 x.fmi)
    for file in a b c.jsonl zeros.txt; do
        fm-cat -0 --id x.fmi "$file" | head -c "$(stat -c %s "$file")" | cmp - "$file"
    done
    is 5 "$(facts x.fmi documents)"
    sound x.fmi
}

@test "several files are one corpus, in their order, each by its own name" {
    head -n 10 "$data/sample.jsonl" >a.jsonl
    printf 'plain line\n' >b.txt
    sed 1,10d "$data/sample.jsonl" | zstd -q >c.jsonl.zst
    ok fm-build -o x.fmi a.jsonl b.txt c.jsonl.zst a.jsonl
    cmp <(cat a.jsonl - <(sed 1,10d "$data/sample.jsonl") a.jsonl <<<'{"id":"b.txt:1","text":"plain line"}') \
        <(fm-cat --all --meta x.fmi)
    is 50 "$(facts x.fmi documents)"
    sound x.fmi
    # the second file goes on where the first one's line numbers end
    echo '{"text":"a"}' >d.jsonl
    printf '\n{"text":"b"}\n{"text":"c"}\n' >e.jsonl
    ok fm-build -o x.fmi d.jsonl e.jsonl d.jsonl
    is 'd.jsonl:1 e.jsonl:2 e.jsonl:3 d.jsonl:1' "$(fm-cat --all --json x.fmi | jq -r .id | paste -sd ' ')"
}

@test "zstd and gzip, concatenated ones too, named or piped: the same index" {
    cp "$data/sample.jsonl" plain
    head -n 20 plain >first
    sed 1,20d plain >rest
    ok fm-build -o expected.fmi - <plain
    zstd -q plain -o packed.zst
    { zstd -qc first && zstd -qc rest; } >two.zst
    gzip -c plain >packed.gz
    { gzip -c first && gzip -c rest; } >two.gz
    { : | zstd -qc && zstd -qc plain && : | zstd -qc; } >hollow.zst
    for file in *.zst *.gz; do
        ok fm-build -o x.fmi - <"$file"
        cmp expected.fmi x.fmi
        ok fm-build -o x.fmi - < <(cat "$file")
        cmp expected.fmi x.fmi
        ok fm-build -o x.fmi "$file"
        cmp plain <(fm-cat --all --meta x.fmi)
        cp "$file" nameless
        ok fm-build nameless
        cmp plain <(fm-cat --all --meta nameless.fmi)
    done
    ok fm-build -f lines -o x.fmi two.zst
    gives_back x.fmi plain
    ok fm-build -f text -o x.fmi two.gz
    cmp plain <(fm-cat --all -0 x.fmi | head -c -1)
}

@test "a truncated or damaged compressed file: it is named, and nothing is left" {
    lines 2000 abcdefgh 60 1 >good.txt
    zstd -q good.txt
    gzip -k good.txt
    for file in good.txt.zst good.txt.gz; do
        size=$(stat -c %s "$file")
        for cut in 4 $((size / 2)) $((size - 1)); do
            head -c "$cut" "$file" >bad.txt
            for format in lines text; do
                fails fm-build -f "$format" -o x.fmi good.txt bad.txt
                says bad.txt
                says truncated
            done
            fails fm-build -o x.fmi -f lines - <bad.txt
            says stdin
            fails fm-build --skip-bad bad.txt
        done
        cat "$file" <(head -c "$cut" "$file") >bad.txt
        fails fm-build bad.txt
        cp "$file" bad.txt
        printf '\xaa\x55\xaa\x55' | dd of=bad.txt bs=1 seek=$((size / 2)) conv=notrunc status=none
        fails fm-build bad.txt
        says bad.txt
    done
    only good.txt good.txt.gz good.txt.zst bad.txt
}

@test "a bad record: file and line are named, nothing is left; --skip-bad passes over it" {
    head -n 3 "$data/sample.jsonl" >good.jsonl
    for line in '{"id":1}' '{"text":1}' '{"text":null}' '{"text":["a"]}' '{"text":"a"' '{"text":"a}' \
        '["text","a"]' '"text"' 'text' '{"text":"a",}' '{"text":"a"} {}' '{"text":"a\x"}' \
        '{"text":"a\u12"}' '{"text":"a'$'\t''"}' '{"text":"a","b":01}' "{'text':'a'}" \
        '{"text":"a","b":tru}' '{"Text":"a"}' '{"a":{"text":"a"}}' '{'; do
        { cat good.jsonl && printf '\n\n%s\n' "$line" && cat good.jsonl; } >bad.jsonl
        fails fm-build bad.jsonl
        says bad.jsonl:6:
        fails fm-build -o x.fmi good.jsonl - <bad.jsonl
        says stdin:6:
        only good.jsonl bad.jsonl
    done
    { cat good.jsonl && echo '{"id":1}' && echo '{' && cat good.jsonl && printf 'no end'; } >bad.jsonl
    exits 0 fm-build --skip-bad good.jsonl bad.jsonl -o bad.fmi
    one_sentence
    says 'fm-build: 3 bad records'
    cmp <(cat good.jsonl good.jsonl good.jsonl) <(fm-cat --all --meta bad.fmi)
    sound bad.fmi
    ok fm-build -q --skip-bad bad.jsonl
    ok fm-build --skip-bad good.jsonl
}

@test "a bad record inside a compressed file" {
    { cat "$data/sample.jsonl" && echo '{"text":7}'; } | zstd -q >x.jsonl.zst
    fails fm-build x.jsonl.zst
    says x.jsonl.zst:40:
    only x.jsonl.zst
}

@test "inputs that cannot be read are known before the work, and named" {
    cp "$data/sample.jsonl" x.jsonl
    mkdir folder
    for file in missing.jsonl folder; do
        fails fm-build -o x.fmi x.jsonl "$file"
        says "$file"
        fails fm-build "$file"
        says "$file"
    done
    fails fm-build -o x.fmi - <folder
    only x.jsonl folder
}

@test "outputs that cannot be written" {
    cp "$data/sample.jsonl" x.jsonl
    mkdir folder
    fails fm-build -o missing/x.fmi x.jsonl
    says missing/x.fmi
    fails fm-build -o folder x.jsonl
    says folder
    fails fm-build -o /dev/full x.jsonl
    says /dev/full
    only x.jsonl folder
    is '' "$(ls -A folder)"
}

@test "an old index is replaced, with its permissions; a link is followed" {
    cp "$data/sample.jsonl" x.jsonl
    echo old >x.fmi
    chmod 640 x.fmi
    ok fm-build x.jsonl
    is 640 "$(stat -c %a x.fmi)"
    mkdir there
    ln -s there/y.fmi y.fmi
    ok fm-build -o y.fmi x.jsonl
    cmp x.fmi there/y.fmi
    [[ -L y.fmi ]]
    (umask 027 && ok fm-build -o new.fmi x.jsonl)
    is 640 "$(stat -c %a new.fmi)"
    only new.fmi there x.fmi x.jsonl y.fmi
}

@test "a failure leaves the old index" {
    cp "$data/sample.jsonl" x.jsonl
    fm-build x.jsonl
    cp x.fmi ../old.fmi
    echo '{' >>x.jsonl
    fails fm-build x.jsonl
    says x.jsonl:40:
    cmp ../old.fmi x.fmi
    only x.fmi x.jsonl
}

@test "no document at all: an index that every tool can use" {
    : >x.jsonl
    exits 0 fm-build x.jsonl
    one_sentence
    printf '\n  \n\r\n' >blank.jsonl
    ok fm-build -q blank.jsonl
    cp x.jsonl none.txt
    ok fm-build -q none.txt
    ok fm-build -q -o pipe.fmi - </dev/null
    : | zstd -q >z.jsonl.zst
    ok fm-build -q z.jsonl.zst
    for index in x.fmi blank.fmi none.fmi pipe.fmi z.fmi; do
        is '0 0' "$(facts "$index" documents text_bytes)"
        sound "$index"
        ok fm-cat --all "$index"
        empty "$out"
        ok fm-find "$index" a
        is 1 "$(wc -l <"$out")"
        ok fm-match -l 1 "$index" <<<'text'
        is 1 "$(wc -l <"$out")"
        ok fm-contam "$index" --bench "$data/gsm8k-50.jsonl"
        grep -q ' 50 entries, 0 dirty, 0 suspicious, 50 clean$' "$out"
    done
}

@test "--field and --id-field" {
    cat >x.jsonl <<'EOF'
{"id":"wrong","text":"wrong","body":"right 1","key":"k1"}
{"key":"k2","a\u0062":0,"body":"right 2"}
{"bo\u0064y":"right 3","k\u0065y":3.0}
EOF
    ok fm-build --field body --id-field key x.jsonl
    is "$(printf 'right %d\n' 1 2 3)" "$(fm-cat --all x.fmi)"
    cmp x.jsonl <(fm-cat --all --meta x.fmi)
    is "k1 k2 3.0" "$(fm-cat --all --json x.fmi | jq -r .id | paste -sd ' ')"
    is 'right 2' "$(fm-cat --id x.fmi k2)"
    fails fm-build -o y.fmi x.jsonl
    says x.jsonl:2:
    # Without the other, with any format: a file's record has both.
    for format in jsonl lines text; do
        misuse fm-build -f $format -o y.fmi --field id x.jsonl
        misuse fm-build -f $format -o y.fmi --id-field text x.jsonl
        misuse fm-build -f $format -o y.fmi --id-field k --field k x.jsonl
    done
    misuse fm-build -a x.fmi --id-field k --field k x.jsonl
}

@test "a document too large to be sorted is named by file and line" {
    lines 20 abc 100 1 >a.txt
    { lines 20 abc 100 2 && head -c 100000 /dev/zero | tr '\0' a && echo; } >b.txt
    fails fm-build -q -m 50000 -o x.fmi a.txt b.txt
    says 'b.txt:21: a document of 100000 bytes'
    fm-build -o y.fmi a.txt
    fails fm-build -q -m 50000 -a y.fmi b.txt
    says 'b.txt:21: '
    fails fm-build -f text -m 50000 -o x.fmi b.txt
    says 'b.txt: a document'
    fails fm-build -f lines -m 50000 -o x.fmi - <b.txt
    says 'stdin:21: '
}

@test "JSON Lines as Windows and editors make them" {
    printf '\xef\xbb\xbf{"text":"a"}\r\n\r\n \t{"text":"b"} \r\n{"text":"c"}' >x.jsonl
    ok fm-build x.jsonl
    is "a b c" "$(fm-cat --all x.fmi | paste -sd ' ')"
    is '{"text":"a"}{"text":"b"}{"text":"c"}' "$(fm-cat --all --meta x.fmi | tr -d '\n')"
    is x.jsonl:4 "$(fm-find x.fmi c | column 2 /dev/stdin)"
}

@test "text is decoded once, whatever its escapes; the other fields stay" {
    cat >x.jsonl <<'EOF'
{"a":"\u00e9\/","text":"\u00e9\/\u0041\ud83d\udc0b \u4e2d\n","b":1E400}
{"text":"lone \ud83d and \udc0b halves","c":"\ud83d"}
EOF
    ok fm-build x.jsonl
    is $'é/A🐋 中\n\nlone \xed\xa0\xbd and \xed\xb0\x8b halves' "$(fm-cat --all x.fmi)"
    is '{"a":"\u00e9\/","text":"é/A🐋 中\n","b":1E400}' "$(fm-cat --meta x.fmi 0)"
    is '","c":"\ud83d"}' "$(fm-cat --meta x.fmi 1 | grep -o '","c".*')"
}

@test "raw bytes that are not UTF-8 inside JSON" {
    printf '{"id":"\xe9","text":"caf\xe9 \xf0\x9f"}\n' >x.jsonl
    ok fm-build x.jsonl
    cmp <(printf 'caf\xe9 \xf0\x9f\n') <(fm-cat --id x.fmi $'\xe9')
}

@test "a long line, and many short ones" {
    { printf '{"text":"' && head -c 3000000 /dev/zero | tr '\0' a && printf '","id":1}\n'; } >x.jsonl
    ok fm-build x.jsonl
    cmp x.jsonl <(fm-cat --all --meta x.fmi)
    is 2999991 "$(fm-count x.fmi aaaaaaaaaa | column 1 /dev/stdin)"
    seq 1 50000 >x.txt
    ok fm-build x.txt
    gives_back x.fmi x.txt
    sound x.fmi
}

@test "all 256 byte values, the rarest of them at every place" {
    awk 'BEGIN {
        for (i = 255; i >= 0; i--) if (i != 10) for (k = 0; k < 1 + (i != 200) * 3; k++) printf "%c%c", i, i
        printf "\n%c%c\n%c", 200, 200, 200
    }' >x.txt
    is 256 "$(od -An -v -tx1 -w1 x.txt | sort -u | wc -l)"
    ok fm-build -f lines x.txt
    gives_back x.fmi <(cat x.txt && echo)
    is '3 255' "$(facts x.fmi documents alphabet)"
    ok fm-build -f text -o y.fmi x.txt
    cmp x.txt <(fm-cat --all -0 y.fmi | head -c -1)
    is '1 256' "$(facts y.fmi documents alphabet)"
    sound y.fmi
    for byte in $'\xc8' $'\x0a' $'\x01' $'\xff'; do
        is "$(tr -cd "$byte" <x.txt | wc -c)" "$(printf '%s\0' "$byte" | fm-count -0 y.fmi | cut -f 1 | head -n 1)"
    done
    ok fm-find -C 0 y.fmi $'\xc8\n\xc8'
    is 1 "$(column 1 "$out" | wc -l)"
    is $'\xc8\\n\xc8' "$(column 4 "$out")"
}

@test "the index is the same whatever -T, the CPU level and the order of options" {
    lines 4000 'abcdefgh ' 80 1 | sed 's/.*/{"text":"&","n":1}/' >x.jsonl
    fm-build -T 1 -o expected.fmi x.jsonl
    for threads in 2 3 8; do
        ok fm-build -T "$threads" -o x.fmi x.jsonl
        cmp expected.fmi x.fmi
    done
    for level in portable avx2; do
        ok env SLUICE_CPU="$level" fm-build x.jsonl --output x.fmi
        cmp expected.fmi x.fmi
    done
}

@test "--sample-rate: other sizes, the same answers" {
    lines 300 'abcdefgh ' 80 1 >x.txt
    fm-build x.txt
    fm-find x.fmi abc >../expected
    [[ $(wc -l <../expected) -gt 5 ]]
    for rate in 4 37 4096; do
        ok fm-build --sample-rate "$rate" -o y.fmi x.txt
        is "$rate" "$(facts y.fmi sample_rate)"
        fm-find y.fmi abc | cmp ../expected -
        gives_back y.fmi x.txt
        sound y.fmi
        stat -c %s y.fmi >>sizes
    done
    sort -rnu sizes | cmp - sizes
}

@test "--normalize gpt3: words are indexed, the raw text is kept" {
    ok fm-build --normalize gpt3 -o x.fmi "$data/sample.jsonl"
    cmp "$data/sample.jsonl" <(fm-cat --all --meta x.fmi)
    ok fm-count x.fmi ' the lamp says the painted sign ' 'THE LAMP' 'lamp,' ' größe '
    is "1 0 0 1" "$(column 1 "$out" | paste -sd ' ')"
    is gpt3 "$(facts x.fmi normalize)"
    sound x.fmi
}

@test "-v ends with time and memory; -q says nothing" {
    cp "$data/sample.jsonl" x.jsonl
    exits 0 fm-build -v x.jsonl
    one_sentence
    says 'peak memory'
    : >x.jsonl
    ok fm-build -q x.jsonl
}

@test "two builds of one name at a time: both done, one of them is the index" {
    lines 3000 abcdef 80 1 >a.txt
    lines 3000 abcdef 80 2 >b.txt
    fm-build a.txt
    fm-build b.txt
    for _ in 1 2 3; do
        fm-build -o x.fmi -T 1 a.txt 3>&- &
        fm-build -o x.fmi -T 1 b.txt 3>&-
        wait $!
        cmp -s a.fmi x.fmi || cmp b.fmi x.fmi
    done
    only a.fmi a.txt b.fmi b.txt x.fmi
}

# killed SIGNAL SECONDS: a build of x.jsonl that gets the signal after that time.
killed() {
    local pid
    fm-build -T 1 x.jsonl 3>&- 2>/dev/null &
    pid=$!
    sleep "$2"
    kill -s "$1" "$pid" 2>/dev/null || true
    wait "$pid" || true
}

@test "killed at any time: the old index or the new one, and no stray file" {
    local start took i signal
    lines 15000 'abcdefghijklmno ' 300 1 | sed 's/.*/{"text":"&"}/' >x.jsonl
    start=${EPOCHREALTIME/./}
    fm-build -T 1 x.jsonl
    took=$((${EPOCHREALTIME/./} - start))
    mv x.fmi ../new.fmi
    fm-build -q -o ../old.fmi - </dev/null
    for i in {1..13}; do
        signal=KILL
        [[ $i -le 10 ]] || signal=TERM
        [[ $i -le 12 ]] || signal=HUP
        rm -f x.fmi
        [[ $((i % 2)) == 0 ]] || cp ../old.fmi x.fmi
        # one kill in every tenth of the time it takes
        killed $signal "$(awk -v us=$took -v i=$((i % 10)) -v r=$RANDOM 'BEGIN { print us / 1e6 * (i + r / 32768) / 9.5 }')"
        if [[ -e x.fmi ]]; then
            cmp -s ../old.fmi x.fmi || cmp ../new.fmi x.fmi
            # when an old index is replaced, there is a second name for a moment
            [[ ! -e .x.fmi.new ]] || ok fm-build x.jsonl
            only x.fmi x.jsonl
        else
            only x.jsonl
        fi
    done
}

@test "a full disk, at any size: one sentence, nothing left, the old index intact" {
    local size left
    cp "$data/sample.jsonl" x.jsonl
    fm-build x.jsonl
    mv x.fmi ../expected.fmi
    size=$(stat -c %s ../expected.fmi)
    echo old >old.fmi
    no_room 0 fm-build -o old.fmi x.jsonl
    is old "$(<old.fmi)"
    for ((left = 0; left < size / 1024; left++)); do
        no_room "$left" fm-build -o new.fmi x.jsonl
        says new.fmi
        only old.fmi x.jsonl
    done
    (trap '' XFSZ && ulimit -f $((size / 1024 + 1)) && ok fm-build -o new.fmi x.jsonl)
    cmp ../expected.fmi new.fmi
}

teardown() {
    [[ ! -d $BATS_TEST_TMPDIR/work/disk ]] || umount "$BATS_TEST_TMPDIR/work/disk" || true
}

@test "a full file system" {
    mkdir disk
    mount -t tmpfs -o size=200k tmpfs disk 2>/dev/null || skip 'mounting a tmpfs is not permitted'
    lines 30000 'abcdefghijklmno ' 80 1 >x.txt
    fm-build -o disk/old.fmi "$data/sample.jsonl"
    cp disk/old.fmi ../old.fmi
    for name in old new; do
        fails fm-build -o "disk/$name.fmi" x.txt
        says 'No space left'
        says "disk/$name.fmi"
        cmp ../old.fmi disk/old.fmi
        is old.fmi "$(ls -A disk)"
    done
}

@test "-f text: a path that is not UTF-8 is the id, byte for byte" {
    local a=$'x\377"' b=$'x\376"'
    echo one >"$a"
    echo two >"$b"
    ok fm-build -f text -o x.fmi "$a" "$b"
    ok fm-cat --id -0 x.fmi "$a"
    is one "$(tr -d '\0' <"$out")"
    ok fm-cat --id -0 x.fmi "$b"
    is two "$(tr -d '\0' <"$out")"
    ok fm-find x.fmi two
    is "$b" "$(column 2 "$out")"
    fails fm-cat --id x.fmi $'x\357\277\275"'
    ok fm-cat --json x.fmi 1
    is $'{"id":"x\357\277\275\\"","text":"two\\n"}' "$(<"$out")"
    ok fm-cat --meta x.fmi 1
    is $'{"id":"x\376\\"","text":"two\\n"}' "$(<"$out")"
    ok fm-build -f text --id-field $'\377' -o y.fmi "$a"
    ok fm-cat --id -0 y.fmi "$a"
}

@test "no input is replaced, and standard input is one file" {
    lines 20 abc 100 1 >a.txt
    cp a.txt old
    ln -s a.txt soft
    for output in a.txt ./a.txt soft; do
        misuse fm-build -o $output a.txt
        says "'$output' is read"
        misuse fm-build -o $output - <a.txt
    done
    cp a.txt x.1.fmi
    misuse fm-build -f lines --shards 2 -o x.fmi a.txt x.1.fmi
    misuse fm-build -f lines --shards 2 --shard 1 -o x.fmi a.txt x.1.fmi
    misuse fm-build -f lines --shards 2 --shard 1 -o a.txt a.txt
    ok fm-build -f lines --shards 2 --shard 0 -o x.fmi a.txt x.1.fmi
    cmp old a.txt
    cmp old x.1.fmi
    misuse fm-build -o y.fmi - - <a.txt
    says 'standard input'
    # What is no regular file is not replaced; of two names of a file the other one keeps it.
    ln a.txt link.txt
    ok fm-build -q -f lines -o link.txt a.txt
    cmp old a.txt
    ok fm-build -q -o /dev/null /dev/null
    ok fm-build -o y.fmi a.txt
    ok fm-build -a y.fmi a.txt
    misuse fm-build -f text -a y.fmi y.fmi
}

@test "a bad SLUICE_CPU is misuse of every tool" {
    fm-build -q -o x.fmi /dev/null
    for tool in "$bin"/*-*; do
        [[ -x $tool && ! -d $tool ]] || continue
        misuse env SLUICE_CPU=bogus "$tool" x.fmi
        says SLUICE_CPU
        ok env SLUICE_CPU=bogus "$tool" --help
    done
    only x.fmi
}

@test "byte order marks where files with one were put one after the other" {
    printf '\357\273\277{"text":"a"}\n' >a.jsonl
    cat a.jsonl a.jsonl >b.jsonl
    printf '\357\273\277' | cat - b.jsonl >c.jsonl
    ok fm-build -o c.fmi c.jsonl
    ok fm-cat -a --meta c.fmi
    is $'{"text":"a"}\n{"text":"a"}' "$(<"$out")"
    printf ' \357\273\277{"text":"a"}\n' >a.jsonl
    fails fm-build -o d.fmi a.jsonl
    says 'a.jsonl:1'
}
