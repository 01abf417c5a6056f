# vec-recall: lists of neighbours against the truth.
load helper

setup() {
    enter_work
    printf '0\t0\t5\t1\n0\t1\t7\t2\n1\t0\t3\t0\n1\t1\t4\t1\n2\t0\t1\t1\n' >truth.tsv
    printf '# query\trank\tid\tscore\n0\t0\t7\t2\n0\t1\t5\t3\n1\t0\t9\t0\n1\t1\t3\t1\n' >result.tsv
}

@test "help, version, misuse" {
    helps vec-recall
    misuse vec-recall truth.tsv
    misuse vec-recall -k 0 truth.tsv truth.tsv
    misuse vec-recall --ties-base x truth.tsv truth.tsv
    misuse vec-recall - -
    misuse vec-recall -o truth.tsv truth.tsv truth.tsv
}

@test "shares by hand" {
    ok vec-recall -k 2 --per-query result.tsv truth.tsv
    tsv <<'EOF'
# query|hits|of|recall
0|2|2|1.000000
1|1|2|0.500000
2|0|1|0.000000
EOF
    ok vec-recall -k 2 --json result.tsv truth.tsv
    is '0.5 3 0 1' "$(jq -r '"\(.recall) \(.queries) \(.min) \(.perfect)"' "$out")"
    ok vec-recall -k 1 result.tsv truth.tsv
    is 0.000000 "$(awk '$1 == "recall" { print $2 }' "$out")"
}

@test "a row named twice counts once" {
    printf '0\t0\t5\n0\t1\t5\n' >twice.tsv
    ok vec-recall -k 2 --per-query twice.tsv truth.tsv
    is $'0\t1\t2\t0.500000' "$(sed -n 2p "$out")"
}

@test "ties by distance" {
    printf '0\n1\n1\n2\n' >base.csv
    printf '0\n' >query.csv
    printf '0\t0\t0\n0\t1\t1\n' >truth.tsv
    printf '0\t0\t0\n0\t1\t2\n' >tied.tsv
    printf '0\t0\t0\n0\t1\t3\n' >far.tsv
    ok vec-recall -k 2 --fail-below 1 --ties-base base.csv --ties-queries query.csv tied.tsv truth.tsv
    fails vec-recall -k 2 --fail-below 1 tied.tsv truth.tsv
    fails vec-recall -k 2 --fail-below 1 --ties-base base.csv --ties-queries query.csv far.tsv truth.tsv
    printf '0\t0\t0\n0\t1\t4\n' >beyond.tsv
    fails vec-recall -k 2 --ties-base base.csv --ties-queries query.csv beyond.tsv truth.tsv
    says 'row 4'
}

@test "a bound on the recall sets the exit code" {
    ok vec-recall -k 2 --fail-below 0.5 result.tsv truth.tsv
    exits 1 vec-recall -k 2 --fail-below 0.51 result.tsv truth.tsv
    says 'recall@2 is 0.500000'
    [[ -s $out ]]
}

@test "no query that counts is no recall, and no bound is kept" {
    printf '# query\trank\tid\n0\t0\t5\n' >none.result
    printf '\1\0\0\0\377\377\377\377' >none.ivecs # -1
    neigh=(none.result none.ivecs)
    ok vec-recall -k 1 "${neigh[@]}"
    is 'nan nan 0 1' "$(awk '{ v[$1] = $2 } END { print v["recall"], v["min"], v["perfect"], v["without_truth"] }' "$out")"
    ok vec-recall -k 1 --json "${neigh[@]}"
    is 'null null 0' "$(jq -r '"\(.recall) \(.p50) \(.queries)"' "$out")"
    ok vec-recall -k 1 --per-query "${neigh[@]}"
    is $'0\t0\t0\tnan' "$(sed -n 2p "$out")"
    fails vec-recall -k 1 --fail-below 0 "${neigh[@]}"
    says 'no query has a true neighbour'
    [[ -s $out ]]
}

@test "lists that are none" {
    fails vec-recall -k 3 result.tsv truth.tsv
    says 'fewer than 3'
    fails vec-recall -k 1 truth.tsv <(head -n 2 truth.tsv)
    says 'queries'
    while IFS='|' read -r bad what; do
        printf "$bad" >bad.tsv
        fails vec-recall -k 1 bad.tsv truth.tsv
        says "$what"
    done <<'EOF'
1\t0\t1\n0\t0\t1\n|bad.tsv:2: query 0 is out of order
0\t1\t1\n|rank 1 of query 0 should be 0
0\t0\t1\n0\t2\t1\n|bad.tsv:2
0\t0\n|fewer than three
0\t0\tx\n|no id
0\t0\t1\t2\t3\n|more than four
0\t0\t1\n500000000000\t0\t1\n|bad.tsv:2: query 500000000000 comes
EOF
    printf '\2\0\0\0\1\0\0\0' >short.truth
    fails vec-recall -k 1 short.truth truth.tsv
    says short.truth
    printf '\377\377\377\377\0\0\0\0' >none.truth # four billion lists of no neighbours
    fails vec-recall -k 1 none.truth truth.tsv
    says "not a truth file's"
    printf '\0\0\0\0\377\377\377\077' >many.truth # no list, of a billion neighbours
    fails vec-recall -k 1 many.truth truth.tsv
    says "not a truth file's"
    printf '{"query":0,"rank":0}\n' >bad.jsonl
    fails vec-recall -k 1 bad.jsonl truth.tsv
    says bad.jsonl:1
    printf '\2\0\0\0\xff\xff\xff\xff\1\0\0\0' >bad.ivecs
    fails vec-recall -k 1 bad.ivecs truth.tsv
    says 'row 0'
}

