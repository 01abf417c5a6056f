# ann-bench: recall against queries a second.
load helper
load ann

setup() {
    ann_setup
    ann-build -q -c int4 --no-vectors -o small.ann base.fvecs
    ann-build -q -o good.ann base.fvecs
    vec-knn -q -k 10 -o truth.ivecs base.fvecs query.fvecs
}

@test "help, version, misuse" {
    helps ann-bench
    misuse ann-bench good.ann query.fvecs
    misuse ann-bench -k 0 good.ann query.fvecs truth.ivecs
    misuse ann-bench --rounds 0 good.ann query.fvecs truth.ivecs
    misuse ann-bench --svg - good.ann query.fvecs truth.ivecs
    misuse ann-bench - query.fvecs truth.ivecs
    for list in '' , 1, 0 1,x 1.5 -3 2000000 '1 2' "$(seq -s , 300)"; do
        misuse ann-bench --ef "$list" good.ann query.fvecs truth.ivecs
        says "'--ef'"
    done
}

@test "a row a setting, of the recall that vec-recall finds" {
    ok ann-bench -k 5 --ef 5,7,30 --rounds 2 good.ann small.ann query.fvecs truth.ivecs
    cp "$out" rows
    is $'# index\tsetting\trecall@5\tqps\tp50_us\tp99_us\teffort\tkind\tcodec\tkeys\tbytes_per_vector\tslack\trerank\texact\ttarget' "$(head -n 1 rows)"
    is 'good.ann 5 good.ann 7 good.ann 30 small.ann 5 small.ann 7 small.ann 30' \
        "$(echo $(column 1 rows | paste -d ' ' - <(column 2 rows)))"
    for index in good small; do
        for ef in 5 7 30; do
            ann-search -k 5 --ef $ef $index.ann query.fvecs >got.tsv
            vec-recall -k 5 got.tsv truth.ivecs >recall
            is "$(awk '$1 == "recall" { printf "%.5f", $2 }' recall)" \
                "$(awk -v i=$index.ann -v s=$ef '$1 == i && $2 == s { print $3 }' rows)"
        done
    done
    awk '!/#/ && !($4 > 0 && $5 > 0 && $5 <= $6 && $10 > 0) { exit 1 }' rows
    is "$(awk -v n="$(stat -c %s small.ann)" 'BEGIN { printf "%.1f", n / 600 }')" \
        "$(awk '$1 == "small.ann" { print $11; exit }' rows)"
}

@test "JSON Lines" {
    ok ann-bench --json --ef 16 good.ann query.fvecs truth.ivecs
    is 'good.ann 16 true true true' \
        "$(jq -r '"\(.index) \(.setting) \(.["recall@10"] > .9) \(.qps > 0) \(.p50_us <= .p99_us)"' "$out")"
}

