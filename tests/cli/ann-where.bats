# ann-build --attrs, ann-search --where: rows that a predicate chooses.
load helper
load ann

# Attributes of the 600 rows: year 1990 to 2019, genre rock, jazz, folk or none, live, tags.
attributes() {
    awk 'BEGIN {
        srand(5); split("rock jazz folk", genre, " ")
        print "year\tgenre\tlive\ttags:set"
        for (i = 0; i < 600; i++)
            printf "%d\t%s\t%s\t%s\n", 1990 + int(rand() * 30), genre[1 + i % 4], i % 3 ? "false" : "true",
                i % 5 ? "t" i % 7 ",all" : i % 2 ? "," : ""
    }'
}

setup() {
    ann_setup
    attributes >at.tsv
    ann-build -q --attrs at.tsv -o good.ann base.fvecs
    ann-build -q -t ivf --attrs at.tsv -o lists.ann base.fvecs
    ann-build -q -t osq --lists 6 --attrs at.tsv -o parts.ann base.fvecs
    ann-build -q -t spann --attrs at.tsv -o disk.ann base.fvecs
    awk '{ print NR - 1 "\tall" } NR % 2 { print NR - 1 "\teven" }' base.csv >grants
    ann-build -q -t tenant --tenants grants --attrs at.tsv -o tenants.ann base.fvecs
    ok vec-knn -k 600 base.fvecs query.fvecs
    grep -v '^#' "$out" >../all
}

# truth K AWK: the K nearest of each query among rows for whose fields $1 to $4 AWK holds.
truth() {
    tail -n +2 at.tsv | awk -F '\t' "$2 { print NR - 1 }" >../rows
    awk -v k="$1" -v OFS='\t' 'NR == FNR { in_set[$1] = 1; next }
        $1 != query { query = $1; n = 0 }
        $3 in in_set && n < k { print $1, n++, $3, $4 }' ../rows ../all
}

# finds_what PREDICATE AWK: in each kind of index, with effort enough, what is true, byte for byte.
finds_what() {
    truth 7 "$2" >../want
    ok ann-search -k 7 --ef 600 --where "$1" good.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
    ok ann-search -k 7 --nprobe 1000 --where "$1" lists.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
    ok ann-search -k 7 --keep 100 --near 1e9 --where "$1" parts.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
    ok ann-search -k 7 --nprobe 1000 --where "$1" disk.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
    ok ann-search -k 7 --reach 100000 --tenant all --where "$1" tenants.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
    ok ann-search -k 7 --keep 100 --near 1e9 --where "$1" --engine 2 parts.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
}

# wrong PREDICATE SENTENCE COLUMN
wrong() {
    exits 1 ann-search --where "$1" good.ann query.fvecs
    is "ann-search: --where: column $3: $2" "$(head -n 1 "$err")"
    is "  $1" "$(sed -n 2p "$err")"
    is "$(printf '  %*s^' $(($3 - 1)) '')" "$(sed -n 3p "$err")"
    empty "$out"
}

@test "misuse" {
    misuse ann-search --where live --where-file w good.ann query.fvecs
    misuse ann-search --explain good.ann query.fvecs
    misuse ann-search --where-file - good.ann -
    misuse ann-build --attrs - -o x.ann -
    misuse ann-update --add - --attrs - good.ann
    misuse ann-update --attrs at.tsv good.ann changes
    misuse ann-update --attrs at.tsv --compact good.ann
    misuse ann-update --add base.fvecs --attrs - good.ann -
    misuse ann-update --add base.fvecs --attrs - --ids - good.ann
    misuse ann-build --attrs - --ids - -o x.ann base.fvecs
}

