# fm-count: rows of count and pattern, in the order of the patterns.
load helper

setup_file() {
    build_sample
}

# counted FILE: reads patterns, a line each; prints "occurrences TAB documents TAB pattern" of the
# lines of FILE by looking at every place.
counted() {
    awk -v OFS='\t' 'NR == FNR { doc[n++] = $0; next } {
        count = docs = 0
        for (i = 0; i < n; i++) {
            rest = doc[i]
            before = count
            while (at = index(rest, $0)) {
                count++
                rest = substr(rest, at + 1)
            }
            docs += count > before
        }
        print count, docs, $0
    }' "$1" -
}

@test "help, version, misuse" {
    helps fm-count
    misuse fm-count -0 --field q "$sample"
    misuse fm-count "$sample" --field
}

@test "rows in the order of the patterns, zero and repeats included" {
    ok fm-count "$sample" lamp absent 'the lamp' lamp keeper
    tsv <<'EOF'
# count|pattern
6|lamp
0|absent
4|the lamp
6|lamp
3|keeper
EOF
}

@test "JSON rows" {
    ok fm-count --json --docs "$sample" lamp $'\t' '"' 灯 $'\xff'
    prints <<'EOF'
{"count":6,"docs":5,"pattern":"lamp"}
{"count":9,"docs":2,"pattern":"\t"}
{"count":9,"docs":2,"pattern":"\""}
{"count":1,"docs":1,"pattern":"灯"}
{"count":0,"docs":0,"pattern":"�"}
EOF
    jq -e . "$out" >/dev/null
}

@test "patterns on stdin are lines, the last one with or without its newline" {
    ok fm-count "$sample" < <(printf 'lamp\nrope \nrope')
    tsv <<'EOF'
# count|pattern
6|lamp
4|rope 
5|rope
EOF
    ok fm-count "$sample" < <(printf 'lamp\nrope \nrope\n')
    is 4 "$(wc -l <"$out")"
}

@test "no pattern on stdin: no row" {
    ok fm-count "$sample" </dev/null
    tsv <<<'# count|pattern'
    ok fm-count --json "$sample" </dev/null
    empty "$out"
    ok fm-count -0 "$sample" </dev/null
    empty "$out"
}

@test "patterns on stdin may be compressed" {
    printf 'lamp\nrope\n' >patterns
    ok fm-count "$sample" <patterns
    mv "$out" ../plain
    ok fm-count "$sample" < <(zstd -qc patterns)
    cmp ../plain "$out"
    ok fm-count "$sample" < <(gzip -c patterns)
    cmp ../plain "$out"
    fails fm-count "$sample" < <(zstd -qc patterns | head -c 12)
    says stdin
}

@test "overlaps count" {
    ok fm-count "$sample" a aa aaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaa abab ababababababab
    is "19 1 0 7 2" "$(column 1 "$out" | tail -n +2 | paste -sd ' ')"
}

@test "the empty pattern counts the bytes of the text" {
    bytes=$(fm-cat --all -0 "$sample" | tr -d '\0' | wc -c)
    bytes=$((bytes + 1)) # one NUL is text
    ok fm-count "$sample" ''
    tsv <<EOF
# count|pattern
$bytes|
EOF
    ok fm-count "$sample" <<<''
    is "$bytes" "$(column 1 "$out")"
}

@test "matches never cross documents" {
    printf 'ab\nab\n\nab' >x.txt
    fm-build x.txt
    ok fm-count x.fmi ab ba b a abab
    is "3 0 3 3 0" "$(column 1 "$out" | paste -sd ' ')"
}

@test "an index without documents" {
    fm-build -q -o none.fmi - </dev/null
    ok fm-count --docs none.fmi a '' aa
    tsv <<'EOF'
# count|docs|pattern
0|0|a
0|0|
0|0|aa
EOF
}

@test "documents that are empty" {
    printf '\n\n\n' >x.txt
    fm-build x.txt
    ok fm-count x.fmi a ''
    is "0 0" "$(column 1 "$out" | paste -sd ' ')"
    printf '\n\na\n' >x.txt
    fm-build x.txt
    ok fm-count --docs x.fmi a
    is "1 1" "$(awk '!/^#/ { print $1, $2 }' "$out")"
}

@test "tab, newline, return and backslash are escaped" {
    ok fm-count "$sample" $'\t' $'.\r\nThe' 'C:\new' '\t'
    prints <<'EOF'
# count	pattern
9	\t
1	.\r\nThe
1	C:\\new
1	\\t
EOF
}

