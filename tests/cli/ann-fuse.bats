# ann-fuse: several lists become one.
load helper

setup() {
    enter_work
    # Three results of 40 queries, of which some have none, from 20 rows.
    for seed in 1 2 3; do
        awk -v seed=$seed 'BEGIN {
            srand(seed)
            for (q = 0; q < 40; q++) {
                split("", seen)
                n = rand() < .2 ? 0 : int(rand() * 13)
                score = seed == 2 ? 9 : 0
                for (i = 0; i < n; i++) {
                    do id = int(rand() * 20); while (id in seen)
                    seen[id]
                    score += (seed == 2 ? -1 : 1) * int(rand() * 8) / 16
                    print q "\t" i "\t" id "\t" score
                }
            }
            print "40\t0\t7\t1"
        }' >r$seed.tsv
    done
}

# naive METHOD K GROUP WEIGHTS FILE...: reciprocal ranks, or scores normalised to 0..1, by the book.
# Scores are rounded to 7 digits to find ties.
naive() {
    awk -F '\t' -v method="$1" -v k="$2" -v group="$3" -v weights="$4" '
        FNR == 1 { file++ }
        /^#/ { next }
        {
            list = file SUBSEP $1
            n[list]++
            id[list, $2] = $3
            score[list, $2] = $4
            if ($1 > last) last = $1
        }
        END {
            split(weights, w, ",")
            print "# query\trank\tid\tscore"
            for (g = 0; g * group <= last; g++) {
                split("", sum)
                for (q = g * group; q < (g + 1) * group; q++)
                    for (f = 1; f <= file; f++) {
                        list = f SUBSEP q
                        first = score[list, 0]
                        size = score[list, n[list] - 1] - first
                        weight = w[file > 1 ? f : q % group + 1]
                        for (i = 0; i < n[list]; i++) {
                            if (method == "rrf") v = 1 / (60 + i + 1)
                            else v = size ? 1 - (score[list, i] - first) / size : 1
                            sum[id[list, i]] += weight * v
                        }
                    }
                for (i = 0; i < k; i++) {
                    best = ""
                    for (r = 0; r < 20; r++)
                        if (r in sum && (best == "" || sprintf("%.7f", sum[r]) > sprintf("%.7f", sum[best])))
                            best = r
                    if (best == "") break
                    print g "\t" i "\t" best "\t" sprintf("%.9f", sum[best])
                    delete sum[best]
                }
            }
        }' "${@:5}"
}

# prints_naive ...: the last output is that of naive, but for the last digits of scores.
prints_naive() {
    naive "$@" >want
    diff <(cut -f 1-3 want) <(cut -f 1-3 "$out")
    paste want "$out" | awk -F '\t' '!/^#/ && ($4 - $8 > 1e-6 || $8 - $4 > 1e-6) { print; bad = 1 } END { exit bad }'
}

@test "help, version, misuse" {
    helps ann-fuse
    misuse ann-fuse -k 0 r1.tsv
    misuse ann-fuse --rrf-k -1 r1.tsv
    misuse ann-fuse --rrf-k 5 --method max r1.tsv
    misuse ann-fuse --norm z r1.tsv
    misuse ann-fuse --metric l2 r1.tsv
    misuse ann-fuse --method score --norm none r1.tsv
    misuse ann-fuse --weights 1 r1.tsv r2.tsv
    misuse ann-fuse --weights 1,2,3 r1.tsv r2.tsv
    misuse ann-fuse --weights 1,x r1.tsv r2.tsv
    misuse ann-fuse --weights 1,-1 r1.tsv r2.tsv
    misuse ann-fuse --weights 1,1 --method turns r1.tsv r2.tsv
    misuse ann-fuse --group 2 --map m r1.tsv
    misuse ann-fuse --group 2000000 r1.tsv
    misuse ann-fuse --names --to ivecs r1.tsv
    misuse ann-fuse --names r1.ivecs
    misuse ann-fuse --distances d.fvecs r1.tsv
    misuse ann-fuse -o d.ivecs --distances d.ivecs r1.tsv
    misuse ann-fuse --to ivecs --distances - r1.tsv
    misuse ann-fuse --map - - r1.tsv
    misuse ann-fuse -o ./r1.tsv r1.tsv r3.tsv
    misuse ann-fuse --json --to truth r1.tsv
    misuse ann-fuse - r1.tsv -
}

