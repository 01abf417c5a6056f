# fm-find: rows of document, id, offset and snippet, by document and offset.
load helper

setup_file() {
    build_sample
    build_planks
}

# places FILE PATTERN: "document TAB offset" of every occurrence in its lines, by looking at each.
places() {
    awk -v OFS='\t' -v pattern="$2" '{
        rest = $0
        before = 0
        while (at = index(rest, pattern)) {
            print NR - 1, before + at - 1
            before += at
            rest = substr(rest, at + 1)
        }
    }' "$1"
}

# found FILE: "document TAB offset" of its rows.
found() {
    grep -v '^#' "$1" | cut -f 1,3
}

@test "help, version, misuse" {
    helps fm-find
    misuse fm-find "$sample"
    misuse fm-find "$sample" ''
    misuse fm-find --and "$sample" lamp ''
    misuse fm-find "$sample" lamp ship
    misuse fm-find --and --sample 3 "$sample" lamp ship
    for option in --context=x --max=-1 --sample=1.5 --seed=x; do
        misuse fm-find "$sample" lamp "$option"
    done
}

@test "rows by document and offset" {
    ok fm-find "$sample" lamp
    tsv <<'EOF'
# doc|id|offset|snippet
0|keeper-1|22|The keeper lights the lamp at dusk and counts the ships at dawn.
1|keeper-2|23|When fog comes in, the lamp is not enough: the keeper rings the bel
2|keeper-3|25|Nobody has ever seen the lamp go out.
7|baker-3|49|s not wait: the oven is opened at five, lamp or no lamp.
7|baker-3|60| the oven is opened at five, lamp or no lamp.
38|last|48|of the logbook: wind from the west, the lamp is lit, all ships are in.
EOF
}

@test "JSON rows" {
    ok fm-find --json -C 5 "$sample" lamp
    jq -e . "$out" >/dev/null
    prints <<'EOF'
{"doc":0,"id":"keeper-1","offset":22,"snippet":" the lamp at d"}
{"doc":1,"id":"keeper-2","offset":23,"snippet":" the lamp is n"}
{"doc":2,"id":"keeper-3","offset":25,"snippet":" the lamp go o"}
{"doc":7,"id":"baker-3","offset":49,"snippet":"ive, lamp or n"}
{"doc":7,"id":"baker-3","offset":60,"snippet":"r no lamp."}
{"doc":38,"id":"last","offset":48,"snippet":" the lamp is l"}
EOF
}

@test "nothing found: the header alone, and no failure" {
    for pattern in absent LAMPS 'lamp  ' 'in.$'; do
        ok fm-find "$sample" "$pattern"
        tsv <<<'# doc|id|offset|snippet'
        ok fm-find --json -i "$sample" "$pattern"
        empty "$out"
    done
}

@test "ids: strings, numbers as they were written, else file and line" {
    ok fm-find -C 0 "$sample" id
    is "sample.jsonl:12 sample.jsonl:13" "$(column 2 "$out" | grep : | sort -u | paste -sd ' ')"
    ok fm-find -C 0 "$sample" een
    is "keeper-3 17 17.0" "$(column 2 "$out" | uniq | head -n 3 | paste -sd ' ')"
    ok fm-find -C 0 "$sample" 'more digits'
    is 18446744073709551616123 "$(column 2 "$out")"
    ok fm-find -C 0 "$sample" 光
    is 港 "$(column 2 "$out")"
    printf 'a\nb\n\na\n' >x.txt
    fm-build x.txt
    ok fm-find x.fmi a
    is 'x.txt:1 x.txt:4' "$(column 2 "$out" | paste -sd ' ')"
    printf '{"id":"a\\tb\\\\","text":"a"}\n\n{"id":"a\\u0000b","text":"b"}' >x.jsonl
    fm-build x.jsonl
    ok fm-find x.fmi a
    is 'a\tb\\' "$(column 2 "$out")"
    ok fm-find --json x.fmi b
    is '"a\u0000b"' "$(jq -c .id "$out")"
}

@test "tab, newline, return and backslash in a snippet" {
    ok fm-find -C 20 "$sample" $'.\r\nThe'
    tsv <<'EOF'
# doc|id|offset|snippet
16|escapes|43|te " walk into a bar.\r\nThe bar is C:\\new\\table
EOF
    ok fm-find --json -C 20 "$sample" $'.\r\nThe'
    is $'te " walk into a bar.\r\nThe bar is C:\\new\\table' "$(jq -r .snippet "$out")"
    ok fm-find -C 4 "$sample" 'C:\n'
    is 1 "$(column 1 "$out" | wc -l)"
    ok fm-find -C 2 "$sample" $'\t12\t'
    is 'pe\t12\t3.' "$(column 4 "$out")"
}

