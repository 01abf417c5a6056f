# fm-cat: documents out of an index, their text or their records.
load helper

setup_file() {
    build_sample
    build_planks
}

# text N: the text of the sample's document N, as jq reads it.
text() {
    jq -j ".text" <<<"$(sed -n "$(($1 + 1))p" "$data/sample.jsonl")"
}

@test "help, version, misuse" {
    helps fm-cat
    misuse fm-cat "$sample"
    misuse fm-cat "$sample" --id
    misuse fm-cat --all "$sample" 0
    misuse fm-cat --all "$sample" -
}

@test "documents by number, in the order asked for, repeated ones too" {
    ok fm-cat "$sample" 2 0 2
    prints <<'EOF'
Nobody has ever seen the lamp go out.
The keeper lights the lamp at dusk and counts the ships at dawn.
Nobody has ever seen the lamp go out.
EOF
}

@test "a text comes back byte for byte, and one newline" {
    for doc in 4 16 17 22 31 38; do
        ok fm-cat "$sample" "$doc"
        cmp "$out" <(text "$doc" && echo)
        ok fm-cat -0 "$sample" "$doc"
        cmp "$out" <(text "$doc" && printf '\0')
    done
}

@test "--json: id and text; --meta: all fields, with the bytes they had" {
    ok fm-cat --json "$sample" 0 3 4 8 9 10 11 12 17 18 28
    prints <<'EOF'
{"id":"keeper-1","text":"The keeper lights the lamp at dusk and counts the ships at dawn."}
{"id":"keeper-4","text":"THE LAMP, says the painted sign; somebody has scratched a ship below it."}
{"id":"keeper-5","text":""}
{"id":"17","text":"This record has a number for its id, seventeen."}
{"id":"17.0","text":"Seventeen again, but with a point and a zero."}
{"id":"18446744073709551616123","text":"An id of more digits than a machine word holds."}
{"id":"sample.jsonl:12","text":"No id at all: this one is called after its file and line."}
{"id":"sample.jsonl:13","text":"An id that is null is no id."}
{"id":"nul","text":"before\u0000after, and \u0001\u001f too"}
{"id":"slash","text":"</script><script>alert('not a story')</script>"}
{"id":"one-byte","text":"x"}
EOF
    jq -e . "$out" >/dev/null
    for doc in 3 24 25 33; do
        ok fm-cat --meta "$sample" "$doc"
        cmp "$out" <(sed -n "$((doc + 1))p" "$data/sample.jsonl")
    done
    ok fm-cat --json --meta "$sample" 3
    is '{"source":"logbook","price":1.50,"id":"keeper-4","huge":1e400,"text":"THE LAMP, says the painted sign; somebody has scratched a ship below it.","tiny":-1E-400}' "$(<"$out")"
    ok fm-cat -0 --meta "$sample" 3 4
    is 2 "$(tr -cd '\0' <"$out" | wc -c)"
    is 0 "$(wc -l <"$out")"
}

@test "records of lines and of files" {
    printf 'one\n\377"\n' >x.txt
    fm-build x.txt
    ok fm-cat --all --json x.fmi
    prints <<'EOF'
{"id":"x.txt:1","text":"one"}
{"id":"x.txt:2","text":"�\""}
EOF
    mv "$out" ../json
    ok fm-cat --all --meta x.fmi
    cmp ../json "$out"
    fm-build -f text x.txt
    ok fm-cat --all --meta x.fmi
    prints <<<'{"id":"x.txt","text":"one\n�\"\n"}'
}

@test "--all gives every text back" {
    ok fm-cat --all "$sample"
    # of two texts in a record jq takes the last
    sed 's/,"text":"The second is kept as it stands."//' "$data/sample.jsonl" >../first.jsonl
    jq -j '.text + "\n"' ../first.jsonl | cmp - "$out"
    ok fm-cat -a -0 "$planks"
    tr '\0' '\n' <"$out" | cmp - "$BATS_FILE_TMPDIR/planks.txt"
    ok fm-cat --all --json "$planks"
    jq -r .text "$out" | cmp - "$BATS_FILE_TMPDIR/planks.txt"
}

