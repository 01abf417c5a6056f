# vec-knn: exact neighbours of vector files.
load helper

# 40 rows of 3 whole numbers, some of them twice; 5 queries.
setup() {
    enter_work
    awk 'BEGIN { for (i = 0; i < 40; i++) print i % 7 "," int(i / 5) "," (i * i) % 11 + 1 }' >base.csv
    awk 'BEGIN { for (i = 0; i < 5; i++) print i "," 2 * i "," 4 }' >query.csv
    vec-convert -q base.csv -o base.fvecs
    vec-convert -q query.csv -o query.fvecs
}

# brute METRIC K [FIRST_ROW_ALLOWED]: rows of TSV, by looking at every pair.
brute() {
    awk -F , -v OFS='\t' -v metric="$1" -v k="$2" -v from="${3:-0}" '
    NR == FNR { for (j = 1; j <= 3; j++) b[n + 0, j] = $j; n++; next }
    {
        for (i = from; i < n; i++) {
            d = dot = x = y = 0
            for (j = 1; j <= 3; j++) {
                d += (b[i, j] - $j) ^ 2; dot += b[i, j] * $j
                x += b[i, j] ^ 2; y += $j ^ 2
            }
            key[i] = metric == "l2" ? d : metric == "ip" ? -dot : 1 - dot / sqrt(x) / sqrt(y)
            used[i] = 0
        }
        for (r = 0; r < k; r++) {
            best = -1
            for (i = from; i < n; i++)
                if (!used[i] && (best < 0 || key[i] < key[best] - 1e-12)) best = i
            if (best < 0) break
            used[best] = 1
            print FNR - 1, r, best, metric == "ip" ? -key[best] : key[best]
        }
    }' base.csv query.csv
}

@test "help, version, misuse" {
    helps vec-knn
    misuse vec-knn base.fvecs
    misuse vec-knn -k 0 base.fvecs query.fvecs
    misuse vec-knn -k x base.fvecs query.fvecs
    misuse vec-knn --metric l3 base.fvecs query.fvecs
    misuse vec-knn - -
    misuse vec-knn --distances d.fvecs base.fvecs query.fvecs
    misuse vec-knn --json --to ivecs base.fvecs query.fvecs
    misuse vec-knn --sketch s --allow a base.fvecs query.fvecs
    misuse vec-knn -o d.ivecs --distances d.ivecs base.fvecs query.fvecs
    misuse vec-knn -o d.ivecs --distances ./d.ivecs base.fvecs query.fvecs
    misuse vec-knn --to ivecs --distances - base.fvecs query.fvecs
    misuse vec-knn -o s --sketch s base.fvecs query.fvecs
    misuse vec-knn -o ../work/base.fvecs base.fvecs query.fvecs
    misuse vec-knn - -
    misuse vec-knn --allow - - query.fvecs
    misuse vec-knn --allow - base.fvecs -
    says 'standard input is one file'
    [ ! -e d.ivecs ]
}

@test "neighbours by brute force, ties by number" {
    for metric in l2 ip; do
        ok vec-knn -k 7 --metric $metric base.fvecs query.fvecs
        { printf '# query\trank\tid\tscore\n' && brute $metric 7; } | prints
    done
    ok vec-knn -k 7 --metric cosine base.fvecs query.fvecs
    diff <(brute cosine 7 | cut -f 1-3) <(tail -n +2 "$out" | cut -f 1-3)
    ok vec-knn -k 50 base.fvecs query.fvecs
    is 200 "$(grep -vc '#' "$out")"
}

@test "every format of input gives the same" {
    ok vec-knn base.fvecs query.fvecs
    cp "$out" ../want
    for f in base.fbin base.hbin base.u8bin base.i8bin base.bvecs base.npy base.jsonl; do
        vec-convert -q base.csv -o $f
        ok vec-knn $f query.fvecs
        cmp ../want "$out"
        ok vec-knn $f query.csv
        cmp ../want "$out"
    done
    ok vec-knn - query.fvecs --from fvecs <base.fvecs
    cmp ../want "$out"
    ok vec-knn base.fvecs - --from csv <query.csv
    cmp ../want "$out"
    zstd -q base.fvecs
    ok vec-knn base.fvecs.zst query.fvecs
    cmp ../want "$out"
}

@test "every format of output holds the same" {
    ok vec-knn -k 45 -o r.tsv base.fvecs query.fvecs
    for to in jsonl ivecs ibin truth; do
        ok vec-knn -k 45 -o r.$to base.fvecs query.fvecs
        ok vec-knn -k 45 --to $to base.fvecs query.fvecs
        cmp r.$to "$out"
        ok vec-recall -k 40 r.$to r.tsv
        is 1.000000 "$(awk '$1 == "recall" { print $2 }' "$out")"
    done
    ok vec-knn --json -k 1 base.fvecs query.fvecs
    is '{"query":0,"rank":0,"id":1,"score":' "$(head -c 35 "$out")"
    ok vec-knn -k 45 --distances d.fvecs -o r.ivecs base.fvecs query.fvecs
    is $((5 * 46 * 4)) "$(stat -c %s d.fvecs)"
}