@test "NUL bytes in a snippet" {
    ok fm-find "$sample" after,
    cmp - <(column 4 "$out") < <(printf 'before\0after, and \1\37 too\n')
    ok fm-find --json "$sample" after,
    is 'before\u0000after, and \u0001\u001f too' "$(jq -c .snippet "$out" | tr -d '"')"
}

@test "-C: that many bytes on both sides, and no more than the document has" {
    ok fm-find -C 0 "$sample" 'lamp at'
    is 'lamp at' "$(column 4 "$out")"
    ok fm-find -C 1 "$sample" 'lamp at'
    is ' lamp at ' "$(column 4 "$out")"
    ok fm-find -C 21 "$sample" 'lamp at'
    is 'he keeper lights the lamp at dusk and counts the ' "$(column 4 "$out")"
    ok fm-find -C 1000000000000 "$sample" 'lamp at'
    is "$(fm-cat "$sample" 0)" "$(column 4 "$out")"
    ok fm-find --context=18446744073709551615 "$sample" 'lamp at'
    is "$(fm-cat "$sample" 0)" "$(column 4 "$out")"
}

@test "snippets are cut where characters begin" {
    for pattern in 静かで 🌊🌊 λιμ ü 'pier '; do
        for context in {0..9}; do
            ok fm-find -C "$context" "$sample" "$pattern"
            cat "$out" >>../all
            sed "s/^/$((2 * context + ${#pattern}))\t/" "$out" >>../limits
        done
    done
    iconv -f utf-8 -t utf-8 ../all | cmp ../all -
    awk -F '\t' '$2 !~ /^#/ { n++; long = long || length($5) > $1 } END { exit n < 60 || long }' ../limits
    ok fm-find -C 4 "$sample" 灯
    is 、灯台 "$(column 4 "$out")"
}

@test "snippets of bytes that are not UTF-8: as many as asked for" {
    awk 'BEGIN { for (i = 0; i < 9; i++) printf "%c%c", 255, 128; printf "X"; for (i = 0; i < 9; i++) printf "%c%c", 192, 224 }' >x.txt
    fm-build x.txt
    for context in 0 1 2 3 4 5 17 18 19; do
        side=$((context < 18 ? context : 18))
        ok fm-find -C "$context" x.fmi X
        cmp <(tail -c +$((19 - side)) x.txt | head -c $((2 * side + 1)) && echo) <(tail -n +2 "$out" | cut -f 4)
    done
    ok fm-find --json -C 3 x.fmi X
    is '"���X���"' "$(jq -c .snippet "$out")"
}

@test "overlapping occurrences, and a document's first and last byte" {
    ok fm-find -C 0 "$sample" aaaaaaaaaaaaaaaaaa
    is '0 1 2' "$(column 3 "$out" | paste -sd ' ')"
    ok fm-find -C 0 "$sample" x
    is 0 "$(awk '$2 == "one-byte" { print $3 }' "$out")"
    ok fm-find "$sample" in.
    is 75 "$(awk '$2 == "last" { print $3 }' "$out")"
}

@test "a pattern that begins with a dash" {
    printf -- '--and -C\n' >x.txt
    fm-build x.txt
    ok fm-find x.fmi -- --and
    is '0 0' "$(found "$out" | paste -sd '	' | tr '\t' ' ')"
}

@test "-i: letters A-Z match in either case, and nothing else does" {
    ok fm-find -i -C 0 "$sample" 'The LAMP'
    is 'the lamp|the lamp|the lamp|THE LAMP|the lamp' "$(column 4 "$out" | paste -sd '|')"
    printf '%s\n' 'a[Z]' 'A{z}' 'a@Z' 'a`z' 'Äpfel äpfel' 'aZ aZ' AZ az >x.txt
    fm-build x.txt
    ok fm-find --ignore-case -C 0 x.fmi aZ
    is '5 5 6 7' "$(column 1 "$out" | paste -sd ' ')"
    ok fm-find -i -C 0 x.fmi 'A[z]'
    is 0 "$(column 1 "$out")"
    ok fm-find -i -C 0 x.fmi 'a@Z'
    is 2 "$(column 1 "$out")"
    ok fm-find -i -C 0 x.fmi 'a`Z'
    is 3 "$(column 1 "$out")"
    ok fm-find -i -C 0 x.fmi ÄPFEL
    is 'Äpfel' "$(column 4 "$out")"
    ok fm-find -C 0 x.fmi az
    is 7 "$(column 1 "$out")"
}

@test "-i: equal to a naive search" {
    lines 200 'abAB' 20 1 >x.txt
    tr AB ab <x.txt >folded
    fm-build x.txt
    for pattern in a aB bab abba ABABA; do
        places folded "${pattern,,}" >../expected
        [[ -s ../expected ]]
        ok fm-find -i x.fmi "$pattern"
        found "$out" | diff ../expected -
    done
}

