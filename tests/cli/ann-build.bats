# ann-build: indexes of vectors.
load helper
load ann

setup() {
    ann_setup
}

# builds FILE ARGUMENT...
builds() {
    ok ann-build -q -o "$@"
    empty "$out"
}

@test "help, version, misuse" {
    helps ann-build
    misuse ann-build base.fvecs
    misuse ann-build -o x.ann
    misuse ann-build -o x.ann base.fvecs base.fvecs
    misuse ann-build -o x.ann -t tree base.fvecs
    misuse ann-build -o x.ann -R 3 base.fvecs
    misuse ann-build -o x.ann -R 257 base.fvecs
    misuse ann-build -o x.ann -L 0 base.fvecs
    misuse ann-build -o x.ann --alpha 0.9 base.fvecs
    misuse ann-build -o x.ann --metric l3 base.fvecs
    misuse ann-build -o x.ann --lists 8 base.fvecs
    misuse ann-build -o x.ann -t ivf --lists 1048577 base.fvecs
    misuse ann-build -o x.ann -t ivf -R 32 base.fvecs
    misuse ann-build -o x.ann -t ivf -L 32 base.fvecs
    misuse ann-build -o x.ann -t ivf --alpha 1.1 base.fvecs
    misuse ann-build -o x.ann -t ivf --replicas 3 base.fvecs
    misuse ann-build -o x.ann -t spann --replicas 17 base.fvecs
    misuse ann-build -o x.ann -t spann --replicas 0 base.fvecs
    misuse ann-build -o x.ann -t spann --lists 0 base.fvecs
    misuse ann-build -o x.ann -t hqi --leaf 0 base.fvecs
    misuse ann-build -o x.ann -t ivf --resident base.fvecs
    misuse ann-build -o x.ann -t spann --resident --no-vectors base.fvecs
    misuse ann-build -o x.ann -t spann -R 32 base.fvecs
    misuse ann-build -o - base.fvecs
    misuse ann-build -o ./base.fvecs base.fvecs
    for kind in ivf tenant spann osq; do
        misuse ann-build -o x.ann -t $kind --queries query.fvecs base.fvecs
    done
    ann-build --help | grep -q "at most (default 3, or 1 with --resident)"
    only base.csv base.fvecs query.csv query.fvecs
}

@test "the same bytes for all threads and CPU levels" {
    builds 1.ann -T 1 base.fvecs
    for threads in 2 7; do
        builds t.ann -T $threads base.fvecs
        cmp 1.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-build -q -o t.ann base.fvecs
        cmp 1.ann t.ann
    done
}

@test "ivf: the same bytes for all threads and CPU levels" {
    builds 1.ann -t ivf -T 1 base.fvecs
    for threads in 2 7; do
        builds t.ann -t ivf -T $threads base.fvecs
        cmp 1.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-build -q -t ivf -o t.ann base.fvecs
        cmp 1.ann t.ann
    done
}

@test "ivf: options are what the index says" {
    builds i.ann -t ivf --lists 9 -c opq2x4 --metric ip base.fvecs
    ok ann-stat i.ann
    is ivf "$(awk '$1 == "kind" { print $2 }' "$out")"
    is 9 "$(awk '$1 == "lists" { print $2 }' "$out")"
    is opq2x4 "$(awk '$1 == "codec" { print $2 }' "$out")"
    is ip "$(awk '$1 == "metric" { print $2 }' "$out")"
    builds j.ann -t ivf --no-vectors -c pq4x4+int4 base.fvecs
    ok ann-stat j.ann
    is pq4x4+int4 "$(awk '$1 == "codec" { print $2 }' "$out")"
    for spec in int8 pq5x4 pq2 pq2x9 pq2x4+int8 ''; do
        fails ann-build -q -t ivf -o k.ann -c "$spec" base.fvecs
    done
    [[ ! -e k.ann ]]
}