@test "--all -0 equals the files, whatever is in them" {
    printf 'a\0b\0\0' >a
    : >b
    head -c 300000 "${BASH}" >c
    cp "$data/sample.jsonl" d
    head -c 2000000 /dev/zero | tr '\0' a >e
    fm-build -o x.fmi -f text a b c d e
    for file in a b c d e; do
        cat "$file"
        printf '\0'
    done >../expected
    ok fm-cat --all -0 x.fmi
    cmp ../expected "$out"
    ok fm-cat -0 x.fmi 0 1 2 3 4
    cmp ../expected "$out"
}

@test "what there is not: nothing but the failure" {
    fails fm-cat "$sample" 39
    says 'no document 39'
    fails fm-cat "$sample" 18446744073709551616
    fails fm-cat "$sample" keeper-1
    says --id
    for argument in '' ' 1' 1x 0x1 1.0 +1; do
        fails fm-cat "$sample" "$argument"
        empty "$out"
    done
    fails fm-cat --id "$sample" keeper-9
    says keeper-9
    fails fm-cat -- "$sample" -1
    echo old >old
    fails fm-cat -o old "$sample" 0 1 99
    is old "$(<old)"
}

@test "--id: the documents that have it, all of them" {
    ok fm-cat --id "$sample" twice keeper-3 twice
    prints <<'EOF'
First of two records that share an id.
Second of two records that share an id.
Nobody has ever seen the lamp go out.
First of two records that share an id.
Second of two records that share an id.
EOF
    ok fm-cat --id "$sample" 港 größe λιμάνι
    is 3 "$(wc -l <"$out")"
    ok fm-cat --id "$sample" 17
    is 'This record has a number for its id, seventeen.' "$(<"$out")"
    ok fm-cat --id "$sample" 17.0
    is 'Seventeen again, but with a point and a zero.' "$(<"$out")"
    ok fm-cat --id --json "$sample" 18446744073709551616123
    fails fm-cat --id "$sample" 18446744073709551616124
    fails fm-cat --id "$sample" ''
    fails fm-cat --id "$sample" 'not the id'
    fails fm-cat --id "$sample" 'second id'
    ok fm-cat --id "$sample" empty-name
}

@test "--id among many, some of them repeated" {
    awk 'BEGIN { for (i = 0; i < 5000; i++) printf "{\"id\":\"n%d\",\"text\":\"text %d\"}\n", i * 7 % 1250, i }' >x.jsonl
    fm-build x.jsonl
    for id in 0 1 7 1249; do
        ok fm-cat --id x.fmi "n$id"
        grep -F "\"n$id\"" x.jsonl | jq -r .text | cmp - "$out"
        is 4 "$(wc -l <"$out")"
    done
    fails fm-cat --id x.fmi n1250
}

@test "-: the documents of fm-find's rows, TSV and JSON, each once" {
    ok bash -o pipefail -c 'fm-find "$1" lamp | fm-cat "$1" -' - "$sample"
    cmp "$out" <(fm-cat "$sample" 0 1 2 7 38)
    for options in --json --by-doc '--json --by-doc' '--json --and' '-C 0' '-C 1000'; do
        ok bash -o pipefail -c 'fm-find "$@" | fm-cat "$1" -' - "$sample" lamp $options
        cmp "$out" <(fm-cat "$sample" 0 1 2 7 38)
    done
    ok bash -o pipefail -c 'fm-find "$1" lamp | fm-cat --meta "$1" -' - "$sample"
    cmp "$out" <(sed -n '1p;2p;3p;8p;39p' "$data/sample.jsonl")
    ok fm-cat "$sample" - < <(fm-find "$sample" absent)
    empty "$out"
    ok fm-cat "$sample" - </dev/null
    empty "$out"
    ok fm-cat "$sample" - < <(fm-find "$sample" seventeen | gzip)
    is 1 "$(wc -l <"$out")"
    ok fm-cat "$sample" 38 - 0 < <(printf '2\n2\n\n# 3\n1\trest\n2')
    cmp "$out" <(fm-cat "$sample" 38 2 1 2 0)
}