@test "equal to a naive search; the first of these, of one document, of a sample" {
    lines 300 abc 30 2 >x.txt
    fm-build x.txt
    for pattern in a abc cccccc; do
        places x.txt "$pattern" >../all
        [[ -s ../all ]]
        ok fm-find x.fmi "$pattern"
        found "$out" | cmp ../all -
        for n in 0 1 7 100000; do
            ok fm-find --max "$n" x.fmi "$pattern"
            found "$out" | cmp - <(head -n "$n" ../all)
        done
        ok fm-find --by-doc x.fmi "$pattern"
        awk -v OFS='\t' '{ if (!n[$1]++) { doc[++k] = $1; at[k] = $2 } }
            END { for (i = 1; i <= k; i++) print doc[i], n[doc[i]], at[i] }' ../all >../documents
        grep -v '^#' "$out" | cut -f 1,3,4 | cmp ../documents -
        ok fm-find --by-doc --max 3 x.fmi "$pattern"
        grep -v '^#' "$out" | cut -f 1,3,4 | cmp <(head -n 3 ../documents) -
    done
}

@test "more rows than are read together; the first of many" {
    ok fm-find -C 3 "$planks" ' one of '
    places "$BATS_FILE_TMPDIR/planks.txt" ' one of ' | cmp - <(found "$out")
    column 4 "$out" | sort -u | awk '!/^(ort|ong|oad) one of [a-z][a-z]?[a-z]?$/ { print; exit 1 }'
    is 6000 "$(column 1 "$out" | wc -l)"
    mv "$out" ../all
    for n in 1 511 512 513 1025; do
        ok fm-find -C 3 --max "$n" "$planks" ' one of '
        head -n $((n + 1)) ../all | cmp - "$out"
    done
}

@test "--by-doc: one row a document, its count and first occurrence" {
    ok fm-find --by-doc -C 6 "$sample" lamp
    tsv <<'EOF'
# doc|id|count|offset|snippet
0|keeper-1|1|22|s the lamp at du
1|keeper-2|1|23|, the lamp is no
2|keeper-3|1|25|n the lamp go ou
7|baker-3|2|49|five, lamp or no
38|last|1|48|, the lamp is li
EOF
    ok fm-find --by-doc --json "$sample" fathoms
    is '34:1 35:1 36:1' "$(jq -r '"\(.doc):\(.count)"' "$out" | paste -sd ' ')"
}

@test "--and: documents that hold all, rows of every pattern" {
    ok fm-find --and -C 3 "$sample" rope pier fathoms
    tsv <<'EOF'
# doc|id|offset|snippet
36|rope-3|10|ed fathoms of
36|rope-3|21|of rope li
36|rope-3|37|he pier, a
EOF
    ok fm-find --and --json -C 0 "$sample" pier rope
    is 'rope 21|pier 37' "$(jq -r '"\(.pattern) \(.offset)"' "$out" | paste -sd '|')"
    ok fm-find --and --by-doc "$sample" keeper pier
    tsv <<'EOF'
# doc|id|count|offset|snippet
36|rope-3|2|37|A hundred fathoms of rope lie on the pier, and the keeper trips over all of them.
EOF
    ok fm-find --and "$sample" rope absent
    is 1 "$(wc -l <"$out")"
    ok fm-find --and "$sample" lamp
    mv "$out" ../one
    ok fm-find "$sample" lamp
    cmp ../one "$out"
    ok fm-find --and -i --max 2 -C 0 "$sample" KEEPER RINGS
    is 'keeper rings' "$(column 4 "$out" | paste -sd ' ')"
}