@test "-0: patterns end in NUL and so do rows, raw" {
    ok fm-count -0 "$sample" < <(printf 'lamp\0.\r\nThe\0C:\\new\0rope\t12')
    cmp - "$out" < <(printf '6\tlamp\0001\t.\r\nThe\0001\tC:\\new\0001\trope\t12\0')
    ok fm-count -0 "$sample" lamp
    cmp - "$out" < <(printf '6\tlamp\0')
    ok fm-count -0 --json "$sample" < <(printf 'a\nb\0lamp')
    prints <<'EOF'
{"count":0,"pattern":"a\nb"}
{"count":6,"pattern":"lamp"}
EOF
}

@test "--field: patterns from JSON Lines, NUL and escapes too" {
    cat >q.jsonl <<'EOF'
{"n":1,"q":"lamp","text":"rope"}
{"q":"before\u0000after"}
{"q":"C:\\new\\table"}
{"q":"\u003c\/script>","n":[{"q":1}]}
{"q":""}
  {"q":"\ud83d\udc0b","q":"second"}  
EOF
    ok fm-count --field q "$sample" <q.jsonl
    is "6 1 1 2 2310 1" "$(column 1 "$out" | paste -sd ' ')"
    ok fm-count --json --field q "$sample" <q.jsonl
    is 1 "$(jq -r 'select(.pattern == "before\u0000after") | .count' "$out")"
}

@test "--field: a bad line is named, and nothing is written to FILE" {
    for line in '{"p":"lamp"}' '{"q":17}' '{"q":null}' '{"q":"lamp"' '"lamp"' 'lamp' '' \
        '{"q":"lamp"}}' '{"q":"lamp","r":nul}' '{"q":"a'$'\t''b"}'; do
        printf '{"q":"a"}\n{"q":"b"}\n%s\n{"q":"c"}\n' "$line" >q.jsonl
        fails fm-count --field q "$sample" -o rows <q.jsonl
        says stdin:3:
        only q.jsonl
    done
}

@test "operands: - is a pattern, and -- ends the options" {
    ok fm-count "$sample" - -- --docs -0
    is "$(printf -- '-\n--docs\n-0')" "$(column 2 "$out")"
    is "0 0 0" "$(column 1 "$out" | paste -sd ' ')"
    printf 'a-b --docs\n' >x.txt
    fm-build x.txt
    ok fm-count x.fmi - -- --docs
    is "3 1" "$(column 1 "$out" | paste -sd ' ')"
}

@test "equal to a naive count, all patterns of random text, with documents" {
    lines 60 abcd 30 1 >x.txt
    fm-build x.txt
    awk '{ for (i = 1; i <= length($0); i++) for (n = 1; n <= 5; n++) print substr($0, i, n) }' x.txt |
        sort -u >patterns
    lines 40 abcde 7 2 | grep . >>patterns
    counted x.txt <patterns >../expected
    [[ $(wc -l <../expected) -gt 500 ]]
    ok fm-count --docs x.fmi <patterns
    tail -n +2 "$out" | diff ../expected -
}

@test "--docs: frequent patterns, looked for in one pass, and rare ones" {
    build_planks
    printf '%s\n' a 'plank' 'oak' 'a short one of oak' 'plank 59' 'plank 5999 ' nothing mill >patterns
    ok fm-count --docs "$planks" <patterns
    counted "$BATS_FILE_TMPDIR/planks.txt" <patterns >../expected
    tail -n +2 "$out" | diff ../expected -
}

@test "more patterns than a batch holds" {
    lines 70000 ab 9 3 >patterns
    printf 'abba\nbaab\nabababab\n' >x.txt
    fm-build x.txt
    ok fm-count x.fmi <patterns
    column 2 "$out" | cmp - patterns
    grep . patterns | sort -u | counted x.txt | cut -f 1,3 | LC_ALL=C sort >../expected
    tail -n +2 "$out" | grep -v $'\t$' | LC_ALL=C sort -u | diff ../expected -
}

@test "bytes that are not UTF-8" {
    printf 'a\xff\xfe\xffb\n\xc3\nx\x80\x80\x80' >x.txt
    fm-build x.txt
    ok fm-count x.fmi $'\xff' $'\xc3' $'\x80\x80' $'\xc3\x80' $'\xfe\xff'
    cmp - "$out" < <(printf '# count\tpattern\n2\t\xff\n1\t\xc3\n2\t\x80\x80\n0\t\xc3\x80\n1\t\xfe\xff\n')
}

