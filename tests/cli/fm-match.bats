# fm-match: which parts of a text occur in the corpus - maximal matches.
load helper

setup_file() {
    build_sample
    build_planks
}

# matched CORPUS MIN: reads texts, a line each; prints "text offset len count" of their maximal
# matches in the lines of CORPUS by trying every substring.
matched() {
    awk -v OFS='\t' -v min="$2" 'NR == FNR { doc[n++] = $0; next } {
        end = 0 # of the match that began before
        for (from = 1; from <= length($0); from++) {
            len = 0
            while (from + len <= length($0) && occurs(substr($0, from, len + 1)))
                len++
            if (len >= min && from + len > end)
                print FNR - 1, from - 1, len, count(substr($0, from, len))
            if (from + len > end)
                end = from + len
        }
    }
    function occurs(s,  i) {
        for (i = 0; i < n; i++) if (index(doc[i], s)) return 1
        return 0
    }
    function count(s,  i, at, rest, c) {
        for (i = 0; i < n; i++)
            for (rest = doc[i]; at = index(rest, s); rest = substr(rest, at + 1)) c++
        return c
    }' "$1" -
}

@test "help, version, misuse" {
    helps fm-match
    misuse fm-match -l 0 "$sample" </dev/null
    misuse fm-match -l x "$sample" </dev/null
    misuse fm-match --format=xml "$sample" </dev/null
}

@test "offset, length, occurrences and a document of each match" {
    ok fm-match -l 8 "$sample" <<'EOF'
Every evening the keeper lights the lamp at dusk, and nobody has ever seen the lamp go out.
nothing of this
the lamp
EOF
    tsv <<'EOF'
# text|offset|len|count|doc
0|4|10|1|35
0|13|12|2|1
0|15|33|1|0
0|49|14|1|22
0|55|36|1|2
1|7|8|2|33
2|0|8|4|0
EOF
    ok fm-match -l 9 "$sample" <<<'the lamp'
    is 1 "$(wc -l <"$out")"
}

@test "--show and --json" {
    ok fm-match -l 8 --show "$sample" <<<'X the lamp at dusk	C:\new\table'
    tsv <<'EOF'
# text|offset|len|count|doc|match
0|1|17|1|0| the lamp at dusk
0|19|12|1|16|C:\\new\\table
EOF
    ok fm-match -l 8 --json "$sample" <<<'X the lamp at dusk'
    prints <<<'{"text":0,"offset":1,"len":17,"count":1,"doc":0}'
    ok fm-match -l 8 --json --show "$sample" <<<'"the fields of this record lie deep"'
    prints <<<'{"text":0,"offset":2,"len":33,"count":1,"doc":24,"match":"he fields of this record lie deep"}'
    jq -e . "$out" >/dev/null
}

@test "the default is 32 bytes" {
    local text='A rope is measured in fathoms, a'
    is 32 "${#text}"
    ok fm-match "$sample" <<<"$text"
    is 32 "$(column 3 "$out")"
    ok fm-match "$sample" <<<"${text%a}"
    is '' "$(column 3 "$out")"
}

@test "no text, empty texts" {
    for option in -l8 -l1; do
        ok fm-match "$option" "$sample" </dev/null
        tsv <<<'# text|offset|len|count|doc'
        ok fm-match "$option" "$sample" < <(printf '\n\n')
        tsv <<<'# text|offset|len|count|doc'
        ok fm-match "$option" --json "$sample" </dev/null
        empty "$out"
    done
    ok fm-match -l 1 "$sample" < <(printf '\n\nx')
    is 2 "$(column 1 "$out")"
}

@test "texts of files, numbered through; formats" {
    echo 'the lamp at dusk' >a.txt
    printf 'nothing\nthe lamp at dawn\n' >b.txt
    jq -R '{body: .}' -c b.txt >c.jsonl
    jq -R '{text: .}' -c a.txt | zstd -q >d.jsonl.zst
    ok fm-match -l 9 "$sample" a.txt b.txt a.txt d.jsonl.zst
    is '0 2 3 4' "$(column 1 "$out" | uniq | paste -sd ' ')"
    ok fm-match -l 9 --field body "$sample" c.jsonl
    is 1 "$(column 1 "$out" | uniq)"
    ok fm-match -l 9 --field body "$sample" <c.jsonl
    is 1 "$(column 1 "$out" | uniq)"
    ok fm-match -l 9 "$sample" - <b.txt
    is 1 "$(column 1 "$out" | uniq)"
    ok fm-match -l 9 -f lines "$sample" b.txt - <a.txt
    is '1 2' "$(column 1 "$out" | uniq | paste -sd ' ')"
    ok fm-match -l 9 -f text "$sample" b.txt
    is '0 8' "$(awk '!/^#/ { print $1, $2 }' "$out" | head -n 1)"
    ok fm-match -l 9 "$sample" < <(gzip -c b.txt)
    is 1 "$(column 1 "$out" | uniq)"
    fails fm-match "$sample" c.jsonl
    says c.jsonl:1:
    fails fm-match "$sample" a.txt missing.txt
    says missing.txt
    fails fm-match "$sample" -o rows < <(zstd -qc a.txt | head -c 15)
    says stdin
    only a.txt b.txt c.jsonl d.jsonl.zst
}