@test "--and: equal to a naive search" {
    lines 300 abcdef 12 3 >x.txt
    fm-build x.txt
    for patterns in 'a b' 'ab cd e' 'aa a' 'f f'; do
        read -ra pattern <<<"$patterns"
        ok fm-find --and x.fmi "${pattern[@]}"
        for one in "${pattern[@]}"; do
            places x.txt "$one"
        done | sort -n -k 1,1 -k 2,2 >../each
        for one in "${pattern[@]}"; do
            grep -nF "$one" x.txt | cut -d : -f 1
        done | sort | uniq -c | awk -v n=${#pattern[@]} 'NR == FNR { if ($1 == n) good[$2 - 1] = 1; next } $1 in good' - ../each |
            cmp - <(found "$out")
        [[ $(wc -l <"$out") -gt 2 ]]
    done
}

@test "--sample: as many as asked for, of all, the same for one seed" {
    ok fm-find "$planks" oak
    tail -n +2 "$out" >../all
    total=$(wc -l <../all)
    for n in 0 1 10 600; do
        ok fm-find --sample "$n" "$planks" oak
        mv "$out" ../drawn
        is $((n + 1)) "$(wc -l <../drawn)"
        sort -n -k 1,1 -k 3,3 -c <(tail -n +2 ../drawn)
        is '' "$(tail -n +2 ../drawn | sort | comm -13 <(sort ../all) -)"
        is '' "$(tail -n +2 ../drawn | uniq -d)"
        ok fm-find --seed 1 --sample "$n" "$planks" oak
        cmp ../drawn "$out"
    done
    for n in "$total" 100000; do
        ok fm-find --sample "$n" "$planks" oak
        tail -n +2 "$out" | cmp ../all -
    done
    ok fm-find --sample 10 --seed 2 "$planks" oak
    mv "$out" ../two
    ok fm-find --sample 10 --seed 3 "$planks" oak
    if cmp -s ../two "$out"; then return 1; fi
    ok fm-find --sample 10 --max 4 "$planks" oak
    is 5 "$(wc -l <"$out")"
}

@test "--sample: every occurrence can be drawn, none is preferred" {
    printf '%s\n' x x x x x x x x >x.txt
    fm-build x.txt
    for seed in {1..60}; do
        fm-find --sample 4 --seed "$seed" x.fmi x
    done | column 1 /dev/stdin | sort -n | uniq -c >../drawn
    # 60 times 4 of 8: 30 each, with a standard deviation of 3.9
    awk '$1 < 15 || $1 > 45 { exit 1 } END { exit NR != 8 }' ../drawn
}

@test "a set: document numbers run on" {
    mkdir parts
    head -n 7 "$data/sample.jsonl" >parts/a.jsonl
    sed 1,7d "$data/sample.jsonl" | grep -v '"no id"' >parts/b.jsonl
    cat parts/[ab].jsonl >all.jsonl
    (cd parts && fm-build a.jsonl && fm-build b.jsonl && : >none.jsonl && fm-build -q none.jsonl)
    fm-build all.jsonl
    printf 'sluice-set 1\nparts/none.fmi\nparts/a.fmi\nparts/none.fmi\nparts/b.fmi\n' >x.set
    for arguments in lamp '-i lamp' '--by-doc lamp' '--max 3 lamp' '--and lamp ship' '--json oven' '-i --max 5 a'; do
        read -ra argument <<<"$arguments"
        ok fm-find all.fmi "${argument[@]}"
        mv "$out" ../expected
        [[ $(wc -l <../expected) -gt 0 ]]
        ok fm-find x.set "${argument[@]}"
        diff ../expected "$out"
    done
    (cd parts && ok fm-find ../x.set lamp)
    ok fm-find x.set lamp --sample 4
    is 5 "$(wc -l <"$out")"
}

@test "offsets of a normalised index are those of its searchable text" {
    printf 'Hello,   World! Hello\n' >x.txt
    fm-build --normalize gpt3 x.txt
    ok fm-find x.fmi ' hello '
    tsv <<'EOF'
# doc|id|offset|snippet
0|x.txt:1|0| hello world hello 
0|x.txt:1|12| hello world hello 
EOF
}

@test "on a terminal: the occurrence in colour, control characters as ?" {
    type script >/dev/null || skip 'script(1) is not installed'
    printf 'one \33[2Jtwo\7 three\n' >x.txt
    fm-build x.txt
    script -qec 'fm-find x.fmi two' /dev/null >"$out" 3>&-
    printf '# doc\tid\toffset\tsnippet\r\n0\tx.txt:1\t8\tone ?[2J\33[01;31m\33[Ktwo\33[m\33[K? three\r\n' | prints
    script -qec 'fm-find --json x.fmi two' /dev/null >"$out" 3>&-
    is 'one \u001b[2Jtwo\u0007 three' "$(jq -c .snippet "$out" | tr -d '"')"
    script -qec 'fm-find -o rows x.fmi two' /dev/null >"$out" 3>&-
    cmp rows <(fm-find x.fmi two)
    grep -q $'\33\\[2J' rows
}

@test "what is no index" {
    refuses_bad_indexes fm-find @ lamp
}

@test "-T and the CPU level change nothing" {
    same_for_all_threads fm-find -i "$planks" ONE
    same_for_all_threads fm-find --sample 100 "$planks" o
    same_for_all_levels fm-find -i "$sample" lamp
    same_for_all_levels fm-find --max 700 "$planks" o
}

@test "-o FILE, whole or not at all; lost output" {
    writes_whole_or_not fm-find "$sample" lamp
    reports_lost_output fm-find "$sample" lamp
    reports_lost_output fm-find "$planks" o
}