@test "what a predicate is true of, and nothing else" {
    finds_what 'year>=2010 and genre in ("rock","jazz") and not live' \
        '$1 >= 2010 && ($2 == "rock" || $2 == "jazz") && $3 == "false"'
    finds_what 'year = 2001' '$1 == 2001'
    finds_what 'not genre = "rock"' '$2 == "jazz" || $2 == "folk"'
    finds_what 'genre is null or tags is empty' '$2 == "" || $4 == ","'
    finds_what 'tags HAS "t3" AND Not (year < 2000)' '$4 ~ /t3/ && $1 >= 2000'
    finds_what 'live' '$3 == "true"'
    finds_what 'true' '1'
    finds_what 'year > 3000' '0'
}

@test "all that match are found, also when they are few" {
    for n in 1 3 7 20; do
        awk -v n=$n -v OFS='\t' 'BEGIN { print "pick" } { print NR % 600 < n ? 1 : 0 }' base.csv >pick.tsv
        for kind in graph ivf osq spann; do
            ann-build -q -t $kind --attrs pick.tsv -o p.ann base.fvecs
            ok ann-search -k 20 --where 'pick = 1' p.ann query.fvecs
            is $((8 * n)) "$(grep -vc '^#' "$out")"
        done
        ann-build -q -t tenant --tenants grants --attrs pick.tsv -o p.ann base.fvecs
        ok ann-search -k 20 --tenant all --where 'pick = 1' p.ann query.fvecs
        is $((8 * n)) "$(grep -vc '^#' "$out")"
    done
}

@test "what a tenant may see and a predicate is true of, and nothing else" {
    truth 600 '$3 == "true" && NR % 2' >../want
    ok ann-search -k 600 --tenant even --where live tenants.ann query.fvecs
    diff ../want <(grep -v '^#' "$out")
    yes '"live"' | head -n 8 >w.jsonl
    printf '%s\n' even nobody even all even even even even >whose
    exits 0 ann-search -q -k 600 --tenants-file whose --where-file w.jsonl tenants.ann query.fvecs
    diff <(awk '$1 != 1 && $1 != 3' ../want) <(awk '!/^#/ && $1 != 3' "$out")
    truth 600 '$3 == "true"' >../want
    diff <(awk '$1 == 3' ../want) <(awk '!/^#/ && $1 == 3' "$out")
    exits 0 ann-search --explain -k 7 --tenants-file whose --where-file w.jsonl tenants.ann query.fvecs
    says "query 0: rights: "
    says "the tenant's 300 are sooner passed through"
    says "query 3: rights: "
    says "the tenant's 600 are sooner passed through"
    same_for_all_threads ann-search -q -k 7 --tenants-file whose --where-file w.jsonl tenants.ann query.fvecs
    same_for_all_levels ann-search -q -k 7 --tenants-file whose --where-file w.jsonl tenants.ann query.fvecs
    same_for_all_threads ann-search -k 7 --where-file w.jsonl disk.ann query.fvecs
    same_for_all_levels ann-search -k 7 --where-file w.jsonl disk.ann query.fvecs
}

@test "a predicate for each query" {
    printf '%s\n' '"live"' '{"where":"year = 2001"}' null '{"where":null}' '"live"' '"genre = \"rock\""' \
        '"false"' '"not live"' >w.jsonl
    ok ann-search -k 7 --ef 600 --where-file w.jsonl good.ann query.fvecs
    cp "$out" ../got
    i=0
    for p in '$3 == "true"' '$1 == 2001' 1 1 '$3 == "true"' '$2 == "rock"' 0 '$3 == "false"'; do
        truth 7 "$p" | awk -v i=$i '$1 == i'
        i=$((i + 1))
    done >../want
    diff ../want <(grep -v '^#' ../got)
    same_for_all_threads ann-search -k 7 --where-file w.jsonl good.ann query.fvecs
    same_for_all_levels ann-search -k 7 --where-file w.jsonl good.ann query.fvecs
    gzip -k w.jsonl
    ok ann-search -k 7 --ef 600 --where-file w.jsonl.gz good.ann query.fvecs
    cmp ../got "$out"
}