@test "every byte value, when all of them occur" {
    awk 'BEGIN { for (i = 0; i < 128; i++) printf "{\"q\":\"\\u%04x\"}\n", i }' >q.jsonl
    # Bytes from 0x80 on stand in JSON as they are: text may be any bytes.
    awk 'BEGIN { for (i = 0; i < 256; i++) for (k = -1; k < i % 7; k++) printf "%c", i }' >all.bin
    is 256 "$(od -An -v -tx1 -w1 all.bin | sort -u | wc -l)"
    fm-build -f text all.bin -o all.fmi
    ok fm-count --field q all.fmi <q.jsonl
    tail -n +2 "$out" | awk '/^[0-9]+\t/ { print $1 }' | diff <(seq 0 127 | awk '{ print $1 % 7 + 1 }') -
    awk 'BEGIN { for (i = 1; i < 256; i++) printf "%c%c", i, 0 }' >patterns
    ok fm-count -0 all.fmi <patterns
    tr '\0\n' '\n ' <"$out" | cut -f 1 | diff <(seq 1 255 | awk '{ print $1 % 7 + 1 }') -
    cmp all.bin <(fm-cat --all -0 all.fmi | head -c -1)
}

@test "a set: counts add up" {
    mkdir parts
    head -n 5 "$data/sample.jsonl" >parts/a.jsonl
    sed 1,5d "$data/sample.jsonl" >parts/b.jsonl
    fm-build parts/a.jsonl
    fm-build parts/b.jsonl
    printf 'sluice-set 1\na.fmi\nb.fmi\n' >parts/all.set
    printf '%s\n' lamp the rope '' e zzzz >patterns
    ok fm-count --docs "$sample" <patterns
    mv "$out" ../expected
    ok fm-count --docs parts/all.set <patterns
    grep -v $'\t$' ../expected | diff - <(grep -v $'\t$' "$out")
    ok fm-count parts/all.set ''
    is 2310 "$(column 1 "$out")"
    cd parts
    ok fm-count --docs all.set <../patterns
    grep -v $'\t$' ../../expected | diff - <(grep -v $'\t$' "$out")
    printf 'sluice-set 1\n%s/a.fmi\nb.fmi\na.fmi' "$PWD" >../abs.set
    mv b.fmi ..
    cd ..
    fails fm-count abs.set lamp
    says abs.set:4:
    printf 'sluice-set 1\n%s/parts/a.fmi\n\nb.fmi\nparts/a.fmi' "$PWD" >abs.set
    ok fm-count abs.set lamp
    is 9 "$(column 1 "$out")"
}

@test "a bad set: the line is named" {
    cp "$sample" a.fmi
    printf 'sluice-set 1\na.fmi\nmissing.fmi\n' >x.set
    fails fm-count x.set lamp
    says x.set:3:
    says missing.fmi
    printf 'sluice-set 1\na.fmi\n\nx.set\n' >x.set
    fails fm-count x.set lamp
    says x.set:4:
    echo 'sluice-set 1' >x.set
    fails fm-count x.set lamp
    says x.set
    printf 'sluice-set 2\na.fmi\n' >x.set
    fails fm-count x.set lamp
    fm-build --normalize gpt3 -o g.fmi "$data/sample.jsonl"
    printf 'sluice-set 1\na.fmi\ng.fmi\n' >x.set
    fails fm-count x.set lamp
    says x.set:3:
    says normalised
}

@test "what is no index" {
    refuses_bad_indexes fm-count @ lamp
}

@test "--load changes nothing but the time" {
    local in threads
    fm-build -o b.fmi "$data/sample.jsonl"
    printf 'sluice-set 1\n%s\nb.fmi\n' "$sample" >all.set
    for in in "$sample" all.set; do
        ok fm-count --docs "$in" e lamp the aa '' absent
        cp "$out" mapped
        [[ $(column 1 mapped | head -n 1) -gt 0 ]]
        for threads in 1 2; do
            ok fm-count --load -T "$threads" --docs "$in" e lamp the aa '' absent
            cmp mapped "$out"
        done
    done
    refuses_bad_indexes fm-count --load @ lamp
}

@test "-T and the CPU level change nothing" {
    same_for_all_threads fm-count --docs "$sample" e lamp the aa ''
    same_for_all_levels fm-count --docs "$sample" e lamp the aa ''
}

@test "-o FILE, whole or not at all; lost output" {
    writes_whole_or_not fm-count "$sample" lamp
    reports_lost_output fm-count "$sample" lamp
}

@test "-v ends with time and memory on stderr" {
    exits 0 fm-count -v "$sample" lamp
    one_sentence
    says 'peak memory'
}

@test "a set as Windows and editors make them" {
    cp "$sample" a.fmi
    for mark in '' '\xef\xbb\xbf'; do
        for end in '\n' '\r\n'; do
            printf "${mark}sluice-set 1${end}a.fmi${end}${end}a.fmi" >x.set
            ok fm-count x.set lamp
            is $((2 * $(fm-count "$sample" lamp | column 1 /dev/stdin))) "$(column 1 "$out")"
        done
    done
    printf 'sluice-set 1\rx\na.fmi\n' >x.set
    fails fm-count x.set lamp
    # Without one behind the first line, it is of the name.
    cp a.fmi $'b\r'
    printf 'sluice-set 1\nb\r\n' >x.set
    ok fm-count x.set lamp
}