@test "equal to trying every substring, with few letters and many" {
    for letters in ab abc abcdefgh; do
        lines 20 "$letters" 40 1 >x.txt
        lines 20 "${letters}z" 40 2 >texts
        fm-build x.txt
        for min in 1 4 8; do
            matched x.txt "$min" <texts >../expected
            ok fm-match -l "$min" x.fmi <texts
            grep -v '^#' "$out" | cut -f 1-4 | diff ../expected -
            cat ../expected >>../matches
        done
        # the document named holds the match
        fm-match -l 1 --show x.fmi <texts | grep -v '^#' | while IFS=$'\t' read -r _ _ _ _ doc match; do
            [[ $(sed -n "$((doc + 1))p" x.txt) == *"$match"* ]]
        done
    done
    [[ $(wc -l <../matches) -gt 300 ]]
}

@test "a whole document, and one byte of it changed" {
    fm-cat "$planks" 4321 >text
    len=$(($(stat -c %s text) - 1))
    ok fm-match "$planks" <text
    is "$(printf '0\t0\t%d\t1\t4321' "$len")" "$(tail -n +2 "$out")"
    sed 's/ one of /_one of /' text >changed
    ok fm-match -l 1 "$planks" <changed
    at=$(awk '{ print index($0, "_") - 1 }' changed)
    is 0 "$(grep -v '^#' "$out" | awk -v at="$at" '$2 <= at && $2 + $3 > at' | wc -l)"
    is "$len" "$(grep -v '^#' "$out" | awk '{ end = $2 + $3 } END { print end }')"
}

@test "bytes that are not UTF-8, and NUL" {
    printf 'a\0b\xff\xfec\n' >x.txt
    fm-build x.txt
    ok fm-match -l 3 x.fmi < <(printf 'z\0b\xff\xfez\n')
    is $'0\t1\t4\t1\t0' "$(tail -n +2 "$out")"
}

@test "more texts than a batch holds" {
    ok fm-match -l 20 "$planks" < <(head -n 1000 "$BATS_FILE_TMPDIR/planks.txt")
    column 1 "$out" | uniq | cmp - <(seq 0 999)
}

@test "an index without documents, and a set" {
    fm-build -q -o none.fmi - </dev/null
    ok fm-match -l 1 none.fmi <<<'text'
    is 1 "$(wc -l <"$out")"
    head -n 30 "$data/sample.jsonl" >a.jsonl
    sed 1,30d "$data/sample.jsonl" >b.jsonl
    fm-build a.jsonl
    fm-build b.jsonl
    printf 'sluice-set 1\na.fmi\nnone.fmi\nb.fmi\n' >x.set
    fm-cat --all "$sample" | tr 'm' 'n' >texts
    ok fm-match -l 6 "$sample" <texts
    cut -f 1-4 "$out" >../expected
    [[ $(wc -l <../expected) -gt 50 ]]
    ok fm-match -l 6 x.set <texts
    cut -f 1-4 "$out" | cmp ../expected -
    ok fm-match x.set <<<'On the first day the surveyors measured the harbour'
    is 37 "$(column 5 "$out")"
}

@test "a normalised index: texts are normalised, offsets are those of the result" {
    printf 'The cat, the DOG & the fox.\n' >x.txt
    fm-build --normalize gpt3 x.txt
    ok fm-match -l 10 --show x.fmi <<<'Cat: "The Dog and'
    is $'0\t0\t13\t1\t0\t cat the dog ' "$(tail -n +2 "$out")"
}

@test "what is no index" {
    refuses_bad_indexes fm-match @
}

@test "-T and the CPU level change nothing" {
    fm-cat --all "$sample" | tr 'ms' 'nz' >texts
    same_for_all_threads fm-match -l 4 "$sample" texts -f lines
    same_for_all_levels fm-match -l 4 "$sample" texts -f lines
}

@test "-o FILE, whole or not at all; lost output" {
    cp "$data/sample.jsonl" ../texts.jsonl
    writes_whole_or_not fm-match "$sample" ../texts.jsonl
    reports_lost_output fm-match "$sample" ../texts.jsonl
}
