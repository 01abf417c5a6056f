# vec-eval: what codecs lose and find, a row each.
load helper
load codec

# field NAME [ROW]: of the last command's TSV, row 1 unless given.
field() {
    awk -F '\t' -v name="$1" -v row="${2:-1}" '
        /^# / { sub(/^# /, ""); for (i = 1; i <= NF; i++) at[$i] = i; next }
        ++n == row { print $(at[name]) }' "$out"
}

# within NUMBER LOW HIGH
within() {
    awk -v v="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(v >= a && v <= b) }' || {
        echo "$1 is not from $2 to $3"
        return 1
    }
}

@test "help, version, misuse" {
    helps vec-eval
    make_codec
    misuse vec-eval base.fvecs q.fvecs
    says CODEC
    misuse vec-eval -c sq8 base.fvecs
    misuse vec-eval -c sq8 base.fvecs q.fvecs t.ivecs more
    misuse vec-eval c.vq base.fvecs q.fvecs t.ivecs more
    misuse vec-eval sq8 - -
    misuse vec-eval -o c.vq c.vq base.fvecs q.fvecs
    for option in -k0 -k100001 -kx --metric=l1 --rerank=x --rerank=0 --rerank=1,,2 --rerank=10,x \
        --rerank=20,20 --rerank=1,2,3,4,5,6,7,8,9 --rerank="$(printf %024d 20000)" --limit=x --pairs=x --from=xls --sample=x; do
        misuse vec-eval "$option" c.vq base.fvecs q.fvecs
    done
    only base.fvecs c.vq q.fvecs
}

@test "one codec, one row; JSON holds the same" {
    make_codec
    ok vec-eval --no-speed --rerank 20,50 c.vq base.fvecs q.fvecs
    is "# codec bytes mse mse_rel ip_rms ip_rel ip_bias ip_slope low_bad recall@10 recall@10_rerank20 recall@10_rerank50" \
        "$(head -n 1 "$out" | tr '\t' ' ')"
    is 2 "$(wc -l <"$out")"
    is c.vq "$(field codec)"
    is 12 "$(field bytes)"
    awk -F '\t' '!/^#/ { print $1, $2, $3, $10, $12 }' "$out" >../tsv
    ok vec-eval --no-speed --rerank 20,50 --json c.vq base.fvecs q.fvecs
    jq -r '"\(.codec) \(.bytes) \(.mse) \(.["recall@10"]) \(.["recall@10_rerank50"])"' "$out" |
        awk '{ printf "%s %s %.9f %.4f %.4f\n", $1, $2, $3, $4, $5 }' |
        diff - <(awk '{ printf "%s %s %.9f %.4f %.4f\n", $1, $2, $3, $4, $5 }' ../tsv)
}

@test "the mean squared error is what decoding loses" {
    make_codec
    vec-encode c.vq base.fvecs | vec-decode c.vq - --to csv >x.csv
    vec-convert base.fvecs -o base.csv
    ok vec-eval --no-speed c.vq base.fvecs q.fvecs
    paste -d , <(tr , '\n' <base.csv) <(tr , '\n' <x.csv) |
        awk -F , '{ e += ($1 - $2) ^ 2; s += $1 ^ 2 } END { printf "%.9f %.9f\n", e / 1500, e / s }' >want
    read -r mse rel <want
    within "$(field mse)" "$(awk -v v="$mse" 'BEGIN { print v * .9999 }')" "$(awk -v v="$mse" 'BEGIN { print v * 1.0001 }')"
    within "$(field mse_rel)" "$(awk -v v="$rel" 'BEGIN { print v * .999 }')" "$(awk -v v="$rel" 'BEGIN { print v * 1.001 }')"
}

@test "inner products: error, bias and slope of a codec that halves them" {
    # trained on vectors of half the length, all others are cut off: products are too small
    printf '%s\n' '0,0' '1,1' >half.csv
    vec-train -c sq8 half.csv -o half.vq
    printf '%s\n' '2,2' '2,2' '2,2' >base.csv
    printf '%s\n' '1,1' '3,3' >q.csv
    ok vec-eval --no-speed -k 1 half.vq base.csv q.csv
    # products are 4 and 12, and come out as 2 and 6
    within "$(field ip_rms)" 4.47213 4.47214
    within "$(field ip_rel)" 0.4999 0.5001
    within "$(field ip_bias)" -0.44722 -0.44721
    within "$(field ip_slope)" 0.4999 0.5001
    within "$(field mse)" 1.9999 2.0001
    within "$(field mse_rel)" 0.2499 0.2501
}

@test "bounds: never too high where the kind has them, nan where it has none" {
    make_codec
    ok vec-eval --no-speed -c sq8 -c lvq4 -c osq4 base.fvecs q.fvecs
    for metric in l2 ip cosine; do
        ok vec-eval --no-speed --metric "$metric" -c lvq4 -c osq4 -c w4g4 base.fvecs q.fvecs
        is 0 "$(field low_bad 1)" "$(field low_bad 2)"
        is nan "$(field low_bad 3)"
    done
}