@test "spann: the same bytes for all threads, levels and bounds of memory" {
    builds 1.ann -t spann -T 1 base.fvecs
    for threads in 2 7; do
        builds t.ann -t spann -T $threads base.fvecs
        cmp 1.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-build -q -t spann -o t.ann base.fvecs
        cmp 1.ann t.ann
    done
    for size in 12M 40M 1G; do
        builds t.ann -t spann -m $size base.fvecs
        cmp 1.ann t.ann
    done
    fails ann-build -q -t spann -m 1M -o t.ann base.fvecs
    says 'base.fvecs: an index needs about'
}

@test "spann: of a stream" {
    builds want.ann -t spann base.fvecs
    builds got.ann -t spann --from fvecs - <base.fvecs
    cmp want.ann got.ann
    zstd -q base.fvecs
    builds got.ann -t spann base.fvecs.zst
    cmp want.ann got.ann
    builds a.ann -t spann base.csv
    builds b.ann -t spann --from csv - < <(cat base.csv)
    cmp a.ann b.ann
    for ((i = 0; i < 600; i++)); do echo "n $i"; done >ids
    builds i.ann -t spann --ids ids --from csv - <base.csv
    ok ann-search -k 1 i.ann base.fvecs.zst
    diff ids <(column 3 "$out")
    head -n 599 ids >few
    fails ann-build -q -o x.ann -t spann --ids few --from csv - <base.csv
    says 'there are 599 ids for 600 vectors'
    fails ann-build -q -o x.ann -t spann --ids few base.fvecs
    says 'few: it ends after line 599'
    [[ ! -e x.ann ]]
}

@test "spann: options are what the index says" {
    fails ann-build -q -o x.ann -t spann --metric ip -c pq2x4 base.fvecs
    says 'pq2x4: 5 dimensions are not a multiple of 2: the 4 of the vectors, and one that metric ip adds'
    builds s.ann -t spann --lists 9 --replicas 2 -c lvq4x8 --metric ip base.fvecs
    ok ann-stat s.ann
    is spann "$(awk '$1 == "kind" { print $2 }' "$out")"
    is 9 "$(awk '$1 == "lists" { print $2 }' "$out")"
    is lvq4x8 "$(awk '$1 == "codec" { print $2 }' "$out")"
    is ip "$(awk '$1 == "metric" { print $2 }' "$out")"
    awk '$1 == "lists_a_row" { exit !($2 >= 1 && $2 <= 2) }' "$out"
    is yes "$(awk '$1 == "vectors" { print $2 }' "$out")"
    exits 0 ann-stat --check s.ann
    for spec in int8 lvq9 qavq osq32 ''; do
        fails ann-build -q -t spann -o k.ann -c "$spec" base.fvecs
    done
    [[ ! -e k.ann ]]
}

@test "spann: bad rows are named, a full disk leaves nothing" {
    printf '1,2\n1,nan\n' >bad.csv
    fails ann-build -q -t spann -o i.ann bad.csv
    says 'bad.csv:2'
    printf '1,2\n0,0\n' >zero.csv
    fails ann-build -q -t spann --metric cosine -o i.ann zero.csv
    says 'zero.csv: row 1 is a zero vector'
    fails ann-build -q -t spann -o no/such/i.ann base.fvecs
    : >none.fvecs
    fails ann-build -q -t spann -o i.ann none.fvecs
    says 'none.fvecs: it holds no vector'
    head -c 90 base.fvecs >short.fvecs
    fails ann-build -q -t spann -o i.ann short.fvecs
    says short.fvecs
    [[ ! -e i.ann ]]
    echo old >i.ann
    for kb in 1 20 35; do # rows, lists, and all but the end
        no_room $kb ann-build -q -t spann -o i.ann base.fvecs
        says "'i.ann'"
        is old "$(<i.ann)"
    done
    rm i.ann
    only bad.csv base.csv base.fvecs none.fvecs query.csv query.fvecs short.fvecs zero.csv
}

@test "osq: the same bytes for all threads and CPU levels" {
    builds 1.ann -t osq --lists 5 -T 1 base.fvecs
    for threads in 2 7; do
        builds t.ann -t osq --lists 5 -T $threads base.fvecs
        cmp 1.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-build -q -t osq --lists 5 -o t.ann base.fvecs
        cmp 1.ann t.ann
    done
}