@test "slacks, and what was tuned" {
    ann-tune -q -k 5 -o tuned.ann good.ann base.fvecs >tuned
    ann-build -q -t ivf -o lists.ann base.fvecs
    ok ann-bench -k 5 --slack .05,1 --svg p.svg good.ann lists.ann query.fvecs truth.ivecs
    is 'good.ann .05 good.ann 1' "$(awk '!/#/ && $12 > 0 { print $1, $12 + 0 }' "$out" | sed 's/0\././' | xargs)"
    is 500 "$(column 2 "$out" | head -n 1)"
    is lists.ann "$(awk '!/#/ && $12 == 0 { print $1 }' "$out" | uniq)"
    grep -qF 'good.ann, by slack: graph' p.svg
    grep -qF '<title>slack 0.05: recall' p.svg
    for slack in .05 1; do
        ann-search -k 5 --slack $slack good.ann query.fvecs >got.tsv
        vec-recall -k 5 got.tsv truth.ivecs >recall
        is "$(awk '$1 == "recall" { printf "%.5f", $2 }' recall)" \
            "$(awk -v x=$slack '$12 == x { print $3 }' "$out")"
    done

    ok ann-bench -k 4 --ef 9 --slack .1 --tuned --svg p.svg tuned.ann query.fvecs truth.ivecs
    is "9 500" "$(column 2 "$out" | head -n 2 | xargs)"
    diff <(awk '!/#/ && $4 > 0 { print $1 + 0 }' tuned | sort) <(awk '!/#/ && $15 > 0 { print $15 + 0 }' "$out" | sort)
    grep -qF '>tuned.ann: graph' p.svg
    grep -qF '>tuned.ann, by slack: graph' p.svg
    grep -qF '>tuned.ann, tuned: graph' p.svg
    grep -q '<title>tuned for 0\.[0-9]*: ' p.svg

    misuse ann-bench --slack 0 good.ann query.fvecs truth.ivecs
    misuse ann-bench --slack 101 good.ann query.fvecs truth.ivecs
    misuse ann-bench --svg zz -o zz good.ann query.fvecs truth.ivecs
    misuse ann-bench --svg good.ann good.ann query.fvecs truth.ivecs
    misuse ann-bench good.ann - -
    fails ann-bench --slack .1 lists.ann query.fvecs truth.ivecs
    says "no index here takes '--slack'"
    for k in 5 10; do
        fails ann-bench -k $k --tuned $([[ $k == 5 ]] && echo good.ann || echo tuned.ann) query.fvecs truth.ivecs
        says "ann: ann-tune stored no setting that can be taken for $k neighbours"
    done
}

@test "keep of osq, reach of a tenant" {
    for ((i = 0; i < 600; i++)); do printf '%d\tall\n' $i; ((i % 2)) || printf '%d\teven\n' $i; done >grants
    ann-build -q -t osq -o osq.ann base.fvecs
    ann-build -q -t tenant --tenants grants -o ten.ann base.fvecs
    ok ann-bench --keep 1,100 osq.ann query.fvecs truth.ivecs
    is "1 100 keep keep" "$(echo $(column 2 "$out") $(column 7 "$out"))"
    ok ann-bench osq.ann query.fvecs truth.ivecs
    (($(column 2 "$out" | sort -n | tail -n 1) <= 100))
    ok ann-bench --reach 1,2000 --tenant all ten.ann query.fvecs truth.ivecs
    is "1 2000 reach reach" "$(echo $(column 2 "$out") $(column 7 "$out"))"
    awk '$2 == 2000 && $3 < .99 { exit 1 }' "$out"
    vec-knn -q -k 10 --allow <(seq 0 2 598) -o even.ivecs base.fvecs query.fvecs
    ok ann-bench --reach 2000 --tenant even ten.ann query.fvecs even.ivecs
    awk '$2 == 2000 && $3 < .99 { exit 1 }' "$out"
    ok ann-bench --ef 20 --keep 10 --reach 9 --tenant all good.ann osq.ann ten.ann query.fvecs truth.ivecs
    is "20 10 9" "$(column 2 "$out" | xargs)"

    misuse ann-bench --keep 101 osq.ann query.fvecs truth.ivecs
    misuse ann-bench --reach 0 ten.ann query.fvecs truth.ivecs
    fails ann-bench --keep 5 good.ann query.fvecs truth.ivecs
    says "no index here takes '--keep'"
    fails ann-bench --tenant all good.ann query.fvecs truth.ivecs
    says "no index here takes '--tenant'"
    fails ann-bench ten.ann query.fvecs truth.ivecs
    says "'--tenant' says whose rows are searched"
    fails ann-bench --tenant nobody ten.ann query.fvecs truth.ivecs
    says "has no tenant 'nobody'"
}

