# ann-search: near neighbours by an index.
load helper
load ann

setup() {
    ann_setup
    ann-build -q -o good.ann base.fvecs
}

@test "help, version, misuse" {
    helps ann-search
    misuse ann-search good.ann
    misuse ann-search -k 0 good.ann query.fvecs
    misuse ann-search -k x good.ann query.fvecs
    misuse ann-search --ef 0 good.ann query.fvecs
    misuse ann-search --nprobe 0 good.ann query.fvecs
    misuse ann-search --keep 101 good.ann query.fvecs
    for effort in ef nprobe reach keep rerank slack; do
        misuse ann-search --recall 0.9 --$effort 2 good.ann query.fvecs
    done
    misuse ann-search --near .5 good.ann query.fvecs
    misuse ann-search --factor 0 good.ann query.fvecs
    misuse ann-search --engine 0 good.ann query.fvecs
    misuse ann-search --distances d.fvecs good.ann query.fvecs
    misuse ann-search --json --to ivecs good.ann query.fvecs
    misuse ann-search - query.fvecs
    misuse ann-search -o d.ibin --distances d.ibin good.ann query.fvecs
    misuse ann-search --to ibin --distances - good.ann query.fvecs
    misuse ann-search -o ./good.ann good.ann query.fvecs
    misuse ann-search -o query.fvecs good.ann query.fvecs
}

@test "with candidates enough, what vec-knn finds, byte for byte" {
    for metric in l2 ip cosine; do
        ok vec-knn -k 7 --metric $metric base.fvecs query.fvecs
        cp "$out" ../want
        for codec in int8 int4 leanvec3+int8; do
            ann-build -q --metric $metric -c $codec -o i.ann base.fvecs
            ok ann-search -k 7 --ef 600 i.ann query.fvecs
            cmp ../want "$out"
            ok ann-search -k 7 --ef 600 --load i.ann query.csv --from csv
            diff <(cut -f 1-3 ../want) <(cut -f 1-3 "$out")
        done
    done
}

@test "ivf: with all lists, what vec-knn finds, byte for byte" {
    for metric in l2 ip cosine; do
        ok vec-knn -k 7 --metric $metric base.fvecs query.fvecs
        cp "$out" ../want
        ann-build -q -t ivf --lists 100 --metric $metric -o i.ann base.fvecs
        ok ann-search -k 7 --nprobe 100 i.ann query.fvecs
        cmp ../want "$out"
        ok ann-search -k 7 --nprobe 100 --load i.ann query.csv --from csv
        diff <(cut -f 1-3 ../want) <(cut -f 1-3 "$out")
        same_for_all_threads ann-search -k 20 --nprobe 5 i.ann query.fvecs
        same_for_all_levels ann-search -k 20 --nprobe 5 i.ann query.fvecs
    done
    ok ann-search -k 700 --nprobe 200 i.ann query.fvecs
    is $((8 * 600)) "$(grep -vc '#' "$out")"
}

@test "spann: with all lists, what vec-knn finds, byte for byte" {
    for metric in l2 ip cosine; do
        ok vec-knn -k 7 --metric $metric base.fvecs query.fvecs
        cp "$out" ../want
        ann-build -q -t spann --lists 40 --metric $metric -o s.ann base.fvecs
        for how in '' --direct '--io pread' '--io auto --share 1' '--share 3 --load'; do
            # shellcheck disable=SC2086 # some are two words
            ok ann-search -k 7 --nprobe 40 $how s.ann query.fvecs
            cmp ../want "$out"
        done
        same_for_all_threads ann-search -k 20 --nprobe 5 s.ann query.fvecs
        same_for_all_levels ann-search -k 20 --nprobe 5 s.ann query.fvecs
    done
    ok ann-search -k 700 --nprobe 40 s.ann query.fvecs
    is $((8 * 600)) "$(grep -vc '#' "$out")"
}

@test "spann: what a query cost, and fewer lists" {
    ann-build -q -t spann --lists 40 -o s.ann base.fvecs
    exits 0 ann-search --stats --nprobe 20 -o r.ivecs s.ann query.fvecs
    says 'a query: 20.0 lists scanned, '
    says ' pages of 4096 bytes from the disk'
    exits 0 ann-search --stats --nprobe 20 --slack 0.01 -o r.ivecs s.ann query.fvecs
    lacks "$err" 'a query: 20.0 lists'
    misuse ann-search --io mmap s.ann query.fvecs
    misuse ann-search --share 65537 s.ann query.fvecs
    for how in --direct '--io pread' '--share 2'; do
        # shellcheck disable=SC2086 # some are two words
        fails ann-search $how good.ann query.fvecs
        says 'good.ann is of kind graph, which is in memory'
    done
}

