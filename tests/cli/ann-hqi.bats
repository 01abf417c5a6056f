# ann-build -t hqi, ann-search --batch: an index for a workload.
load helper
load ann

# Attributes of the 600 rows, and a workload of 40 queries with four predicates.
setup() {
    ann_setup
    awk 'BEGIN {
        srand(5); split("rock jazz folk", genre, " ")
        print "year\tgenre\tlive"
        for (i = 0; i < 600; i++)
            printf "%d\t%s\t%s\n", 1990 + int(rand() * 30), genre[1 + i % 4], i % 3 ? "false" : "true"
    }' >at.tsv
    awk 'BEGIN {
        srand(6)
        split("live|year >= 2010|genre = \\\"rock\\\" and not live|genre is null", p, "|")
        for (i = 0; i < 40; i++)
            printf "{\"where\":\"%s\",\"vector\":[%f,%f,%f,%f]}\n", p[1 + i % 4], rand(), rand(), rand(), rand()
    }' >work.jsonl
    ann-build -q -t hqi --leaf 20 --attrs at.tsv --workload work.jsonl -o good.ann base.fvecs
}

@test "misuse" {
    misuse ann-build -t ivf --workload work.jsonl -o x.ann base.fvecs
    misuse ann-build --where-file work.jsonl -o x.ann base.fvecs
    misuse ann-build -t ivf --leaf 5 -o x.ann base.fvecs
    misuse ann-build -t hqi --where-file - -o x.ann -
    misuse ann-build -t hqi --workload work.jsonl --queries query.fvecs -o x.ann base.fvecs
    misuse ann-build -t hqi --workload - -o x.ann base.fvecs
    misuse ann-build -t hqi -R 5 -o x.ann base.fvecs
}

@test "a workload in one file is the same as in two" {
    jq -c .vector work.jsonl | tr -d '[]' >work.csv
    jq -c .where work.jsonl >where.jsonl
    ann-build -q -t hqi --leaf 20 --attrs at.tsv --queries work.csv --where-file where.jsonl -o x.ann base.fvecs
    cmp good.ann x.ann
    head -n 39 where.jsonl >few.jsonl
    fails ann-build -q -t hqi --attrs at.tsv --queries work.csv --where-file few.jsonl -o x.ann base.fvecs
    says 'the workload has 39 predicates for 40 queries'
    sed -i '3s/.*/{"where":"yaer = 5","vector":[1,2,3,4]}/' work.jsonl
    exits 1 ann-build -q -t hqi --attrs at.tsv --workload work.jsonl -o y.ann base.fvecs
    is "ann-build: predicate 3 of the workload: column 1: there is no column 'yaer': is 'year' meant?" \
        "$(head -n 1 "$err")"
    is '  yaer = 5' "$(sed -n 2p "$err")"
    [[ ! -e y.ann ]]
}

@test "with all lists, what is true is found, in batches and alone" {
    ok vec-knn -k 600 base.fvecs query.fvecs
    grep -v '^#' "$out" >../all
    for p in 'live:$3 == "true"' 'year >= 2005 and not genre = "jazz":$1 >= 2005 && $2 ~ /rock|folk/' 'true:1' \
        'genre is null and year < 1994:$2 == "" && $1 < 1994'; do
        tail -n +2 at.tsv | awk -F '\t' "${p#*:} { print NR - 1 }" >../rows
        awk -v OFS='\t' 'NR == FNR { in_set[$1] = 1; next }
            $1 != query { query = $1; n = 0 }
            $3 in in_set && n < 7 { print $1, n++, $3, $4 }' ../rows ../all >../want
        ok ann-search -k 7 --nprobe 1000 --where "${p%%:*}" good.ann query.fvecs
        diff ../want <(grep -v '^#' "$out")
        yes "\"${p%%:*}\"" | sed 's/\([a-z]*\)"\(jazz\)"/\1\\"\2\\"/; s/= "jazz"/= \\"jazz\\"/' | head -n 8 >w.jsonl
        ok ann-search -k 7 --batch --nprobe 1000 --where-file w.jsonl good.ann query.fvecs
        diff ../want <(grep -v '^#' "$out")
    done
}