@test "settings of its own choice end where nothing is gained" {
    ok ann-bench good.ann query.fvecs truth.ivecs
    is 10 "$(column 2 "$out" | head -n 1)"
    is 1 "$(awk '!/#/ && $3 >= .999' "$out" | wc -l)"
    ok ann-bench -k 5 small.ann query.fvecs truth.ivecs
    (($(column 2 "$out" | tail -n 1) < 600))
    ok ann-bench -k 1 small.ann query.fvecs truth.ivecs
    is 1 "$(column 2 "$out" | head -n 1)"
}

@test "recall does not depend on threads, nor on how the index is read" {
    ok ann-bench --ef 10,20 good.ann query.fvecs truth.ivecs
    cut -f 1-3,7- "$out" >want
    for threads in 1 2 7; do
        ok ann-bench --ef 10,20 -T $threads --load good.ann query.csv truth.ivecs
        diff want <(cut -f 1-3,7- "$out")
    done
}

@test "the picture" {
    cp good.ann 'a<b>&".ann'
    ok ann-bench --ef 10,20,40 --svg p.svg -o rows 'a<b>&".ann' small.ann query.fvecs truth.ivecs
    empty "$out"
    is 7 "$(wc -l <rows)"
    is 2 "$(grep -c '<polyline' p.svg)"
    is 8 "$(grep -Ec '<(circle|rect) .*( class="f[56]"|</title>)' p.svg)"
    grep -qF '>a&lt;b&gt;&amp;&quot;.ann: graph, int8, ' p.svg
    grep -q 'prefers-color-scheme: dark' p.svg
    grep -q '<title>ef 10: recall 0\.[0-9]*, [0-9]* queries/s</title>' p.svg
    if type xmllint; then xmllint --noout p.svg; fi
}

@test "what does not go together is named, and nothing is left" {
    printf '1,2,3\n' >three.csv
    printf '0\t0\t1\n' >one.tsv
    ls -A >before
    fails ann-bench --svg p.svg -o rows good.ann three.csv one.tsv
    says "'good.ann' has vectors of 4 components, the queries of 3"
    fails ann-bench --svg p.svg -o rows -k 11 good.ann query.fvecs truth.ivecs
    says 'the truth holds 10 neighbours, fewer than 11'
    fails ann-bench --svg p.svg -o rows -k 1 good.ann query.fvecs one.tsv
    says 'the truth is of 1 queries, and there are 8'
    fails ann-bench --svg p.svg -o rows --ef 10 --nprobe 4 good.ann query.fvecs truth.ivecs
    says "no index here takes '--nprobe'"
    fails ann-bench --svg no/such/p.svg -o rows good.ann query.fvecs truth.ivecs
    says no/such
    fails ann-bench --svg p.svg -o no/such/rows good.ann query.fvecs truth.ivecs
    says no/such
    fails ann-bench --svg p.svg -o rows good.ann missing.fvecs truth.ivecs
    says missing.fvecs
    fails ann-bench --svg p.svg -o rows good.ann query.fvecs missing.ivecs
    says missing.ivecs
    fails ann-bench --svg p.svg -o rows good.ann missing.ann query.fvecs truth.ivecs
    says missing.ann
    echo old >../rows
    fails ann-bench --svg /dev/full -o ../rows --ef 10 good.ann query.fvecs truth.ivecs
    says 'No space left'
    is old "$(<../rows)"
    printf '1,2,3,4\n0,0,0,0\n' >zero.csv
    printf '0\t0\t1\n1\t0\t1\n' >two.tsv
    ann-build -q --metric cosine -o cosine.ann base.fvecs
    fails ann-bench -k 1 cosine.ann zero.csv two.tsv
    says 'zero.csv: query 1 is a zero vector'
    rm zero.csv two.tsv cosine.ann
    diff before <(ls -A)
}

@test "bad indexes are refused" {
    refuses_bad_ann ann-bench @ query.fvecs truth.ivecs
}

@test "lost output is reported" {
    reports_lost_output ann-bench --ef 10 good.ann query.fvecs truth.ivecs
}