@test "predicates for more or fewer queries" {
    yes '"live"' | head -n 7 >w.jsonl
    fails ann-search --where-file w.jsonl good.ann query.fvecs
    says 'w.jsonl has 7 predicates, and there are more queries'
    yes '"live"' | head -n 9 >w.jsonl
    fails ann-search --where-file w.jsonl good.ann query.fvecs
    says 'w.jsonl has more predicates than the 8 queries'
    printf '"live"\n"liv"\n' >w.jsonl
    yes '"live"' | head -n 6 >>w.jsonl
    exits 1 ann-search --where-file w.jsonl good.ann query.fvecs
    says "w.jsonl:2: column 1: there is no column 'liv': is 'live' meant?"
    printf '"live"\n5\n' >w.jsonl
    fails ann-search --where-file w.jsonl good.ann query.fvecs
    is 'ann-search: w.jsonl:2: a predicate is a string' "$(cut -d , -f 1 "$err")"
    printf '"live"\n{\n' >w.jsonl
    fails ann-search --where-file w.jsonl good.ann query.fvecs
    says 'w.jsonl:2: '
    fails ann-search --where-file none.jsonl good.ann query.fvecs
    says "'none.jsonl'"
}

@test "a name of several lines is said in one" {
    fails ann-search $'no\n  such\n^.ann' query.fvecs
    says "'no?  such?^.ann'"
    fails ann-build -q -o x.ann $'no\nsuch.fvecs'
    says "'no?such.fvecs'"
}

@test "what is wrong with a predicate is shown with its place" {
    wrong 'yaer>=2020' "there is no column 'yaer': is 'year' meant?" 1
    wrong 'year>=2020 and genre in ("rock" and live' "')' is wanted here, not 'and'" 33
    wrong 'genre = rock' "a value (a text stands in quotes) is wanted here, not 'rock'" 9
    wrong 'year = "2001"' "column 'year' is of type int, and this is a text" 8
    ann-build -q -o plain.ann base.fvecs
    exits 1 ann-search --where 'a = 1' plain.ann query.fvecs
    says "there is no column 'a': the index has no attributes"
}

@test "which plan, and why" {
    exits 0 ann-search --explain --where 'year = 2001' -o r.ivecs good.ann query.fvecs
    says "all queries: "
    says "$(tail -n +2 at.tsv | grep -c ^2001) of 600 rows match"
    printf '"live"\n"year < 0"\n' >w.jsonl
    yes '"true"' | head -n 6 >>w.jsonl
    exits 0 ann-search --explain --where-file w.jsonl -o r.ivecs lists.ann query.fvecs
    says 'query 0: '
    says 'query 1: none: none of 600 rows match'
    says 'query 7: all: all 600 rows match'
    exits 0 ann-search -k 1 --explain --where 'year != 2001' --slack 0.1 -o r.ivecs good.ann query.fvecs
    cp "$err" ../slack
    exits 0 ann-search -k 1 --explain --where 'year != 2001' --slack 0.1 --ef 500 -o r.ivecs good.ann query.fvecs
    cmp ../slack "$err" # ef is only the most
    exits 0 ann-search --stats --where-file w.jsonl -o r.ivecs lists.ann query.fvecs
    says '3 predicates evaluated'
}

@test "TSV, CSV and JSON Lines, compressed or not, are the same" {
    {
        echo 'year,genre,live,tags:set'
        tail -n +2 at.tsv | awk -F '\t' '{ print $1 ",\"" $2 "\"," $3 "," ($4 == "" ? "" : "\"" $4 "\"") }' |
            sed 's/,"",/,,/'
    } >at.csv
    tail -n +2 at.tsv | awk -F '\t' '{ print "{\"year\":" $1 ",\"genre\":" ($2 == "" ? "null" : "\"" $2 "\"") \
        ",\"live\":" $3 ",\"tags\":" ($4 == "" ? "null" : $4 == "," ? "[]" : "[\"" $4 "\"]") "}" }' |
        sed 's/,all"/","all"/' >at.jsonl
    { printf '\xef\xbb\xbf' && cat at.jsonl; } >marked.jsonl
    cp marked.jsonl marked
    gzip -c at.tsv >packed
    zstd -q at.jsonl -o at.jsonl.zst
    for f in at.csv at.jsonl marked.jsonl marked packed at.jsonl.zst; do
        ann-build -q --attrs $f -o f.ann base.fvecs
        cmp good.ann f.ann
    done
}

