# ann-stat: what is in an index.
load helper
load ann

setup() {
    ann_setup
    ann-build -q -R 8 -L 20 -o good.ann base.fvecs
}

@test "help, version, misuse" {
    helps ann-stat
    misuse ann-stat good.ann good.ann
}

@test "what there is" {
    ok ann-stat good.ann
    cp "$out" ../all
    size=$(stat -c %s good.ann)
    diff <(printf '# what|value\nkind|graph\nrows|600\nlive|600\ndeleted|0\nids|no\ndim|4\ntype|f32\nmetric|l2\ncodec|int8\nvectors|yes\nbytes|%s\n' "$size" | tr '|' '\t') <(head -n 12 ../all)
    is 600 "$(awk '$1 == "reached" { print $2 }' ../all)"
    is $((600 * 64)) "$(awk '$1 == "section_CODE" { print $2 }' ../all)"
    is $((600 * 16)) "$(awk '$1 == "section_LINK" { print $2 }' ../all)"
    ok ann-stat --json good.ann
    is 600 "$(jq .rows "$out")"
    is '"LINK"' "$(jq '.sections[] | select(.id == "LINK") | .id' "$out")"
    ok ann-stat --degrees good.ann
    is 600 "$(awk '/^rows_of/ { n += $2 } END { print n }' "$out")"
    ok ann-stat --degrees --json good.ann
    is 600 "$(jq '[.degrees[].rows] | add' "$out")"
}

@test "what there is in lists" {
    ann-build -q -t ivf --lists 20 -o i.ann base.fvecs
    ok ann-stat i.ann
    cp "$out" ../all
    is 20 "$(awk '$1 == "lists" { print $2 }' ../all)"
    is 30.000 "$(awk '$1 == "rows_a_list" { print $2 }' ../all)"
    awk '$1 == "rows_least" { least = $2 } $1 == "rows_most" { most = $2 } $1 == "imbalance" { i = $2 }
        END { exit !(least <= 30 && most >= 30 && i >= 1 && i < 2) }' ../all
    is '' "$(awk '$1 == "degree" { print $2 }' ../all)"
    is $((600 * 4)) "$(awk '$1 == "section_ROWS" { print $2 }' ../all)"
    ok ann-stat --json i.ann
    is 20 "$(jq .lists "$out")"
    fails ann-stat --degrees i.ann
    says 'no links'
    exits 0 ann-stat --check i.ann
    says 'i.ann is whole'
    printf 'x' | dd of=i.ann bs=1 seek=$(($(stat -c %s i.ann) / 2)) conv=notrunc status=none
    fails ann-stat --check i.ann
    says "section '"
}

@test "a check finds damage" {
    exits 0 ann-stat --check good.ann
    says 'good.ann is whole'
    ok ann-stat -q --check good.ann
    printf 'x' | dd of=good.ann bs=1 seek=5000 conv=notrunc status=none
    fails ann-stat --check good.ann
    says "section 'CODE'"
}

@test "bad indexes are refused" {
    refuses_bad_ann ann-stat @
}

@test "output whole or not at all; lost output is reported" {
    mkdir empty && cd empty
    writes_whole_or_not ann-stat ../good.ann
    reports_lost_output ann-stat ../good.ann
}