@test "recall: by a truth file, or computed; re-ranking all is exact" {
    make_codec
    for metric in l2 ip cosine; do
        vec-knn -q -k 20 --metric "$metric" base.fvecs q.fvecs -o t.ivecs
        ok vec-eval --no-speed --metric "$metric" -c sq4 --rerank 1500 base.fvecs q.fvecs t.ivecs
        cp "$out" given
        is 1.0000 "$(field recall@10_rerank1500)"
        within "$(field recall@10)" .2 .9999
        ok vec-eval --no-speed --metric "$metric" -c sq4 --rerank 1500 base.fvecs q.fvecs
        cmp given "$out"
    done
    # of neighbours that nobody finds
    vec-knn -q -k 10 base.fvecs q.fvecs --to tsv | awk -F '\t' -v OFS='\t' '!/^#/ { $3 = 1499 - $3 } 1' >bad.tsv
    ok vec-eval --no-speed -c sq8 base.fvecs q.fvecs bad.tsv
    within "$(field recall@10)" 0 .1
    fails vec-eval --no-speed -k 21 c.vq base.fvecs q.fvecs t.ivecs
    says t.ivecs
    vec-convert q.fvecs --cat q.fvecs -o qq.fvecs
    fails vec-eval --no-speed c.vq base.fvecs qq.fvecs t.ivecs
    says 't.ivecs: it has 20 neighbours of 40 queries'
    ok vec-eval --no-speed --limit 40 c.vq base.fvecs qq.fvecs t.ivecs
}

@test "several codecs, specs and files; a spec that cannot work says why" {
    make_codec
    ok vec-eval --no-speed -c sq8 -c c.vq -c lvq8 base.fvecs q.fvecs
    is 'sq8 c.vq lvq8' "$(column 1 "$out" | paste -sd ' ')"
    # trained on the same rows, it is the same codec
    is "$(awk -F '\t' '$1 == "sq8"' "$out" | cut -f 2-)" "$(awk -F '\t' '$1 == "c.vq"' "$out" | cut -f 2-)"
    fails vec-eval --no-speed -c sq5 base.fvecs q.fvecs
    says sq5
    fails vec-eval --no-speed -c nosuch base.fvecs q.fvecs
    says nosuch
    ok vec-eval --no-speed -c leanvec6:sphering+sq8 --train-queries q.fvecs base.fvecs q.fvecs
    fails vec-eval --no-speed -c leanvec6:sphering+sq8 base.fvecs q.fvecs
    says queries
}

@test "speeds are there, and positive" {
    make_codec
    ok vec-eval -c sq8 base.fvecs q.fvecs
    for name in encode_vps encode_MBps prepare_us scan_vps scan_GBps batch_vps batch_GBps; do
        within "$(field $name)" 0.00001 1e12
    done
}

@test "vectors that do not fit, or are bad" {
    make_codec
    rows 5 11 9 | vec-convert --from csv -o narrow.fvecs -
    fails vec-eval c.vq base.fvecs narrow.fvecs
    says narrow.fvecs
    fails vec-eval c.vq narrow.fvecs narrow.fvecs
    says c.vq
    printf '1,2\n0,0\n' >zero.csv
    fails vec-eval --metric cosine -c sq8 zero.csv zero.csv
    says 'zero.csv: row 1 is zero'
    : >none.fvecs
    fails vec-eval c.vq none.fvecs q.fvecs
    says none.fvecs
    fails vec-eval c.vq base.fvecs none.fvecs
    says none.fvecs
    fails vec-eval c.vq base.fvecs missing.fvecs
    says missing.fvecs
}

@test "what is no codec" {
    make_codec
    refuses_bad_codecs vec-eval --no-speed @ base.fvecs q.fvecs
}

@test "-T and the CPU level change nothing" {
    make_codec
    same_for_all_threads vec-eval --no-speed -c sq8 -c lvq4 base.fvecs q.fvecs
    # keys are added in another order on other levels: what is counted stays
    ok env SLUICE_CPU=portable vec-eval --no-speed -c sq4 -c lvq4 base.fvecs q.fvecs
    cut -f 1-4,9- "$out" >portable
    for level in avx2 avx512; do
        ok env SLUICE_CPU="$level" vec-eval --no-speed -c sq4 -c lvq4 base.fvecs q.fvecs
        cut -f 1-4,9- "$out" | diff portable -
    done
}

@test "-o FILE, whole or not at all; lost output" {
    make_codec
    mkdir w
    cd w
    writes_whole_or_not vec-eval --no-speed ../c.vq ../base.fvecs ../q.fvecs
    cd ..
    reports_lost_output vec-eval --no-speed c.vq base.fvecs q.fvecs
}

@test "-v ends with time and memory on stderr" {
    make_codec
    exits 0 vec-eval -v --no-speed c.vq base.fvecs q.fvecs
    one_sentence
    says 'peak memory'
}

@test "a row that cannot be coded, or trained on, is named, and its file" {
    awk 'BEGIN { srand(1); for (i = 0; i < 2000; i++) print (i == 1321 ? "1e20" : rand()) "," rand() }' >far.csv
    printf '.1,.2\n.3,.4\n' >near.csv
    ok vec-train -c lvq8 near.csv -o l.vq
    fails vec-eval --no-speed -k 2 l.vq far.csv near.csv
    says 'far.csv: row 1321: a component is 1e+20'
    fails vec-eval --no-speed -k 2 pq2x4 far.csv near.csv
    says 'training on rows of far.csv: row 1321 is too long'
}