@test "documents with their vectors" {
    paste -d '\t' base.csv <(tail -n +2 at.tsv) | awk -F '\t' '{
        print "{\"text\":\"t" NR "\",\"embedding\":[" $1 "],\"year\":" $2 ",\"meta\":{\"a\":1},\"live\":" $4 "}" }' >docs.jsonl
    ann-build -q --attrs docs.jsonl --columns live,year -o d.ann docs.jsonl
    is 'live year' "$(ann-stat --json d.ann | jq -r '[.columns[].name] | join(" ")')"
    ok ann-search --where 'year > 2010 and live' -o ../want.tsv good.ann query.fvecs
    ok ann-search --where 'year > 2010 and live' -o ../got.tsv d.ann query.fvecs
    diff <(cut -f 1-3 ../want.tsv) <(cut -f 1-3 ../got.tsv)
    fails ann-build --attrs docs.jsonl -o x.ann docs.jsonl
    says "docs.jsonl:1: column 'embedding': an array is a set"
    ann-build -q --attrs docs.jsonl --columns live,year,live -o twice.ann docs.jsonl
    cmp d.ann twice.ann
    for empty in year, ,year year,,live ,; do
        fails ann-build -q --attrs docs.jsonl --columns "$empty" -o x.ann docs.jsonl
        says 'a column without a name is asked for'
    done
    fails ann-build --attrs docs.jsonl --columns '' -o x.ann docs.jsonl
    says 'docs.jsonl: no column is asked for'
    fails ann-build --attrs docs.jsonl --columns yaer -o x.ann docs.jsonl
    says "docs.jsonl: there is no column 'yaer'"
    misuse ann-build --columns year -o x.ann docs.jsonl
    misuse ann-update --columns year x.ann
}

@test "attributes that come later, and others" {
    for kind in graph ivf spann; do
        ann-build -q -t $kind --attrs at.tsv -o with.ann base.fvecs
        ann-build -q -t $kind -o without.ann base.fvecs
        ok ann-update -q --attrs at.tsv without.ann
        ann-stat without.ann | sort >../got
        diff <(ann-stat with.ann | sort) ../got
        exits 0 ann-stat --check without.ann
        ok ann-search --where 'live and year > 2000' -o ../want.tsv with.ann query.fvecs
        ok ann-search --where 'live and year > 2000' -o ../got.tsv without.ann query.fvecs
        cmp ../want.tsv ../got.tsv
        awk 'BEGIN { print "n" } { print NR }' base.csv >n.tsv
        ok ann-update -q --attrs n.tsv -o n.ann with.ann
        ok ann-search -k 600 --where 'n between 5 and 6' n.ann query.fvecs
        is '4 5' "$(awk '!/^#/ { print $3 }' "$out" | sort -u | xargs)"
    done
    ok ann-update -q --attrs n.tsv -o n.ann tenants.ann
    ok ann-search -k 600 --tenant even --where 'n between 5 and 6' n.ann query.fvecs
    is 4 "$(awk '!/^#/ { print $3 }' "$out" | sort -u | xargs)"
    cp good.ann kept.ann
    head -n 9 n.tsv >short.tsv
    fails ann-update --attrs short.tsv good.ann
    says 'short.tsv:9: attributes of 8 rows end here, and there are 600 vectors'
    cmp kept.ann good.ann
}