@test "reciprocal ranks and scores, as by the book" {
    for method in rrf score; do
        for weights in 1,1,1 1,2.5,0; do
            ok ann-fuse -k 7 --method $method --weights $weights r1.tsv r2.tsv r3.tsv
            prints_naive $method 7 1 $weights r1.tsv r2.tsv r3.tsv
        done
    done
    ok ann-fuse r1.tsv r2.tsv
    prints_naive rrf 10 1 1,1 r1.tsv r2.tsv
}

@test "queries that stand together are one question" {
    for group in 1 2 5 41 100; do
        ok ann-fuse --group $group r1.tsv r2.tsv
        prints_naive rrf 10 $group 1,1 r1.tsv r2.tsv
    done
    ok ann-fuse --method score --group 3 --weights 3,1,.5 r1.tsv
    prints_naive score 10 3 3,1,.5 r1.tsv
}

@test "questions by a map, in any order" {
    ok ann-fuse --group 4 -o want r1.tsv r3.tsv
    awk 'BEGIN { for (q = 0; q <= 40; q++) print int(q / 4) }' >map
    ok ann-fuse --map map r1.tsv r3.tsv
    cmp want "$out"
    # The queries of a question far apart, with the same in each.
    awk -F '\t' -v OFS='\t' '{ $1 = $1 % 4 * 11 + int($1 / 4); print }' r1.tsv | sort -n -k 1,1 -k 2,2 >apart.tsv
    awk 'BEGIN { for (q = 0; q < 44; q++) print q % 11 }' >map
    ok ann-fuse --group 4 -o want r1.tsv
    ok ann-fuse --map map apart.tsv
    cmp want "$out"
    # Numbers that no query has are questions without an answer.
    printf '3\n1\n' >map
    printf '0\t0\t5\n1\t0\t6\n' >two.tsv
    ok ann-fuse --method turns --map map two.tsv
    tsv <<'EOF'
# query|rank|id|score
1|0|6|1
3|0|5|1
EOF
}

@test "turns: each list gets its best in" {
    printf '0\t0\t5\n0\t1\t6\n0\t2\t7\n1\t0\t6\n1\t1\t8\n' >a.tsv
    printf '0\t0\t9\n0\t1\t5\n2\t0\t1\n' >b.tsv
    ok ann-fuse --method turns a.tsv b.tsv
    tsv <<'EOF'
# query|rank|id|score
0|0|5|1
0|1|9|0.5
0|2|6|0.33333334
0|3|7|0.2
1|0|6|1
1|1|8|0.33333334
2|0|1|0.5
EOF
    ok ann-fuse --method turns b.tsv a.tsv
    tsv <<'EOF'
# query|rank|id|score
0|0|9|1
0|1|5|0.5
0|2|6|0.25
0|3|7|0.16666667
1|0|6|0.5
1|1|8|0.25
2|0|1|1
EOF
    ok ann-fuse --method turns --group 2 -k 3 a.tsv
    tsv <<'EOF'
# query|rank|id|score
0|0|5|1
0|1|6|0.5
0|2|8|0.25
EOF
}

@test "norms and the largest" {
    printf '0\t0\t5\t1\n0\t1\t6\t2\n0\t2\t7\t6\n' >l2.tsv
    printf '0\t0\t7\t.9\n0\t1\t8\t.4\n' >ip.tsv
    ok ann-fuse --method max l2.tsv ip.tsv
    is '5:1 7:1 6:0.8 8:0' "$(echo $(awk '!/#/ { print $3 ":" $4 }' "$out"))"
    ok ann-fuse --method score --norm z --weights 1,.5 l2.tsv ip.tsv
    # z of 1 2 6: mean 3, deviation sqrt(14/3); of the other 1 and -1; what is not there -2.
    is '5:-0.07418 6:-0.53709 7:-0.88873 8:-2.50000' "$(echo $(awk '!/#/ { printf "%s:%.5f\n", $3, $4 }' "$out"))"
    ok ann-fuse --method max --norm none --metric l2 l2.tsv <(printf '0\t0\t1\t1.5\n0\t1\t2\t7\n')
    is '5:1 1:1.5 6:2 7:6 2:7' "$(echo $(awk '!/#/ { print $3 ":" $4 }' "$out"))"
    ok ann-fuse --method score --norm none --metric ip --depth 1 ip.tsv ip.tsv
    is '7:1.8' "$(echo $(awk '!/#/ { print $3 ":" $4 }' "$out"))"
}