@test "osq: options are what the index says; what cannot be is refused" {
    builds i.ann -t osq --lists 9 -c osq5 --metric ip base.fvecs
    ok ann-stat i.ann
    is osq "$(awk '$1 == "kind" { print $2 }' "$out")"
    is 9 "$(awk '$1 == "lists" { print $2 }' "$out")"
    is osq5 "$(awk '$1 == "codec" { print $2 }' "$out")"
    exits 0 ann-stat --check i.ann
    for spec in int8 osq9 osq pq2x4 ''; do
        fails ann-build -q -t osq -o k.ann -c "$spec" base.fvecs
    done
    fails ann-build -q -t osq --no-vectors -o k.ann base.fvecs
    says 'cannot be left out'
    misuse ann-build -q -t osq --lists 5000 -o k.ann base.fvecs
    [[ ! -e k.ann ]]
    fails ann-update --add base.fvecs i.ann
    says "of kind 'osq' cannot be changed"
}

@test "every format of input gives the same" {
    builds want.ann base.fvecs
    for f in base.fbin base.npy; do
        vec-convert -q base.fvecs -o $f
        builds got.ann $f
        cmp want.ann got.ann
    done
    zstd -q base.fvecs
    builds got.ann base.fvecs.zst
    cmp want.ann got.ann
    builds got.ann --from fvecs - <base.fvecs
    cmp want.ann got.ann
    awk -F , '{ printf "{\"id\":%d,\"embedding\":[%s]}\n", NR, $0 }' base.csv >base.jsonl
    builds a.ann base.csv
    builds b.ann base.jsonl
    cmp a.ann b.ann
}

@test "options are what the index says" {
    builds i.ann -R 12 -L 40 --alpha 1.2 -c leanvec3+int8x1+int4 --metric cosine base.fvecs
    ok ann-stat i.ann
    is 12 "$(awk '$1 == "degree" { print $2 }' "$out")"
    is 40 "$(awk '$1 == "beam" { print $2 }' "$out")"
    is 1.200 "$(awk '$1 == "alpha" { print $2 }' "$out")"
    is leanvec3+int8x1+int4 "$(awk '$1 == "codec" { print $2 }' "$out")"
    is cosine "$(awk '$1 == "metric" { print $2 }' "$out")"
    builds j.ann --no-vectors base.fvecs
    ok ann-stat j.ann
    is no "$(awk '$1 == "vectors" { print $2 }' "$out")"
    for spec in int9 leanvec9+int8 leanvec3+int8x3+int4 bytes ''; do
        fails ann-build -q -o k.ann -c "$spec" base.fvecs
    done
    [[ ! -e k.ann ]]
}

@test "says beforehand what it takes, and refuses what cannot be" {
    exits 0 ann-build -o i.ann base.fvecs
    says '600 vectors of 4 components: about'
    fails ann-build -q -m 1K -o j.ann base.fvecs
    says 'base.fvecs: an index needs about'
    [[ ! -e j.ann ]]
}

@test "bad rows are named, nothing is left" {
    printf '1,2\n1,nan\n' >bad.csv
    fails ann-build -q -o i.ann bad.csv
    says 'bad.csv:2'
    printf '1,2\n0,0\n' >zero.csv
    fails ann-build -q --metric cosine -o i.ann zero.csv
    says 'zero.csv: row 1 is a zero vector'
    fails ann-build -q -o i.ann missing.fvecs
    fails ann-build -q -o no/such/i.ann base.fvecs
    [[ ! -e i.ann ]]
    head -c 90 base.fvecs >short.fvecs
    echo old >i.ann
    no_room 1 ann-build -q -o i.ann base.fvecs
    says "'i.ann'"
    is old "$(<i.ann)"
    fails ann-build -q -o i.ann short.fvecs
    says short.fvecs
    is old "$(<i.ann)"
}