@test "attributes for other rows than there are" {
    for n in 1 300 600; do
        head -n $n at.tsv >short.tsv
        fails ann-build --attrs short.tsv -o x.ann base.fvecs
        says "short.tsv:$n: attributes of $((n - 1)) rows end here, and there are 600 vectors"
    done
    : >empty.tsv
    fails ann-build --attrs empty.tsv -o x.ann base.fvecs
    says 'empty.tsv: it is empty, and there are vectors'
    { cat at.tsv && tail -n 1 at.tsv; } >long.tsv
    fails ann-build --attrs long.tsv -o x.ann base.fvecs
    says "long.tsv:602: attributes of 601 rows end here, and there are 600 vectors"
    sed '7s/$/\tmore/' at.tsv >bad.tsv
    fails ann-build --attrs bad.tsv -o x.ann base.fvecs
    says 'bad.tsv:7: 5 fields, and the first line names 4 columns'
    [[ ! -e x.ann ]]
    cp good.ann kept.ann
    fails ann-build --attrs bad.tsv -o good.ann base.fvecs
    cmp kept.ann good.ann
}

@test "lists on the disk: attributes of a stream, whose rows are not known before" {
    zstd -q base.csv -o base.csv.zst
    ann-build -q -t spann --attrs at.tsv --from csv -o s.ann - <base.csv
    ann-build -q -t spann --attrs at.tsv -o t.ann base.csv.zst
    cmp s.ann t.ann
    exits 0 ann-stat --check s.ann
    ok ann-search -k 7 --where 'live and year > 2000' s.ann query.fvecs
    cp "$out" ../got
    ok ann-search -k 7 --where 'live and year > 2000' disk.ann query.fvecs
    diff ../got "$out"
    head -n 600 at.tsv >short.tsv
    fails ann-build -q -t spann --attrs short.tsv --from csv -o x.ann - <base.csv
    says 'there are attributes of 599 rows for 600 vectors'
    [[ ! -e x.ann ]]
}

@test "what ann-stat tells of columns" {
    ok ann-stat good.ann
    is "int, $(tail -n +2 at.tsv | cut -f 1 | sort -u | wc -l) distinct, 0 null" \
        "$(awk -F '\t' '$1 == "column_year" { print $2 }' "$out" | cut -d , -f 1-3)"
    is 'string, 3 distinct, 150 null' \
        "$(awk -F '\t' '$1 == "column_genre" { print $2 }' "$out" | cut -d , -f 1-3)"
    ok ann-stat --json good.ann
    is '"set"' "$(jq '.columns[] | select(.name == "tags") | .type' "$out")"
    exits 0 ann-stat --check good.ann
}

@test "the same bytes, whatever the threads and the level" {
    ann-build -q -T 1 --attrs at.tsv -o a.ann base.fvecs
    cmp good.ann a.ann
    SLUICE_CPU=portable ann-build -q -T 7 --attrs at.tsv -o a.ann base.fvecs
    cmp good.ann a.ann
}

@test "rows that are added and deleted keep their attributes" {
    {
        printf '{"op":"delete","id":%d}\n' {0..99}
        echo '{"op":"add","vector":[0.5,0.5,0.5,0.5],"attrs":{"year":3000,"tags":["new"]}}'
        echo '{"op":"add","vector":[0.6,0.5,0.5,0.5]}'
    } >changes
    { cat changes && echo '{"op":"grant","id":600,"tenant":"even"}'; } >granting
    cp tenants.ann u.ann
    ann-update -q u.ann granting
    exits 0 ann-stat --check u.ann
    ok ann-search -k 600 --tenant even --where 'year >= 2010' u.ann query.fvecs
    diff <(tail -n +102 at.tsv | awk '$1 >= 2010 && NR % 2 { print NR + 99 } END { print 600 }' | sort) \
        <(awk '!/^#/ { print $3 }' "$out" | sort -u)
    for how in '' --compact; do
        cp good.ann u.ann
        ann-update -q $how u.ann changes
        exits 0 ann-stat --check u.ann
        ok ann-search -k 600 --where 'year = 3000 and tags has "new"' u.ann query.fvecs
        is 8 "$(grep -vc '^#' "$out")"
        last=600
        [[ $how != --compact ]] || last=500
        is $last "$(awk '!/^#/ { print $3 }' "$out" | sort -u)"
        ok ann-search -k 600 --where 'year is null' u.ann query.fvecs
        is $((last + 1)) "$(awk '!/^#/ { print $3 }' "$out" | sort -u)"
        ok ann-search -k 600 --where 'live' u.ann query.fvecs
        is "$(tail -n +102 at.tsv | awk -F '\t' '$3 == "true"' | wc -l)" \
            "$(awk '!/^#/ { print $3 }' "$out" | sort -u | wc -l)"
    done
}