@test "distances beside ivecs: what is absent is the farthest" {
    printf '0\t0\t5\t1\n' >one.tsv
    ok ann-fuse -k 2 --distances d.fvecs -o out.ivecs one.tsv
    vec-convert -q d.fvecs -o d.csv
    is '0.016393442,-3.4028235e38' "$(<d.csv)"
    ok ann-fuse -k 2 --method max --norm none --metric l2 --distances d.fvecs -o out.ivecs one.tsv
    vec-convert -q d.fvecs -o d.csv
    is '1,3.4028235e38' "$(<d.csv)"
}

@test "results of shards become that of the whole" {
    awk 'BEGIN { srand(7); for (i = 0; i < 300; i++) print rand() "," rand() "," rand() }' >base.csv
    head -n 150 base.csv >one.csv
    tail -n 150 base.csv >two.csv
    for metric in l2 ip cosine; do
        ok vec-knn --metric $metric -o whole.tsv base.csv one.csv
        ok vec-knn --metric $metric -o one.truth one.csv one.csv
        vec-knn --metric $metric two.csv one.csv |
            awk -F '\t' -v OFS='\t' '!/#/ { $3 += 150; print }' >two.tsv
        ok ann-fuse --method max --norm none --metric $metric one.truth two.tsv
        diff whole.tsv "$out"
    done
}

@test "every format of input and output holds the same" {
    ok ann-fuse -k 5 -o want.tsv r1.tsv r3.tsv
    for from in jsonl ivecs ibin truth; do
        ok ann-fuse --method turns -k 12 -o r1.$from r1.tsv
        ok ann-fuse --method turns -k 12 -o r3.$from r3.tsv
        for to in tsv jsonl ivecs ibin truth; do
            ok ann-fuse -k 5 -o out.$to r1.$from r3.tsv
            ok ann-fuse -k 5 --to $to r1.tsv r3.$from
            cmp out.$to "$out"
            ok ann-fuse -k 5 --method turns out.$to
            diff <(cut -f 1-3 want.tsv) <(cut -f 1-3 "$out")
        done
    done
    ok ann-fuse -k 5 --from ivecs --json - <r1.ivecs
    ok ann-fuse -k 5 --distances d.fvecs -o out.ivecs r1.ivecs r3.tsv
    is $((41 * 6 * 4)) "$(stat -c %s d.fvecs)"
    vec-convert -q d.fvecs -o d.csv
    is "$(awk '!/#/ { print $4; exit }' want.tsv)" "$(head -n 1 d.csv | cut -d , -f 1)"
}

@test "scores beside ivecs and ibin" {
    for r in 1 3; do
        ok ann-fuse --method max --norm none --metric l2 -k 13 --distances r$r.fvecs -o r$r.ivecs r$r.tsv
        ok ann-fuse --method max --norm none --metric l2 -k 13 --distances r$r.fvecs -o r$r.ibin r$r.tsv
    done
    for how in '--method score' '--method max --norm z' '--method score --norm none --metric l2'; do
        # shellcheck disable=SC2086
        for files in 'r1.ivecs r3.ivecs --scores r1.fvecs,r3.fvecs' 'r1.ibin r3.tsv --scores r1.fvecs,' \
            'r1.tsv r3.ivecs --scores ,r3.fvecs'; do
            ok ann-fuse $how -o want.tsv r1.tsv r3.tsv
            ok ann-fuse $how $files
            cmp want.tsv "$out"
        done
    done
    ok ann-fuse --method score -o want.tsv r1.tsv
    ok ann-fuse --method score --from ivecs --scores r1.fvecs - <r1.ivecs
    cmp want.tsv "$out"

    misuse ann-fuse --scores r1.fvecs r1.ivecs r3.ivecs
    misuse ann-fuse --scores r1.fvecs,r3.fvecs,r3.fvecs r1.ivecs r3.ivecs
    misuse ann-fuse --scores r1.fvecs r1.tsv
    says "'r1.tsv' is no such file"
    head -c $((40 * 14 * 4)) r1.fvecs >few.fvecs
    fails ann-fuse --scores few.fvecs r1.ivecs
    says "few.fvecs: scores of fewer queries than 'r1.ivecs' has"
    head -c $((40 * 14 * 4)) r1.ivecs >few.ivecs
    fails ann-fuse --scores r1.fvecs few.ivecs
    says "r1.fvecs: scores of more queries than 'few.ivecs' has"
    vec-convert -q r1.fvecs -o - --to csv | cut -d , -f 1-2 >narrow.csv
    fails ann-fuse --scores narrow.csv r1.ivecs
    says "narrow.csv: 2 scores a query, and 'r1.ivecs' has"
    fails ann-fuse --scores missing.fvecs r1.ivecs
    says missing.fvecs
}