@test "ids: a byte order mark and CR LF are none of theirs, and a CR within a name stays" {
    for ((i = 0; i < 600; i++)); do printf 'n\r%d\n' $i; done >ids
    { printf '\xef\xbb\xbf' && sed 's/$/\r/' ids; } >dos
    builds i.ann --ids ids base.fvecs
    ok ann-build -q --ids dos -o x.ann base.fvecs
    cmp i.ann x.ann
    head -n 3 ids | sed 's/^/{"op":"delete","id":"/; s/\r/\\r/; s/$/"}/' >changes
    head -n 3 dos >again # with the mark
    vec-convert -q base.fvecs --rows :3 -o three.fvecs
    ok ann-update -q --add three.fvecs --ids again i.ann changes
    is 600 "$(ann-stat i.ann | awk '$1 == "live" { print $2 }')"
}

@test "ids: one a vector, unique" {
    for ((i = 0; i < 600; i++)); do echo "n $i"; done >ids
    builds i.ann --ids ids base.fvecs
    builds j.ann --ids - base.fvecs <ids
    cmp i.ann j.ann
    zstd -q ids -o ids.zst
    builds j.ann --ids ids.zst base.fvecs
    cmp i.ann j.ann
    exits 0 ann-stat --check i.ann
    ok ann-search -k 1 i.ann base.fvecs
    diff ids <(column 3 "$out")
    ok ann-search --json -k 1 i.ann base.fvecs
    diff ids <(jq -r .id "$out")
    ok ann-search -k 1 -o r.ivecs i.ann base.fvecs
    ann-build -q -o k.ann base.fvecs
    ok ann-search -k 1 -o s.ivecs k.ann base.fvecs
    cmp r.ivecs s.ivecs

    head -n 599 ids >few
    fails ann-build -q -o x.ann --ids few base.fvecs
    says 'few: it ends after line 599, and there are 600 vectors'
    { cat ids && echo more; } >many
    fails ann-build -q -o x.ann --ids many base.fvecs
    says 'many:601: an id more than the 600 vectors'
    sed '17s/.*/n 5/' ids >twice
    fails ann-build -q -o x.ann --ids twice base.fvecs
    says 'twice:17: the id of line 6 again'
    sed '17s/.*//' ids >empty
    fails ann-build -q -o x.ann --ids empty base.fvecs
    says 'empty:17: an id is empty'
    { head -n 9 ids && printf 'n\xff\n' && tail -n 590 ids; } >bytes
    fails ann-build -q -o x.ann --ids bytes base.fvecs
    says 'bytes:10: an id is not UTF-8'
    fails ann-build -q -o x.ann --ids missing base.fvecs
    says missing
    [[ ! -e x.ann ]]
}

@test "one vector, none" {
    : >none.fvecs
    fails ann-build -q -o i.ann none.fvecs
    says 'holds no vector'
    head -n 1 base.csv >one.csv
    builds i.ann one.csv
    ok ann-search i.ann query.fvecs
    is 8 "$(grep -vc '#' "$out")"
}

@test "a graph that suits a sample of queries" {
    builds plain.ann base.fvecs
    builds suited.ann -T 1 --queries query.fvecs base.fvecs
    differ plain.ann suited.ann
    for threads in 2 7; do
        builds t.ann -T $threads --queries query.csv base.fvecs
        cmp suited.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-build -q --queries query.fvecs -o t.ann base.fvecs
        cmp suited.ann t.ann
    done
    exits 0 ann-stat --check suited.ann
    : >none.fvecs
    builds t.ann --queries none.fvecs base.fvecs
    cmp plain.ann t.ann
    printf '1,2\n' >two.csv
    fails ann-build -q -o i.ann --queries two.csv base.fvecs
    says 'two.csv: queries of 2 components for a base of 4'
    fails ann-build -q -o i.ann --queries missing.csv base.fvecs
    says missing.csv
    printf '1,2,3,inf\n' >inf.csv
    fails ann-build -q -o i.ann --queries inf.csv base.fvecs
    says inf.csv:1
    [[ ! -e i.ann ]]
}