@test "only rows that are allowed" {
    seq 39 -1 20 >allow
    ok vec-knn -k 30 --allow allow base.fvecs query.fvecs
    { printf '# query\trank\tid\tscore\n' && brute l2 30 20; } | prints
    cp "$out" ../want
    printf '\0\0\xf0\xff\xff' >allow.bitmap
    ok vec-knn -k 30 --allow allow.bitmap base.fvecs query.fvecs
    cmp ../want "$out"
    ok vec-knn -k 30 --allow allow --from csv - query.fvecs <base.csv
    cmp ../want "$out"
    { printf '\24\0\0\0\1\0\0\0' && for i in {20..39}; do printf "\\x$(printf %x "$i")\0\0\0"; done; } >allow.ibin
    ok vec-knn -k 30 --allow allow.ibin base.fvecs query.fvecs
    cmp ../want "$out"
    echo 40 >>allow
    fails vec-knn --allow allow base.fvecs query.fvecs
    says 'row 40'
    # A number of a few bytes is no reason to take gigabytes for its bits.
    echo 500000000000 >allow
    fails vec-knn --allow allow base.fvecs query.fvecs
    says 'allow:1: row 500000000000'
    fails vec-knn --allow allow --from csv - query.fvecs <base.csv
    says 'allow:1: row 500000000000'
    echo x >allow
    fails vec-knn --allow allow base.fvecs query.fvecs
    says 'allow:1'
}

# remade BASE SKETCH: the sketch is used with the base, and is that of the base then.
remade() {
    cp "$1" ../copy.fvecs
    touch -r "$1" ../copy.fvecs
    rm -f ../fresh.vsk
    ok vec-knn -k 3 --sketch ../fresh.vsk ../copy.fvecs query.fvecs
    cp "$out" ../want
    ok vec-knn -k 3 --sketch "$2" "$1" query.fvecs
    cmp ../want "$out"
    cmp ../fresh.vsk "$2"
}

@test "a sketch of what the base was is not believed, whatever its time of change" {
    for _ in 1 2 3 4 5; do cat base.csv; done >b.csv # 200 rows
    awk 'NR == 3 { $0 = "9,9,9" } 1' b.csv >third.csv
    tac b.csv >back.csv
    for file in b third back; do vec-convert -q $file.csv -o $file.fvecs; done
    touch -r b.fvecs third.fvecs back.fvecs
    cp -p b.fvecs a.fvecs
    remade a.fvecs s.vsk
    mv third.fvecs a.fvecs # a row that is not looked at, but the entry is newer than the sketch
    remade a.fvecs s.vsk
    mv back.fvecs a.fvecs
    cp -p s.vsk t.vsk # the sketch's entry is the newer one: rows tell
    remade a.fvecs t.vsk
    touch -d '2001-01-01' t.vsk # and what fits is kept
    remade a.fvecs t.vsk
    [ t.vsk -ot s.vsk ]
}

@test "a sketch gives the same, and follows its base" {
    for metric in l2 ip cosine; do
        ok vec-knn --metric $metric base.fvecs query.fvecs
        cp "$out" ../want
        for _ in 1 2; do
            ok vec-knn --metric $metric --sketch s.vsk base.fvecs query.fvecs
            cmp ../want "$out"
        done
    done
    awk 'NR > 3' base.csv >less.csv
    vec-convert -q less.csv -o base.fvecs
    ok vec-knn base.fvecs query.fvecs
    cp "$out" ../want
    ok vec-knn --sketch s.vsk base.fvecs query.fvecs
    cmp ../want "$out"
    fails vec-knn --sketch query.fvecs base.fvecs query.fvecs
    fails vec-knn --sketch s2 base.csv query.fvecs
    says 'plain binary'
}

@test "little memory: several passes, the same answer" {
    awk 'BEGIN { srand(3); for (i = 0; i < 3000; i++) print rand() "," rand() "," rand() }' >many.csv
    vec-convert -q many.csv -o many.fvecs
    ok vec-knn -k 100 many.fvecs many.fvecs
    cp "$out" ../want
    ok vec-knn -k 100 -m 1M many.fvecs many.fvecs
    cmp ../want "$out"
    fails vec-knn -k 100 -m 1M --from csv - many.fvecs <many.csv
    says 'cannot be read twice'
}

@test "bad rows are named, nothing is left" {
    printf '1,2,3\n1,nan,3\n' >bad.csv
    fails vec-knn -o r.ivecs bad.csv query.fvecs
    says 'bad.csv:2'
    printf '1,2,3\n0,0,0\n' >zero.csv
    vec-convert -q zero.csv -o zero.fvecs
    fails vec-knn --metric cosine -o r.ivecs zero.fvecs query.fvecs
    says 'zero.fvecs: row 1 is a zero vector'
    fails vec-knn --metric cosine -o r.ivecs base.fvecs zero.fvecs
    says 'query 1 is a zero vector'
    fails vec-knn --metric cosine --sketch s -o r.ivecs zero.fvecs query.fvecs
    says 'row 1 is a zero vector'
    printf '\3\0\0\0\0\0\x80\x3f\0\0\xc0\x7f\0\0\x80\x3f' >nan.fvecs
    fails vec-knn -o r.ivecs nan.fvecs query.fvecs
    says 'row 0'
    printf '1,2\n' >two.csv
    fails vec-knn -o r.ivecs base.fvecs two.csv
    says 'components'
    [[ ! -e r.ivecs ]]
    : >none.fvecs
    ok vec-knn base.fvecs none.fvecs
    ok vec-knn none.fvecs query.fvecs
    is '' "$(grep -v '#' "$out")"
}

@test "the same for all threads and CPU levels" {
    same_for_all_threads vec-knn -k 20 base.fvecs query.fvecs
    same_for_all_levels vec-knn -k 20 --metric cosine base.fvecs query.fvecs
}

@test "output whole or not at all" {
    mkdir empty && cd empty
    writes_whole_or_not vec-knn --to truth ../base.fvecs ../query.fvecs
}

@test "lost output is reported" {
    reports_lost_output vec-knn --to ibin base.fvecs query.fvecs
    reports_lost_output vec-knn --to truth base.fvecs query.fvecs
    reports_lost_output vec-knn base.fvecs query.fvecs
}