@test "spann: codes in memory, and only vectors are read" {
    ann-build -q -t spann --resident --lists 40 -o s.ann base.fvecs
    ok vec-knn -k 7 base.fvecs query.fvecs
    cp "$out" ../want
    for how in '' --direct '--io pread' '--share 1' '--load'; do
        # shellcheck disable=SC2086 # some are two words
        ok ann-search -k 7 --nprobe 40 --rerank 600 $how s.ann query.fvecs
        cmp ../want "$out"
    done
    exits 0 ann-search --stats --nprobe 20 --rerank 12 --share 1 -o r.ivecs s.ann query.fvecs
    says 'a query: '
    says ' 12.0 vectors'
    [[ $(ann-stat s.ann | awk '$1 == "bytes_apart" { print $2 }') == "$(ann-stat s.ann | awk '$1 == "section_VECS" { print $2 }')" ]]
}

@test "spann: a damaged list is an error" {
    ann-build -q -t spann --lists 40 -o s.ann base.fvecs
    ok ann-stat --json s.ann
    at=$(jq '.sections[] | select(.id == "POST") | .offset' "$out")
    printf 'xyz' | dd of=s.ann bs=1 seek="$at" conv=notrunc status=none
    fails ann-search --nprobe 40 -o r.ivecs s.ann query.fvecs
    says "s.ann: section 'POST' is damaged: a list's checksum differs"
    [[ ! -e r.ivecs ]]
    fails ann-stat --check s.ann
    says "section 'POST'"
}

@test "osq: with nothing left out, what vec-knn finds, byte for byte; apart as together" {
    for metric in l2 ip cosine; do
        ok vec-knn -k 7 --metric $metric base.fvecs query.fvecs
        cp "$out" ../want
        ann-build -q -t osq --lists 9 --metric $metric -o i.ann base.fvecs
        ok ann-search -k 7 --keep 100 --near 1e9 i.ann query.fvecs
        cmp ../want "$out"
        for fan in 1 2 9; do
            ok ann-search -k 7 --keep 100 --near 1e9 --engine $fan i.ann query.fvecs
            cmp ../want "$out"
        done
        ok ann-search -k 5 --keep 20 --near 1.3 --factor 3 i.ann query.fvecs
        cp "$out" ../want
        ok ann-search -k 5 --keep 20 --near 1.3 --factor 3 --engine 3 --load i.ann query.fvecs
        cmp ../want "$out"
        same_for_all_threads ann-search -k 20 i.ann query.fvecs
        same_for_all_levels ann-search -k 20 i.ann query.fvecs
    done
    ok ann-search -k 700 --near 1e9 i.ann query.fvecs
    is $((8 * 600)) "$(grep -vc '#' "$out")"
}

@test "osq: processes, and what they read; bad queries are named" {
    ann-build -q -t osq --lists 20 -o i.ann base.fvecs
    exits 0 ann-search --stats --engine 4 --near 1e9 -o r.ivecs i.ann query.fvecs
    says ' 20.0 hops'
    ann-build -q -t osq --metric cosine -o c.ann base.fvecs
    printf '0,0,0,0\n' >bad.csv
    fails ann-search --engine 4 c.ann bad.csv
    says 'zero vector'
    fails ann-search --engine 4 --slack 1 i.ann query.fvecs
    says 'kind osq takes no slack'
}

@test "each kind is told its own" {
    ann-build -q -t ivf -o i.ann base.fvecs
    fails ann-search --ef 10 i.ann query.fvecs
    says "i.ann is of kind ivf, which takes '--nprobe', not '--ef'"
    fails ann-search --rerank 10 i.ann query.fvecs
    says "without '--rerank'"
    fails ann-search --nprobe 10 good.ann query.fvecs
    says "good.ann is of kind graph, which takes '--ef', not '--nprobe'"
    fails ann-search --engine 4 i.ann query.fvecs
    says "i.ann is of kind ivf, which takes no '--engine'"
    fails ann-search --keep 4 i.ann query.fvecs
    says "i.ann is of kind ivf, which takes '--nprobe', not '--keep'"
    exits 0 ann-search --stats --nprobe 3 -o r.ivecs i.ann query.fvecs
    says ' 3.0 hops'
}