@test "attributes that a row cannot have" {
    for change in '{"year":"x"}' '{"year":2.5}' '{"yaer":1}' '[1]' '{"year":1,"year":2}'; do
        echo "{\"op\":\"add\",\"vector\":[1,2,3,4],\"attrs\":$change}" >changes
        fails ann-update good.ann changes
        says 'changes:1: '
    done
    ann-build -q -o plain.ann base.fvecs
    echo '{"op":"add","vector":[1,2,3,4],"attrs":{"year":1}}' >changes
    fails ann-update plain.ann changes
    says 'no attributes'
    exits 0 ann-update --skip-bad -o u.ann good.ann - <<'END'
{"op":"add","vector":[1,2,3,4],"attrs":{"year":"x"}}
{"op":"add","vector":[1,2,3,4],"attrs":{"year":1}}
END
    says '1 bad lines'
    exits 0 ann-stat --check u.ann
    fails ann-update good.ann - <<<'{"op":"add","vector":[1,2,3,4],"attrs":5}'
    says "stdin:1: 'attrs' is no object"
}

@test "a bad line does not say of what type a column is" {
    { echo late && yes '' | head -n 600; } >late.tsv
    ann-build -q --attrs late.tsv -o late.ann base.fvecs
    exits 0 ann-update --skip-bad late.ann - <<'END'
{"op":"add","vector":[1,2,3,4],"attrs":{"late":"\ud800"}}
{"op":"add","vector":[1,2,3,4],"attrs":{"late":5}}
END
    says '1 bad lines'
    ok ann-search -k 9 --where 'late = 5' late.ann query.fvecs
    is 600 "$(awk '!/^#/ { print $3 }' "$out" | sort -u)"
}

@test "a file of vectors with attributes" {
    head -n 3 base.csv >more.csv
    printf 'live\tyear\ntrue\t3001\n\t3002\nfalse\t\n' >more.tsv
    ann-update -q --add more.csv --attrs more.tsv good.ann
    ok ann-search -k 9 --where 'year > 3000' good.ann query.fvecs
    is '600 601' "$(awk '!/^#/ { print $3 }' "$out" | sort -u | xargs)"
    printf 'live\tyear\ntrue\t3001\n' >more.tsv
    fails ann-update --add more.csv --attrs more.tsv good.ann
    says 'attributes of 1 rows end here, and there are 3 vectors'
    printf 'other\n1\n2\n3\n' >more.tsv
    fails ann-update --add more.csv --attrs more.tsv good.ann
    says "more.tsv: this index has no column 'other'"
}

@test "vectors that are passed over take their attributes with them" {
    printf '1,2,3,4\n1,2,nan,4\n5,6,7,8\n9,9,9,inf\n3,3,3,3\n1,nan,1,1\n' >bad.csv
    printf 'year\n4000\n4001\n4002\n4003\n4004\n4005\n' >bad.tsv
    exits 0 ann-update --skip-bad --add bad.csv --attrs bad.tsv good.ann
    says '3 bad vectors were passed over'
    for year in 4000 4002 4004; do
        ok ann-search -k 9 --where "year = $year" good.ann query.fvecs
        is $((600 + (year - 4000) / 2)) "$(awk '!/^#/ { print $3 }' "$out" | sort -u)"
    done
    ok ann-search -k 9 --where 'year in (4001, 4003, 4005)' good.ann query.fvecs
    is '' "$(awk '!/^#/ { print $3 }' "$out")"
}
