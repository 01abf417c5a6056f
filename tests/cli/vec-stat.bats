# vec-stat: what is in a file of vectors, against the obvious sums.
load helper

# fact NAME: its value in the last output.
fact() {
    awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$out"
}

# near WANT GOT TOLERANCE
near() {
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { exit !(b != "" && a - b <= t && b - a <= t) }' && return
    echo "'$2' instead of '$1'"
    return 1
}

# cloud ROWS INNER DIM SEED: rows on a random linear subspace of INNER dimensions in DIM, times 100.
cloud() {
    awk -v rows="$1" -v inner="$2" -v dim="$3" -v seed="$4" 'BEGIN {
        srand(seed)
        for (i = 0; i < inner * dim; i++) a[i] = rand() - .5
        for (r = 0; r < rows; r++) {
            for (j = 0; j < inner; j++) z[j] = rand()
            for (k = 0; k < dim; k++) {
                v = 0
                for (j = 0; j < inner; j++) v += 100 * z[j] * a[j * dim + k]
                printf "%.9g%s", v, k + 1 < dim ? "," : "\n"
            }
        }
    }'
}

@test "help, version, misuse" {
    helps vec-stat
    misuse vec-stat a b
    misuse vec-stat --from doc x
    misuse vec-stat -m x x.csv
    misuse vec-stat --sample=-1 x.csv
}

@test "all facts of a small file" {
    printf '3,4,0\n0,0,0\n-3,4,0\n3,4,0\n' >x.csv
    ok vec-stat x.csv
    tsv <<'EOF'
# what|value
file|x.csv
format|csv
type|f32
rows|4
dimension|3
bad_rows|0
norm_min|0.000000
norm_mean|3.750000
norm_max|5.000000
norm_sd|2.165064
zero_rows|1
component_min|-3.000000
component_max|4.000000
narrowest_range|0.000000
widest_range|6.000000
constant_dimensions|1
repeated_rows|1
largest_group|2
sample|4
dimensions_90|2
dimensions_95|2
dimensions_99|2
intrinsic_dimension|nan
EOF
    ok vec-stat --json --dims x.csv
    is '["x.csv",4,3,5,1,null]' "$(jq -c '[.file, .rows, .dimension, .norm_max, .repeated_rows,
        .intrinsic_dimension]' "$out")"
    is '[{"dimension":0,"min":-3,"mean":0.75,"max":3},{"dimension":1,"min":0,"mean":3,"max":4},{"dimension":2,"min":0,"mean":0,"max":0}]' \
        "$(jq -c '.ranges | map(map_values(. * 1))' "$out")"
    ok vec-stat --dims x.csv
    is '# dimension min mean max 0 -3.000000 0.750000 3.000000' \
        "$(tail -n 4 "$out" | head -n 2 | tr '\t\n' '  ' | sed 's/ $//')"
}

@test "every format gives the same facts" {
    local f
    cloud 300 3 6 1 >x.csv
    ok vec-stat x.csv
    sed 1,4d "$out" >facts
    for f in fvecs fbin npy tsv jsonl; do
        vec-convert x.csv -o "x.$f"
        ok vec-stat "x.$f"
        sed 1,4d "$out" | cmp facts -
        ok vec-stat --from "$f" < <(cat "x.$f")
        is stdin "$(fact file)"
        sed 1,4d "$out" | cmp facts -
    done
    ok vec-stat - <x.npy
    is npy "$(fact format)"
    awk 'BEGIN { for (i = 0; i < 999; i++) print i % 7 "," i % 250 }' >x.csv
    vec-convert x.csv -o x.u8bin
    ok vec-stat x.u8bin
    is u8 "$(fact type)"
    is 249.000000 "$(fact component_max)"
    vec-convert x.csv -o x.ivecs
    ok vec-stat x.ivecs
    is i32 "$(fact type)"
    is 249.000000 "$(fact component_max)"
}

@test "dimensions that hold the variance, and the intrinsic dimension" {
    local inner
    for inner in 1 2 5; do
        cloud 2000 $inner 20 $((inner + 3)) >x.csv
        ok vec-stat --sample 2000 x.csv
        near $inner "$(fact intrinsic_dimension)" "$(awk "BEGIN { print $inner * .15 }")"
        [[ $(fact dimensions_99) -le $inner ]]
    done
    # independent dimensions of variances 100, 9 and 1: shares .909, .082, .009
    awk 'BEGIN { srand(5); for (i = 0; i < 4000; i++)
        printf "%.9g,%.9g,%.9g\n", 3 * (rand() - .5), 10 * (rand() - .5), rand() - .5 }' >x.csv
    ok vec-stat --hist x.csv
    is '1 2 2' "$(fact dimensions_90) $(fact dimensions_95) $(fact dimensions_99)"
    near .909 "$(awk -F '\t' '/^# direction/ { on = 1; next } on { print $2; exit }' "$out")" .01
    # fewer rows than dimensions: from the rows' products
    cloud 30 4 200 9 >x.csv
    ok vec-stat x.csv
    [[ $(fact dimensions_99) -le 4 ]]
}

