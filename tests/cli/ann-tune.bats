# ann-tune: settings for a recall, found and stored in an index.
load helper
load ann

setup() {
    ann_setup
    # Queries enough to confirm 0.95: 300 of 4 numbers.
    awk 'BEGIN { srand(9); for (i = 0; i < 300; i++) print rand() "," rand() "," rand() "," rand() }' >many.csv
    vec-convert -q many.csv -o many.fvecs
    ann-build -q -R 6 -L 10 -o good.ann base.fvecs
}

tune() {
    ok ann-tune -q --recall 0.8,0.95 "$@"
}

@test "help, version, misuse" {
    helps ann-tune
    misuse ann-tune good.ann
    misuse ann-tune good.ann many.csv truth.ivecs more
    misuse ann-tune -k 0 good.ann many.csv
    misuse ann-tune --sample 1 good.ann many.csv
    misuse ann-tune - many.csv
    misuse ann-tune -o - good.ann many.csv
    for list in '' 0 1.1 0.9, ,0.9 0.9:0.95 0.9,0.9 0.95,0.9 x 'nan'; do
        misuse ann-tune --recall "$list" good.ann many.csv
    done
    misuse ann-tune --recall "$(seq -s , 0.01 0.01 0.99)" good.ann many.csv
}

@test "a search keeps the recall that was tuned for" {
    tune good.ann many.csv
    is 0.8000 "$(awk 'NR == 2 { print $1 }' "$out")"
    awk '!/#/ && $3 < $1 { exit 1 }' "$out"
    vec-knn -q -o truth.ivecs base.fvecs many.fvecs
    for recall in 0.8 0.95; do
        ok ann-search --recall $recall -o got.ivecs good.ann many.fvecs
        ok vec-recall --fail-below $recall got.ivecs truth.ivecs
    done
    exits 0 ann-search --recall 0.8 --stats -o got.ivecs good.ann many.fvecs
    less=$(awk '{ sub(/.*a query: /, ""); print $1 }' "$err")
    exits 0 ann-search --ef 100 --stats -o got.ivecs good.ann many.fvecs
    awk -v less="$less" '{ sub(/.*a query: /, ""); exit !($1 > less) }' "$err"
}

@test "keep of osq, all of it at most" {
    ann-build -q -t osq --lists 1 -o osq.ann base.fvecs
    tune osq.ann many.csv
    awk '!/#/ && ($3 < $1 || $4 < 1 || $4 > 100) { exit 1 }' "$out"
    vec-knn -q -o truth.ivecs base.fvecs many.fvecs
    ok ann-search --recall 0.95 -o got.ivecs osq.ann many.fvecs
    ok vec-recall --fail-below 0.95 got.ivecs truth.ivecs
}

# Lists hold many rows each: fewer than k of them are enough, and so are they tried.
@test "lists of spann: from one on, whatever k" {
    ann-build -q -t spann -o spann.ann base.fvecs
    ok ann-tune -q -k 50 --recall 0.5 spann.ann many.csv
    awk -F'\t' '!/#/ && !($3 >= $1 && $4 > 0 && $4 < 50 || $6 > 0 && $4 == 128) { exit 1 }' "$out"
    vec-knn -q -k 50 -o truth.ivecs base.fvecs many.fvecs
    ok ann-search -k 50 --recall 0.5 -o got.ivecs spann.ann many.fvecs
    ok vec-recall -k 50 --fail-below 0.5 got.ivecs truth.ivecs
    # With a slack nprobe is the most, and 128 where none is said: ann-bench measures that.
    ok ann-bench -q -k 50 --slack 0.1 spann.ann many.fvecs truth.ivecs
    is 128 "$(awk 'NR == 2 { print $2 }' "$out")"
}

@test "it is the setting that ann-stat shows" {
    ok ann-stat good.ann
    is 0 "$(grep -c '^recall_' "$out")"
    tune good.ann many.csv
    ok ann-stat good.ann
    read -r -a options < <(awk -F '\t' '$1 == "recall_0.95_at_10" { print $2 }' "$out")
    [[ ${options[0]} == --ef ]]
    ok ann-search --recall 0.9 good.ann query.fvecs
    cp "$out" ../want
    ok ann-search "${options[@]}" good.ann query.fvecs
    cmp ../want "$out"
    ok ann-stat --json good.ann
    is 2 "$(jq '.settings | length' "$out")"
    is '[10,0.95,true,150]' "$(jq -c '.settings[1] | [.k, .target, .reached, .queries]' "$out")"
    exits 0 ann-stat --check good.ann
    says 'good.ann is whole'
}

@test "what an index was not tuned for is refused" {
    fails ann-search --recall 0.9 good.ann query.fvecs
    says 'good.ann was not tuned'
    tune good.ann many.csv
    fails ann-search --recall 0.96 good.ann query.fvecs
    says 'up to 0.95, not for 0.96'
    fails ann-search --recall 0.9 -k 11 good.ann query.fvecs
    says 'up to 10 neighbours, not for 11'
    ok ann-search --recall 0.9 -k 4 good.ann query.fvecs
    misuse ann-search --recall 0.9 --ef 10 good.ann query.fvecs
    misuse ann-search --recall 0.9 --rerank 10 good.ann query.fvecs
    misuse ann-search --recall 0.9 --slack 0.1 good.ann query.fvecs
    misuse ann-search --recall 1.1 good.ann query.fvecs
    misuse ann-search --slack -1 good.ann query.fvecs
    misuse ann-search --slack nan good.ann query.fvecs
}