@test "-: a row that names no document" {
    for row in 39 x -1 1x 0,2 '0}' ' 1' 99999999999999999999999 1$'\v' '{"id":"a"}' '{"doc":}' \
        '{"doc":39}' '{"doc":2}junk' '{"doc":02}' '{"doc":2' '{"doc":"2"}' '{"doc":2.0}' \
        '{"doc":[2]}' '{"a":{"doc":2}}' '{"a":"\"doc\":2"}' '[{"doc":2}]'; do
        fails fm-cat "$sample" -o rows - < <(printf '# head\n0\tx\n%s\n1\n' "$row")
        says stdin:3:
        only
    done
}

@test "-: JSON is read as such" {
    for row in '{"doc": 2}' ' {"doc":2} ' '{"a":{"doc":1},"doc":2}' '{"a":"\"doc\":1","doc" :2 }' '{"d\u006fc":2}'; do
        ok fm-cat "$sample" - <<<"$row"
        cmp "$out" <(fm-cat "$sample" 2)
    done
}

@test "-: rows of other tools, whose first column is no document's number" {
    printf 'The keeper lights the lamp\n' >text.txt
    fm-match "$sample" text.txt >rows
    fails fm-cat "$sample" - <rows
    says stdin:1:
    says fm-find
    ok fm-cat "$sample" - < <(fm-match --json "$sample" text.txt)
    printf '{"id":"0","question":"The keeper lights the lamp at dusk"}\n' >bench.jsonl
    fm-contam -b bench.jsonl "$sample" >rows
    fails fm-cat "$sample" - <rows
    says stdin:1:
    fails fm-cat "$sample" - < <(fm-count "$sample" lamp)
    ok fm-cat "$sample" - < <(printf '# docs I like\n2\n')
}

@test "a set: numbers run on, ids are looked for in all" {
    mkdir parts
    head -n 14 "$data/sample.jsonl" >parts/a.jsonl
    sed 1,14d "$data/sample.jsonl" >parts/b.jsonl
    fm-build parts/a.jsonl
    fm-build parts/b.jsonl
    printf 'sluice-set 1\na.fmi\nb.fmi\n' >parts/x.set
    ok fm-cat --all --meta parts/x.set
    cmp "$data/sample.jsonl" "$out"
    ok fm-cat --all parts/x.set
    cmp "$out" <(fm-cat --all "$sample")
    ok fm-cat parts/x.set 13 14 38 0
    cmp "$out" <(fm-cat "$sample" 13 14 38 0)
    fails fm-cat parts/x.set 39
    ok fm-cat --meta --id parts/x.set twice
    is '1 2' "$(jq .n "$out" | paste -sd ' ')"
    ok bash -o pipefail -c 'fm-find "$1" lamp | fm-cat "$1" -' - parts/x.set
    cmp "$out" <(fm-cat "$sample" 0 1 2 7 38)
}

@test "of a normalised index: the raw text" {
    fm-build --normalize gpt3 -o x.fmi "$data/sample.jsonl"
    for options in --all '--all --meta' '--all --json' '--all -0'; do
        read -ra option <<<"$options"
        (cd "$data" && fm-build --normalize gpt3 -o "$OLDPWD/x.fmi" sample.jsonl)
        ok fm-cat "${option[@]}" "$sample"
        mv "$out" ../expected
        ok fm-cat "${option[@]}" x.fmi
        cmp ../expected "$out"
    done
    ok fm-cat x.fmi 16
    cmp "$out" <(fm-cat "$sample" 16)
}