@test "answers of a batch stand in the order of the queries" {
    ok ann-search -k 5 --nprobe 1000 --field vector --where-file work.jsonl good.ann work.jsonl
    cp "$out" ../alone
    ok ann-search -k 5 --nprobe 1000 --batch --field vector --where-file work.jsonl good.ann work.jsonl
    cmp ../alone "$out"
    cat work.jsonl | ok ann-search -k 5 --nprobe 1000 --batch --field vector --from jsonl --where-file work.jsonl good.ann -
    cmp ../alone "$out"
    is 200 "$(grep -vc '^#' "$out")"
}

@test "room for 1 GiB of queries is not taken for a few" {
    exits 0 ann-search -v -k 5 --batch --field vector --where-file work.jsonl good.ann work.jsonl
    hear
    [[ $message =~ peak\ memory\ ([0-9]+) ]]
    ((BASH_REMATCH[1] < 400)) # it was 815, and took seconds
}

@test "the same for all threads and levels" {
    ann-build -q -T 1 -t hqi --leaf 20 --attrs at.tsv --workload work.jsonl -o a.ann base.fvecs
    cmp good.ann a.ann
    SLUICE_CPU=portable ann-build -q -T 7 -t hqi --leaf 20 --attrs at.tsv --workload work.jsonl -o a.ann base.fvecs
    cmp good.ann a.ann
    same_for_all_threads ann-search --batch --nprobe 3 --field vector --where-file work.jsonl good.ann work.jsonl
    same_for_all_levels ann-search --batch --nprobe 3 --field vector --where-file work.jsonl good.ann work.jsonl
}

@test "few lists still give k rows where k match" {
    ok ann-search -k 20 --nprobe 1 --where 'year = 2001' good.ann query.fvecs
    n=$(tail -n +2 at.tsv | grep -c ^2001)
    is $((8 * (n < 20 ? n : 20))) "$(grep -vc '^#' "$out")"
}

@test "smaller ones, without vectors" {
    for codec in '' '-c pq4x4'; do
        # shellcheck disable=SC2086
        ann-build -q -t hqi --no-vectors $codec --attrs at.tsv --workload work.jsonl -o small.ann base.fvecs
        exits 0 ann-stat --check small.ann
        ok ann-search -k 5 --batch --field vector --where-file work.jsonl small.ann work.jsonl
        is 200 "$(grep -vc '^#' "$out")"
    done
}

@test "what ann-stat tells of the tree" {
    exits 0 ann-stat --check good.ann
    ok ann-stat --json good.ann
    is hqi "$(jq -r .kind "$out")"
    is 40 "$(jq .workload_queries "$out")"
    is true "$(jq '.leaves >= 4 and .depth >= 2 and .leaf_rows_least >= 20 and .leaf_rows_most < 600' "$out")"
}

@test "which plan, and why" {
    exits 0 ann-search --explain --where 'live' -o r.ivecs good.ann query.fvecs
    says 'all queries: leaves: 200 of 600 rows match'
    exits 0 ann-search --explain --where 'year = 2001' -o r.ivecs good.ann query.fvecs
    says 'all queries: exact: '
}

@test "it cannot be changed, and keeps its attributes" {
    cp good.ann kept.ann
    fails ann-update good.ann /dev/null
    says "an index of kind 'hqi' cannot be changed"
    fails ann-update --attrs at.tsv good.ann
    says hqi
    cmp kept.ann good.ann
}

@test "no workload, no attributes" {
    ann-build -q -t hqi -o x.ann base.fvecs
    ok ann-search -k 5 --nprobe 1000 x.ann query.fvecs
    cp "$out" ../got
    ok vec-knn -k 5 base.fvecs query.fvecs
    cmp ../got "$out"
    exits 1 ann-build -q -t hqi --workload work.jsonl -o y.ann base.fvecs
    says 'the index has no attributes'
}

@test "tuned, too" {
    head -n 200 base.csv >sample.csv
    exits 0 ann-tune -q -k 5 good.ann sample.csv
    ok ann-search -k 5 --recall .9 good.ann query.fvecs
}

@test "files that are no index, and outputs that cannot be" {
    refuses_bad_ann ann-search --batch @ query.fvecs
    fails ann-build -q -t hqi --attrs at.tsv --workload work.jsonl -o no/such/x.ann base.fvecs
    says 'no/such/x.ann'
    fails ann-build -q -t hqi --attrs at.tsv --workload none.jsonl -o x.ann base.fvecs
    says 'none.jsonl'
}

@test "output whole or not at all" {
    mkdir empty
    cd empty
    writes_whole_or_not ann-search --batch --field vector --where-file ../work.jsonl ../good.ann ../work.jsonl
}