@test "ivf: without vectors scores are estimates" {
    ann-build -q -t ivf --no-vectors -o i.ann base.fvecs
    ok ann-search -k 1 good.ann query.fvecs
    cp "$out" ../want
    ok ann-search -k 1 --nprobe 100 i.ann query.fvecs
    paste ../want "$out" | awk '!/#/ && ($4 - $8 > .01 || $8 - $4 > .01) { bad = 1 } END { exit bad }'
}

@test "bytes, as they are" {
    awk 'BEGIN { srand(3); for (i = 0; i < 500; i++) print int(rand() * 256) "," int(rand() * 256) "," int(rand() * 256) }' >b.csv
    vec-convert -q b.csv -o b.u8bin
    awk -F , -v OFS=, '{ print $1 - 128, $2 - 128, $3 - 128 }' b.csv >i.csv
    vec-convert -q i.csv -o i.i8bin
    for f in b.u8bin i.i8bin; do
        ok vec-knn $f $f
        cp "$out" ../want
        ann-build -q -o b.ann $f
        ok ann-search b.ann $f
        cmp ../want "$out"
    done
    ok ann-stat b.ann
    is bytes "$(awk '$1 == "codec" { print $2 }' "$out")"
}

@test "every format of output holds the same" {
    ok ann-search -k 5 -o r.tsv good.ann query.fvecs
    for to in jsonl ivecs ibin truth; do
        ok ann-search -k 5 -o r.$to good.ann query.fvecs
        ok ann-search -k 5 --to $to good.ann query.fvecs
        cmp r.$to "$out"
        ok vec-recall -k 5 r.$to r.tsv
        is 1.000000 "$(awk '$1 == "recall" { print $2 }' "$out")"
    done
    ok ann-search -k 5 --distances d.fvecs -o r.ivecs good.ann query.fvecs
    is $((8 * 6 * 4)) "$(stat -c %s d.fvecs)"
}

@test "more than there are" {
    ok ann-search -k 700 --ef 1 good.ann query.fvecs
    is $((8 * 600)) "$(grep -vc '#' "$out")"
}

@test "without vectors scores are estimates" {
    ann-build -q --no-vectors -o i.ann base.fvecs
    ok ann-search -k 1 good.ann query.fvecs
    cp "$out" ../want
    ok ann-search -k 1 i.ann query.fvecs
    paste ../want "$out" | awk '!/#/ && ($4 - $8 > .01 || $8 - $4 > .01) { bad = 1 } END { exit bad }'
}

@test "what a query cost" {
    exits 0 ann-search --stats --rerank 20 -o r.ivecs good.ann query.fvecs
    says '8 queries, '
    says ' 20.0 vectors read'
}

@test "bad queries are named, nothing is left" {
    printf '1,2,3\n' >three.csv
    fails ann-search -o r.ivecs good.ann three.csv
    says 'three.csv has 3 components a vector'
    printf '1,2,3,4\n1,nan,3,4\n' >nan.csv
    fails ann-search -o r.ivecs good.ann nan.csv
    says 'nan.csv:2'
    printf '1,2,3,4\n0,0,0,0\n' >zero.csv
    ann-build -q --metric cosine -o i.ann base.fvecs
    fails ann-search -o r.ivecs i.ann zero.csv
    says 'query 1 is a zero vector'
    [[ ! -e r.ivecs ]]
    : >none.fvecs
    ok ann-search good.ann none.fvecs
    is '# query	rank	id	score' "$(<"$out")"
}

@test "the same for all threads and CPU levels" {
    same_for_all_threads ann-search -k 20 good.ann query.fvecs
    same_for_all_levels ann-search -k 20 good.ann query.fvecs
}

@test "bad indexes are refused" {
    refuses_bad_ann ann-search @ query.fvecs
}

@test "output whole or not at all; lost output is reported" {
    mkdir empty && cd empty
    writes_whole_or_not ann-search --to truth ../good.ann ../query.fvecs
    reports_lost_output ann-search ../good.ann ../query.fvecs
}