@test "names" {
    for r in 1 3; do
        awk -F '\t' -v OFS='\t' '{ $3 = sprintf("row\\t%02d", $3); print }' r$r.tsv >n$r.tsv
    done
    ok ann-fuse r1.tsv r3.tsv
    awk -F '\t' -v OFS='\t' '!/#/ { $3 = sprintf("row\\t%02d", $3) } { print }' "$out" >want
    ok ann-fuse --names n1.tsv n3.tsv
    cmp want "$out"
    ok ann-fuse --names --json -o n.jsonl n1.tsv
    is 'row	05' "$(jq -r 'select(.id == "row\t05") | .id' n.jsonl | head -n 1)"
    ok ann-fuse --names --method turns n1.tsv
    cut -f 1-3 "$out" >want
    ok ann-fuse --names --method turns n.jsonl
    # The second time by rank what the first was by reciprocal rank.
    diff want <(cut -f 1-3 "$out")
    fails ann-fuse n1.tsv
    says 'n1.tsv:1: no id'
}

@test "what cannot be fused is named" {
    ok ann-fuse -k 3 --to ivecs -o a.ivecs r1.tsv
    head -n 3 r1.tsv >short.tsv
    ok ann-fuse -k 3 -o b.ivecs short.tsv
    fails ann-fuse -o x.tsv a.ivecs b.ivecs
    says "'a.ivecs' has 41 queries, 'b.ivecs'"
    fails ann-fuse --group 2 a.ivecs
    says '41 queries are no whole groups of 2'
    fails ann-fuse --method score a.ivecs
    says 'a.ivecs: query 0: there are no scores'
    printf '0\t0\t1\t1\n0\t1\t2\t3\n0\t2\t3\t2\n' >order.tsv
    fails ann-fuse --method score r1.tsv order.tsv
    says 'order.tsv: query 0: scores neither fall nor rise'
    ok ann-fuse --method score --metric l2 order.tsv
    printf '0\t0\t1\t1\n0\t1\t2\tinf\n' >inf.tsv
    fails ann-fuse --method max inf.tsv
    says 'inf.tsv: query 0: the score at rank 1 is not finite'
    printf '0\n1\n' >map
    fails ann-fuse --map map r1.tsv
    says 'map: there is no line for query 2'
    fails ann-fuse --map map a.ivecs
    says "'a.ivecs' has 41 queries, the map 'map' 2"
    for bad in x -1 1.5 '' 99999999999999999999 9999999999999 100000000; do
        printf '0\n%s\n' "$bad" >map
        fails ann-fuse --map map r1.tsv
        says map:2
    done
    fails ann-fuse r1.tsv missing.tsv
    says missing.tsv
    printf '0\t0\t1\n1\t1\t2\n' >bad.tsv
    fails ann-fuse -o x.tsv r1.tsv bad.tsv
    says 'bad.tsv:2: rank 1 of query 1'
    printf '0\t0\t3000000000\n' >large.tsv
    fails ann-fuse -o x.ivecs large.tsv
    says 'row number 3000000000 does not fit'
    [[ ! -e x.tsv && ! -e x.ivecs ]]
}

@test "nothing to fuse" {
    : >none.tsv
    : >none.ivecs
    ok ann-fuse none.tsv none.tsv
    is '# query	rank	id	score' "$(<"$out")"
    ok ann-fuse none.ivecs
    is '# query	rank	id	score' "$(<"$out")"
    ok ann-fuse -k 2 --to truth none.tsv
    is 8 "$(stat -c %s "$out")"
    ok ann-fuse --map none.tsv none.tsv
}

@test "memory does not grow with the queries" {
    awk 'BEGIN { for (q = 0; q < 100000; q++) for (i = 0; i < 10; i++) print q "\t" i "\t" (q * 7 + i * i) "\t" i }' >many.tsv
    exits 0 ann-fuse -v -o fused.tsv many.tsv many.tsv
    hear
    [[ $message =~ peak\ memory\ ([0-9]+) ]]
    [[ $bin == *asan* ]] || ((BASH_REMATCH[1] < 16))
}

@test "output whole or not at all; lost output is reported" {
    mkdir empty && cd empty
    writes_whole_or_not ann-fuse --to truth ../r1.tsv ../r2.tsv
    writes_whole_or_not ann-fuse ../r1.tsv ../r2.tsv
    reports_lost_output ann-fuse ../r1.tsv ../r2.tsv
}