@test "output whole or not at all, and lost output" {
    mkdir empty && cd empty
    writes_whole_or_not vec-recall -k 2 ../result.tsv ../truth.tsv
    reports_lost_output vec-recall -k 2 ../result.tsv ../truth.tsv
}

@test "a recall of exactly .95 is not below .95, whatever the order of the queries" {
    awk 'BEGIN { for (q = 0; q < 20; q++) for (r = 0; r < 10; r++) print q "\t" r "\t" r "\t0" }' >t.tsv
    awk '$1 < 10 || $2 < 9' t.tsv >r.tsv
    ok vec-recall --fail-below 0.95 r.tsv t.tsv
    awk '$1 % 2 || $2 < 9' t.tsv >r.tsv
    ok vec-recall --fail-below 0.95 r.tsv t.tsv
    awk '!($1 == 1 && $2 == 4)' r.tsv | awk '{ n[$1]++; print $1 "\t" n[$1] - 1 "\t" $3 "\t0" }' >less.tsv
    fails vec-recall --fail-below 0.95 less.tsv t.tsv
    says 'below 0.95'
}

@test "a score that is no number is refused, one that is null is none" {
    printf '{"query":0,"rank":0,"id":5,"score":null}\n' >n.jsonl
    ok vec-recall -k 1 n.jsonl truth.tsv
    printf '{"query":0,"rank":0,"id":5,"score":"x"}\n' >n.jsonl
    fails vec-recall -k 1 n.jsonl truth.tsv
    says "n.jsonl:1: member 'score' is no number"
}

# What the name says: formats in any case, of inputs with .gz or .zst behind it.
@test "lists by their names, compressed or not, from any system" {
    vec-recall -k 2 result.tsv truth.tsv >want
    jq -Rc 'split("\t") | {query: (.[0] | tonumber), rank: (.[1] | tonumber), id: (.[2] | tonumber)}' \
        truth.tsv >BIG.JSONL
    printf '5,7\n3,4\n1,-1\n' | vec-convert --from csv --to ivecs -o t.IVECS -
    printf '5,7\n3,4\n1,-1\n' | vec-convert --from csv --to ibin -o t.ibin -
    gzip -k t.IVECS BIG.JSONL truth.tsv
    zstd -q t.IVECS t.ibin
    { printf '\xef\xbb\xbf' && sed 's/$/\r/' truth.tsv; } >windows.tsv
    for truth in BIG.JSONL t.IVECS t.ibin t.IVECS.gz BIG.JSONL.gz truth.tsv.gz t.IVECS.zst t.ibin.zst windows.tsv; do
        ok vec-recall -k 2 result.tsv $truth
        cmp want "$out"
    done
    { printf '\3\0\0\0\1\0\0\0' && head -c 24 /dev/zero; } >x.truth
    ok vec-recall -k 1 result.tsv x.truth
    gzip x.truth
    fails vec-recall -k 1 result.tsv x.truth.gz
    says 'x.truth.gz: a truth file is read in place: unpack it first'
    # So with the rows that may be found.
    printf '1\n2\n3\n4\n' >four.csv
    printf '0,2\n' | vec-convert --from csv --to ivecs -o allow.IVECS -
    printf '\5' >x.bitmap
    ok vec-knn -k 4 --allow x.bitmap four.csv four.csv
    cp "$out" allowed
    is 8 "$(grep -vc '^#' allowed)"
    gzip -k x.bitmap allow.IVECS
    for allow in allow.IVECS allow.IVECS.gz; do
        ok vec-knn -k 4 --allow $allow four.csv four.csv
        cmp allowed "$out"
    done
    fails vec-knn -k 4 --allow x.bitmap.gz four.csv four.csv
    says 'x.bitmap.gz: a bitmap is read in place: unpack it first'
    # Nothing is written compressed, so no name says so.
    printf '1\n2\n' >base.csv
    misuse vec-knn -k 1 -o n.tsv.gz base.csv base.csv
    says '.gz'
}