@test "without vectors by a truth; what is not reached is said and stored" {
    ann-build -q --no-vectors -c int4 -o i.ann base.fvecs
    cp i.ann ../before
    fails ann-tune -q i.ann many.csv
    says 'holds no vectors'
    cmp ../before i.ann
    vec-knn -q -o truth.ivecs base.fvecs many.fvecs
    exits 0 ann-tune --recall 0.6,0.99 i.ann many.csv truth.ivecs
    says 'recall 0.99 is not reached: 0.'
    ok ann-search --recall 0.6 i.ann query.fvecs
    fails ann-search --recall 0.9 i.ann query.fvecs
    says 'does not reach a recall of 0.99'
    ok ann-stat i.ann
    is 'not reached' "$(awk -F '\t' '$1 == "recall_0.99_at_10" { print $2 }' "$out")"
}

@test "a truth that is given finds the same, in any format" {
    tune good.ann many.csv -o i.ann
    cp i.ann ../want
    for to in ivecs tsv truth; do
        vec-knn -q -k 20 -o truth.$to base.fvecs many.fvecs
        tune good.ann many.csv truth.$to -o j.ann
        cmp ../want j.ann
    done
    tune --truth-from tsv good.ann many.fvecs <(vec-knn -q base.fvecs many.csv) -o k.ann
    cmp ../want k.ann
    head -n 100 many.csv >few.csv
    fails ann-tune -q good.ann few.csv truth.ivecs
    says 'truth.ivecs is of 300 queries, and few.csv holds 100'
    fails ann-tune -q -k 21 good.ann many.csv truth.ivecs
    says '20 neighbours'
}

@test "of many queries a sample, with its truth" {
    vec-knn -q -o truth.ivecs base.fvecs many.fvecs
    tune --sample 100 good.ann many.csv -o i.ann
    tune --sample 100 good.ann many.csv truth.ivecs -o j.ann
    cmp i.ann j.ann
    ok ann-stat --json i.ann
    is 50 "$(jq '.settings[0].queries' "$out")"
    exits 0 ann-tune --sample 2 good.ann many.csv
    says 'is not reached'
}

@test "settings for several k stand beside each other" {
    tune -k 1 good.ann many.csv
    tune -k 10 good.ann many.csv
    tune -k 1 good.ann many.csv
    ok ann-stat good.ann
    is "$(printf '%s\n' recall_0.8_at_1 recall_0.95_at_1 recall_0.8_at_10 recall_0.95_at_10)" \
        "$(awk '/^recall_/ { print $1 }' "$out")"
}

@test "bad queries are named, and the index is what it was" {
    cp good.ann ../before
    printf '1,2,3\n' >three.csv
    fails ann-tune -q good.ann three.csv
    says 'three.csv has 3 components a vector'
    printf '1,2,3,4\n1,nan,3,4\n' >nan.csv
    fails ann-tune -q good.ann nan.csv
    says 'nan.csv:2'
    head -n 1 many.csv >one.csv
    fails ann-tune -q good.ann one.csv
    says 'at least 2 queries'
    : >none.fvecs
    fails ann-tune -q good.ann none.fvecs
    fails ann-tune -q good.ann missing.fvecs
    cmp ../before good.ann
}

@test "the same bytes for all threads and CPU levels" {
    tune good.ann many.csv -o ../first
    for threads in 1 2 7; do
        tune -T $threads good.ann many.csv -o i.ann
        cmp ../first i.ann
    done
    for level in portable avx2 avx512; do
        SLUICE_CPU=$level tune good.ann many.csv -o i.ann
        cmp ../first i.ann
    done
    tune i.ann many.csv
    cmp ../first i.ann
}

@test "the index is the old one or the new one" {
    cp good.ann ../before
    size=$(stat -c %s good.ann)
    for kb in 0 1 $((size / 1024)); do
        no_room "$kb" ann-tune -q --recall 0.8 good.ann many.csv
        says "'good.ann'"
        cmp ../before good.ann
    done
    ls -A >../names
    for delay in 0 0.01 0.02 0.05 0.1 0.2; do
        ann-tune -q --recall 0.8 good.ann many.csv >/dev/null 2>&1 &
        sleep $delay
        kill -9 $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        exits 0 ann-stat --check good.ann
        diff ../names <(ls -A)
        cp ../before good.ann
    done
    fails ann-tune -q good.ann many.csv -o no/such/i.ann
    fails ann-tune -q good.ann many.csv -o .
    printf 'x' | dd of=good.ann bs=1 seek=5000 conv=notrunc status=none
    fails ann-tune -q --recall 0.8 good.ann many.csv -o i.ann
    says "section 'CODE'"
    [[ ! -e i.ann ]]
}

@test "bad indexes are refused" {
    refuses_bad_ann ann-tune -q @ many.csv
}

@test "lost output is reported" {
    reports_lost_output ann-tune -q --recall 0.8 good.ann many.csv
}