@test "repeated rows are counted, or estimated in little memory" {
    seq 30000 | awk '{ print $1 % 20000 "," 1 }' >x.csv
    ok vec-stat --sample 10 x.csv
    is "10000 2" "$(fact repeated_rows) $(fact largest_group)"
    ok vec-stat --sample 10 -m 40K x.csv
    is '' "$(fact repeated_rows)"
    near 10000 "$(fact repeated_rows_estimate)" 1200
    yes 1,2 | head -n 5000 >x.csv
    ok vec-stat --sample 10 x.csv
    is "4999 5000" "$(fact repeated_rows) $(fact largest_group)"
}

@test "bars" {
    seq 100 | awk '{ print $1 ",0" }' >x.csv
    ok vec-stat --hist x.csv
    is 20 "$(awk -F '\t' '/^# norm/ { on = 1; next } /^#/ { on = 0 } on && $2 == "0.0500" && length($3) == 50' "$out" | wc -l)"
    ok vec-stat --hist --json x.csv
    is '20 2' "$(jq -r '"\(.norms | length) \(.spectrum | length)"' "$out")"
    printf '1,0\n0,1\n' >x.csv
    ok vec-stat --hist x.csv
    grep -qP '^1.000000\t1.0000\t#{50}$' "$out"
}

@test "files without rows, or with one" {
    : >x.fvecs
    ok vec-stat --hist --dims x.fvecs
    is "0 0" "$(fact rows) $(fact dimension)"
    ok vec-stat --json --hist "$data/npy/empty.npy"
    is '[0,4]' "$(jq -c '[.rows, .dimension]' "$out")"
    ok vec-stat --hist "$data/npy/one.npy"
    is "1 0 nan" "$(fact rows) $(fact dimensions_99) $(fact intrinsic_dimension)"
    ok vec-stat --sample 0 --hist "$data/npy/f4.npy"
    is "3 0" "$(fact rows) $(fact sample)"
}

@test "bad rows" {
    printf '1,2\n3,nan\n5\n7,8\n' >x.csv
    fails vec-stat x.csv
    says 'x.csv:2: component 1'
    empty "$out"
    ok vec-stat --skip-bad x.csv
    is "2 2" "$(fact rows) $(fact bad_rows)"
    vec-convert --rows :1 x.csv -o x.fvecs
    head -c 11 x.fvecs >cut.fvecs
    fails vec-stat cut.fvecs
    says 'row 0 is cut short'
    fails vec-stat missing.npy
    says missing.npy
    fails vec-stat "$data/npy/fortran.npy"
    says Fortran
}

@test "the same for every level and number of threads, whole or not" {
    cloud 1000 4 16 3 >../x.csv
    vec-convert ../x.csv -o ../x.fvecs
    same_for_all_threads vec-stat --hist ../x.fvecs
    same_for_all_levels vec-stat ../x.fvecs
    rm -f ./*
    writes_whole_or_not vec-stat ../x.fvecs
    reports_lost_output vec-stat ../x.fvecs
}

@test "lengths near the ends of what a float holds; the dimension knows no unit" {
    cloud 200 3 5 4 >x.csv
    ok vec-stat x.csv
    want=$(fact intrinsic_dimension)
    for by in 1e19 1e20 1e36 1e-22 1e-36; do
        awk -F , -v by=$by '{ for (i = 1; i <= NF; i++) printf "%.9g%s", $i * by, i < NF ? "," : "\n" }' x.csv >y.csv
        ok vec-stat y.csv
        near "$want" "$(fact intrinsic_dimension)" .001
    done
    printf '3e38,3e38\n-3e38,3e38\n3e38,-3e38\n' >x.csv
    ok vec-stat --hist x.csv
    is 2 "$(fact dimensions_99)"
    printf '1e-8,2e-8\n3e-8,1e-8\n' >x.csv
    ok vec-stat x.csv
    is '0.0000000223607 0.0000000300000' "$(fact norm_min) $(fact component_max)"
}

@test "what is counted of some rows only does not say that it is of all" {
    awk 'BEGIN { srand(7); for (i = 0; i < 20000; i++) { for (k = 0; k < 6; k++) printf "%d,", 3 * rand(); print 1 } }' >x.csv
    ok vec-stat -m 8K x.csv
    is '' "$(fact largest_group)"
    [[ $(fact largest_group_counted) -gt 10 && $(fact repeated_rows_estimate) -lt 20000 ]]
}