@test "a reader that has had enough: exit 1, and not a word" {
    got=$(bash -o pipefail -c '{ fm-cat --all "$1"; echo $? >&2; } 2>status | head -c 1' - "$planks")
    is p "$got"
    is 1 "$(<status)"
    got=$(bash -c '{ fm-cat --all --json "$1"; echo $? >&2; } 2>status | head -c 1' - "$planks")
    is '{' "$got"
    is 1 "$(<status)"
    seq 0 5999 | bash -c '{ fm-cat "$1" -; echo $? >&2; } 2>status | head -c 1' - "$planks" >"$out"
    is 1 "$(<status)"
}

@test "what is no index" {
    refuses_bad_indexes fm-cat @ 0
    refuses_bad_indexes fm-cat --all @
}

@test "-T and the CPU level change nothing" {
    same_for_all_threads fm-cat --all "$planks"
    same_for_all_threads fm-cat --all --meta "$sample"
    same_for_all_levels fm-cat --all "$planks"
    same_for_all_levels fm-cat --json "$sample" 0 1 2
}

@test "-o FILE, whole or not at all; lost output" {
    writes_whole_or_not fm-cat --all "$planks"
    reports_lost_output fm-cat --all "$planks"
    reports_lost_output fm-cat "$sample" 0
}

@test "no input is replaced, and standard input is one file" {
    cp "$sample" x.fmi
    printf '{"question":"lamp"}\n' >b.jsonl
    cp b.jsonl old
    ln -s x.fmi soft
    for output in x.fmi soft; do
        misuse fm-cat -o $output x.fmi 0
        says "'$output' is read"
        misuse fm-count -o $output x.fmi lamp
        misuse fm-find -o $output x.fmi lamp
        misuse fm-stat -o $output x.fmi
        misuse fm-match -o $output x.fmi b.jsonl
        misuse fm-contam -o $output -b b.jsonl x.fmi
    done
    misuse fm-contam -o b.jsonl -b old -b b.jsonl x.fmi
    misuse fm-match -o b.jsonl x.fmi b.jsonl
    cmp x.fmi "$sample"
    cmp b.jsonl old
    misuse fm-cat x.fmi - - </dev/null
    says 'standard input'
    misuse fm-match x.fmi - - </dev/null
    misuse fm-contam -b - -b - x.fmi <b.jsonl
}

@test "no index that a set names is replaced" {
    local command
    cp "$sample" x.fmi
    cp "$sample" y.fmi
    printf '{"text":"lamp"}\n' >b.jsonl
    printf 'sluice-set 1\nx.fmi\ny.fmi\n' >x.set
    ln -s y.fmi soft
    for command in 'fm-cat x.set 0' 'fm-count x.set lamp' 'fm-find x.set lamp' 'fm-stat x.set' \
        'fm-match x.set b.jsonl' 'fm-contam --field text -b b.jsonl x.set'; do
        for output in y.fmi soft; do
            # shellcheck disable=SC2086 # a command and its operands
            fails $command -o $output
            says "x.set:3: 'y.fmi' is read"
        done
        # shellcheck disable=SC2086
        ok $command -q -o z.fmi
        rm z.fmi
    done
    cmp y.fmi "$sample"
}

@test "--id: one document's own id may be another's place" {
    printf '{"text":"by place"}\n{"id":"x.jsonl:1","text":"own"}\n{"id":"x.jsonl:3","text":"both"}\n' >x.jsonl
    fm-build x.jsonl
    ok fm-cat --id x.fmi x.jsonl:1
    is 'by place own' "$(paste -sd ' ' "$out")"
    ok fm-cat --id x.fmi x.jsonl:3
    is both "$(<"$out")"
    fails fm-cat --id x.fmi x.jsonl:2
    printf 'sluice-set 1\nx.fmi\nx.fmi\n' >x.set
    ok fm-cat --id x.set x.jsonl:1
    is 'by place own by place own' "$(paste -sd ' ' "$out")"
}
