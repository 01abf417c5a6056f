# vec-convert: every format to every other, whichever way rows come and go.
load helper

npy=$data/npy

# numbers ROWS DIM SEED: rows of quarters between -16 and 16, as vec-convert writes them.
numbers() {
    awk -v rows="$1" -v dim="$2" -v seed="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < rows; i++)
            for (k = 0; k < dim; k++)
                printf "%.12g%s", int(rand() * 129 - 64) / 4, k + 1 < dim ? "," : "\n"
    }'
}

# bytes NUMBER...: unsigned bytes.
bytes() {
    local b
    for b; do
        # shellcheck disable=SC2059 # the format is the byte
        printf "\\x$(printf %x "$b")"
    done
}

# int32 NUMBER...: little-endian.
int32() {
    local v
    for v; do bytes $((v & 255)) $((v >> 8 & 255)) $((v >> 16 & 255)) $((v >> 24 & 255)); done
}

@test "help, version, misuse" {
    helps vec-convert
    numbers 3 2 1 >x.csv
    misuse vec-convert x.csv
    says "needs '--to FORMAT'"
    misuse vec-convert x.csv -o y
    says "'y' tells no format"
    misuse vec-convert x.csv -o y.fvecs --to doc
    misuse vec-convert x.csv -o y.fvecs --from doc
    misuse vec-convert x.csv -o y.fvecs --type i32
    misuse vec-convert x.csv -o y.fvecs --type u8
    says 'fvecs does not hold u8'
    misuse vec-convert x.csv x.csv -o y.fvecs
    says "'--cat'"
    for range in 1 1:2:3 a:b -1:2 2:1 1:x ''; do
        misuse vec-convert x.csv -o y.fvecs --rows "$range"
    done
    misuse vec-convert x.csv -o y.fvecs --sample -1
    misuse vec-convert --cat - - -o y.fvecs
    misuse vec-convert x.csv -o y.fvecs --seed x
    only x.csv
}

@test "formats are what they should be, to the byte" {
    printf '1,2\n3,200\n' >x.csv
    ok vec-convert x.csv -o x.fvecs
    { int32 2 && bytes 0 0 128 63 0 0 0 64 && int32 2 && bytes 0 0 64 64 0 0 72 67; } | cmp - x.fvecs
    ok vec-convert x.csv -o x.fbin
    { int32 2 2 && bytes 0 0 128 63 0 0 0 64 0 0 64 64 0 0 72 67; } | cmp - x.fbin
    ok vec-convert x.csv -o x.hbin
    { int32 2 2 && bytes 0 60 0 64 0 66 64 90; } | cmp - x.hbin
    ok vec-convert x.csv -o x.bvecs
    { int32 2 && bytes 1 2 && int32 2 && bytes 3 200; } | cmp - x.bvecs
    ok vec-convert x.csv -o x.u8bin
    { int32 2 2 && bytes 1 2 3 200; } | cmp - x.u8bin
    ok vec-convert x.csv -o x.ibin
    int32 2 2 1 2 3 200 | cmp - x.ibin
    ok vec-convert x.csv -o x.ivecs
    int32 2 1 2 2 3 200 | cmp - x.ivecs
    printf -- '-1,127\n' >y.csv
    ok vec-convert y.csv -o y.i8bin
    { int32 1 2 && bytes 255 127; } | cmp - y.i8bin
    ok vec-convert x.csv --to tsv
    printf '1\t2\n3\t200\n' | prints
    ok vec-convert x.csv --to jsonl --field 'a "b"'
    printf '{"a \\"b\\"":[1,2]}\n{"a \\"b\\"":[3,200]}\n' | prints
    mv "$out" y.jsonl
    ok vec-convert --field 'a "b"' --to csv y.jsonl
    prints <x.csv
}

@test "files that numpy wrote" {
    local f
    for f in f2 f4 f8 v2 v3; do
        ok vec-convert "$npy/$f.npy" --to csv
        printf '%s\n' -1.25,-1,-0.75,-0.5 -0.25,0,0.25,0.5 0.75,1,1.25,1.5 | prints
    done
    for f in i1 i4; do
        ok vec-convert "$npy/$f.npy" --to csv
        printf '%s\n' -5,-4,-3,-2 -1,0,1,2 3,4,5,6 | prints
    done
    ok vec-convert "$npy/u1.npy" --to csv
    printf '%s\n' 0,1,2,3 4,5,6,7 8,9,10,11 | prints
    ok vec-convert "$npy/one.npy" --to csv
    echo -1.25,-1,-0.75,-0.5 | prints
    ok vec-convert "$npy/empty.npy" --to csv
    empty "$out"
    for f in f2 f4 i1 u1 i4 empty; do # and writes again, to the byte
        ok vec-convert "$npy/$f.npy" -o x.npy
        cmp "$npy/$f.npy" x.npy
    done
    for f in fortran big i8 struct none three; do
        fails vec-convert "$npy/$f.npy" -o no.npy
        says "$f.npy: "
    done
    fails vec-convert "$npy/fortran.npy" -o no.npy
    says 'Fortran order'
    only x.npy
}

@test "there and back through every format" {
    local f last=start.csv all=(fvecs fbin npy csv tsv jsonl hbin)
    numbers 700 33 2 >start.csv
    for f in "${all[@]}" "${all[@]}"; do
        ok vec-convert "$last" -o "x.$f"
        cp "x.$f" "last.$f"
        last=last.$f
    done
    ok vec-convert last.hbin --to csv
    prints <start.csv
    ok vec-convert start.csv -o x.npy --type f16
    ok vec-convert last.hbin -o y.npy
    cmp x.npy y.npy
}

@test "standard input to standard output, through pipes, compressed" {
    local f
    numbers 3000 10 3 >start.csv
    for f in fvecs fbin npy hbin csv tsv jsonl; do
        vec-convert start.csv -o "x.$f"
        ok vec-convert --from "$f" --to csv <"x.$f"
        prints <start.csv
        # shellcheck disable=SC2002 # a pipe is wanted
        cat "x.$f" | vec-convert --from "$f" --to "$f" - | cat >copy
        cmp "x.$f" copy
        vec-convert --from "$f" --to "$f" -o copy <"x.$f"
        cmp "x.$f" copy
        zstd -qf "x.$f"
        gzip -kf "x.$f"
        ok vec-convert "x.$f.zst" --to csv
        prints <start.csv
        ok vec-convert "x.$f.gz" --to csv
        prints <start.csv
        fails vec-convert --from "$f" --to csv < <(head -c 300 "x.$f.zst")
        says stdin
    done
    ok vec-convert --to csv <x.npy # has a magic
    prints <start.csv
    fails vec-convert --to csv <x.fvecs
    says 'stdin: neither name nor content tell the format'
    fails vec-convert x.csv -o y.csv.zst
    says 'compressed files are only read'
}

@test "a count that is known at the end only" {
    numbers 50 4 4 >x.csv
    vec-convert x.csv -o x.fbin
    vec-convert x.csv --to fbin | cat >y.fbin
    cmp x.fbin y.fbin
    vec-convert x.csv --to fbin >y.fbin # may be sought: filled in
    cmp x.fbin y.fbin
    echo before >y
    vec-convert x.csv --to fbin >>y # may not
    tail -c +8 y | cmp x.fbin -
    for n in 0 49 51; do
        fails vec-convert x.csv -o z.fbin --rows-total $n
        says "$n rows were told"
    done
    [[ ! -e z.fbin ]]
    not_under_valgrind 'it needs TMPDIR'
    TMPDIR=/no/such vec-convert x.csv --to fbin --rows-total 50 | cat >y.fbin
    cmp x.fbin y.fbin
    got=$(TMPDIR=/no/such vec-convert x.csv --to fbin 2>&1 | cat)
    [[ $got == *"temporary file in '/no/such'"* ]]
}

@test "ids stay ids" {
    printf '0,16777217\n-1,2147483647\n' >ids.csv
    ok vec-convert ids.csv -o ids.ivecs
    ok vec-convert ids.ivecs -o ids.ibin
    ok vec-convert ids.ibin -o ids.npy
    ok vec-convert ids.npy --to csv
    prints <ids.csv
    fails vec-convert ids.ivecs -o x.fvecs
    says '32-bit integers'
    ok vec-convert ids.ivecs -o x.fvecs --type f32
    ok vec-convert x.fvecs --to csv
    printf '0,16777216\n-1,2147483600\n' | prints
    printf '1,2147483648\n' >ids.csv
    fails vec-convert ids.csv -o x.ivecs
    says "ids.csv:1: component 1 is no 32-bit integer: '2147483648'"
}

@test "rows A to B" {
    numbers 100 3 5 >x.csv
    vec-convert x.csv -o x.fvecs
    for f in x.csv x.fvecs; do
        ok vec-convert "$f" --rows 10:20 --to csv
        sed -n 11,20p x.csv | prints
        ok vec-convert "$f" --rows 95: --to csv
        sed -n '96,$p' x.csv | prints
        ok vec-convert "$f" --rows :3 --to csv
        head -n 3 x.csv | prints
        ok vec-convert "$f" --rows 98:1000 --to csv
        tail -n 2 x.csv | prints
        ok vec-convert "$f" --rows 7:7 --to csv
        empty "$out"
        fails vec-convert "$f" --rows 101: --to csv
        says 'no row 101'
        ok vec-convert --cat "$f" x.fvecs "$f" --rows 90:210 --to csv
        cat x.csv x.csv x.csv | sed -n 91,210p | prints
        ok vec-convert --cat "$f" "$f" x.fvecs --rows 10:20 --to csv
        sed -n 11,20p x.csv | prints
        ok vec-convert --cat "$f" "$f" "$f" --rows 150:200 --to csv
        sed -n '51,$p' x.csv | prints
        ok vec-convert --cat "$f" "$f" --rows 0:0 --to csv
        empty "$out"
        fails vec-convert --cat "$f" "$f" --rows 201: --to csv
        says 'no row 201: only 200'
    done
    ok vec-convert --cat x.fvecs x.fvecs --rows 90:210 -o y.npy
    ok vec-convert y.npy --to csv
    cat x.csv x.csv | sed -n '91,$p' | prints
}

@test "several inputs, one after the other" {
    numbers 10 3 6 >a.csv
    numbers 20 3 7 >b.csv
    numbers 5 4 8 >c.csv
    : >none.fvecs
    vec-convert b.csv -o b.npy
    ok vec-convert --cat none.fvecs a.csv b.npy none.fvecs -o x.fbin
    ok vec-convert x.fbin --to csv
    cat a.csv b.csv | prints
    fails vec-convert --cat a.csv c.csv -o y.fbin
    says 'c.csv: dimension 4, and 3 before it'
    vec-convert b.csv -o b.hbin
    fails vec-convert --cat b.npy b.hbin -o y.npy
    says 'b.hbin: f16, and f32 before it: give --type'
    ok vec-convert --cat b.npy b.hbin -o y.npy --type f32
    ok vec-convert --cat none.fvecs none.fvecs -o y.fbin
    int32 0 0 | cmp - y.fbin
}

@test "a sample is the same whichever way the rows come, and in their order" {
    numbers 2000 5 9 | cat -n | awk -F '\t' '{ sub(/^[^,]*/, $1 + 0, $2); print $2 }' >x.csv
    vec-convert x.csv -o x.fvecs
    vec-convert x.csv -o x.npy
    ok vec-convert x.csv --sample 100 --to csv
    cp "$out" sample.csv
    is 100 "$(wc -l <sample.csv)"
    sort -n sample.csv | cmp - sample.csv
    is 100 "$(sort -n sample.csv | uniq | grep -cxFf x.csv)"
    for f in x.fvecs x.npy; do
        ok vec-convert "$f" --sample 100 --to csv
        prints <sample.csv
    done
    ok vec-convert --from npy --to csv --sample 100 < <(cat x.npy)
    prints <sample.csv
    vec-convert x.npy --rows :700 -o a.npy
    vec-convert x.npy --rows 700: -o b.fvecs
    ok vec-convert --cat a.npy b.fvecs --sample 100 --to csv
    prints <sample.csv
    ok vec-convert x.npy --sample 100 --seed 2 --to csv
    differ sample.csv "$out"
    ok vec-convert x.npy --sample 5000 --to csv
    prints <x.csv
    ok vec-convert x.npy --sample 0 --to csv
    empty "$out"
    ok vec-convert x.npy --rows 10:20 --sample 3 --to csv
    is 3 "$(awk -F , '$1 > 10 && $1 <= 20' "$out" | wc -l)"
}

@test "a shuffle is the same whichever way the rows come" {
    numbers 500 3 10 >x.csv
    vec-convert x.csv -o x.fbin
    ok vec-convert x.csv --shuffle --to csv
    cp "$out" mixed.csv
    cmp <(sort x.csv) <(sort mixed.csv)
    differ x.csv mixed.csv
    ok vec-convert x.fbin --shuffle --to csv
    prints <mixed.csv
    vec-convert x.fbin --rows :100 -o a.fbin
    vec-convert x.fbin --rows 100: -o b.fbin
    ok vec-convert --cat a.fbin b.fbin --shuffle --to csv
    prints <mixed.csv
    ok vec-convert x.fbin --shuffle --sample 50 --to csv
    cp "$out" some.csv
    ok vec-convert x.csv --shuffle --sample 50 --to csv
    prints <some.csv
    ok vec-convert x.csv --sample 50 --to csv
    cmp <(sort "$out") <(sort some.csv)
}

@test "rows of length 1" {
    printf '3,4\n0,-2\n1e-30,0\n1e30,1e30\n' >x.csv
    ok vec-convert x.csv --normalize --to csv
    printf '0.6,0.8\n0,-1\n1,0\n0.70710677,0.70710677\n' | prints
    printf '3,4\n0,0\n' >x.csv
    fails vec-convert x.csv --normalize -o y.csv
    says 'row 1 is zero'
    exits 0 vec-convert x.csv --normalize --skip-bad --to csv
    echo 0.6,0.8 | prints
    says '1 bad rows left out'
    ok vec-convert "$npy/u1.npy" --rows 0:1 --normalize --to csv
    echo 0,0.26726124,0.5345225,0.80178374 | prints
}

@test "components become another type, or the row is bad" {
    printf '1,2.5\n255,3.5\n-0.4,0\n' >x.csv
    ok vec-convert x.csv --type u8 --to csv
    printf '1,2\n255,4\n0,0\n' | prints
    fails vec-convert x.csv --type i8 --to csv
    says 'x.csv: row 1: component 0, 255, does not fit into i8'
    printf '1\n70000\n2\n-129\n' >x.csv
    fails vec-convert x.csv -o x.hbin
    says 'row 1: component 0, 70000, does not fit into f16'
    exits 0 vec-convert x.csv --type i8 --skip-bad --to csv
    printf '1\n2\n' | prints
    says '2 bad rows'
    exits 0 vec-convert -q x.csv --type i8 --skip-bad --to csv
    empty "$err"
}

@test "bad rows are named, or counted" {
    printf '1,2\n3,nan\n4\n5,x\n\n6,7\n' >x.csv
    fails vec-convert x.csv -o y.npy
    says 'x.csv:2: component 1 is no number'
    exits 0 vec-convert x.csv -o y.npy --skip-bad
    says '4 bad rows left out'
    ok vec-convert y.npy --to csv
    printf '1,2\n6,7\n' | prints
    exits 0 vec-convert x.csv --skip-bad --rows 2:6 --to csv
    echo 6,7 | prints
    exits 0 vec-convert x.csv --skip-bad --rows 0:5 --to csv
    echo 1,2 | prints
    says '4 bad rows'
    { int32 1 && bytes 0 0 128 63 && int32 1 && bytes 0 0 192 127 && int32 2 0 0; } >x.fvecs
    fails vec-convert x.fvecs -o y.fbin
    says 'x.fvecs: row 1: component 0 is no number (NaN)'
    exits 0 vec-convert x.fvecs --to csv --skip-bad
    echo 1 | prints
    says '2 bad rows'
    exits 0 vec-convert x.fvecs --to csv --skip-bad --sample 9
    echo 1 | prints
    ok vec-convert x.fvecs --to csv --skip-bad --rows 3: # those on the way do not count
    empty "$out"
    ok vec-convert x.fvecs --to csv --rows 0:1 # what is not read is not looked at
    head -c -1 x.fvecs >cut.fvecs
    fails vec-convert cut.fvecs -o y.csv --skip-bad
    says 'cut.fvecs: row 2 is cut short'
    only cut.fvecs x.csv x.fvecs y.npy
}

@test "in the place of what is read" {
    printf '1,2\n3,4\n' >a.csv
    ok vec-convert --to fvecs -o b.fvecs a.csv
    ok vec-convert --to fvecs -o a.csv a.csv
    cmp b.fvecs a.csv
}

@test "what cannot be read or written" {
    numbers 9 2 11 >x.csv
    fails vec-convert missing.fvecs -o y.npy
    says missing.fvecs
    fails vec-convert . --from fvecs -o y.npy
    says directory
    fails vec-convert x.csv --from npy -o y.npy
    says 'x.csv: '
    mv x.csv ..
    rm -f ./*
    writes_whole_or_not vec-convert ../x.csv --to npy
    mv ../x.csv .
    reports_lost_output vec-convert x.csv --to csv
    numbers 60000 4 11 >x.csv
    reports_lost_output vec-convert x.csv --to fbin
}

@test "large rows, many rows, one column" {
    awk 'BEGIN { for (i = 0; i < 300000; i++) printf "%d%s", i % 7, i < 299999 ? "," : "\n" }' >wide.csv
    cat wide.csv wide.csv >x.csv
    ok vec-convert x.csv -o x.fvecs
    ok vec-convert x.fvecs -o x.npy
    ok vec-convert x.npy --to csv
    prints <x.csv
    seq 200000 >x.csv
    ok vec-convert x.csv -o x.fvecs
    ok vec-convert x.fvecs -o x.u8bin --rows :255
    ok vec-convert x.fvecs --to csv
    prints <x.csv
}

@test "a header of names that begin like inf and nan" {
    for header in info,x name,inference 'nano,"infinity x"' inf_a,+nanb; do
        printf '%s\n1,2\n' "$header" >i.csv
        ok vec-convert i.csv --to csv
        is 1,2 "$(<"$out")"
    done
    for header in nan,x x,-inf 'x, Infinity ' 'NaN,x' 'x,1a' 'x,.5'; do
        printf '%s\n1,2\n' "$header" >i.csv
        fails vec-convert i.csv --to csv
        says 'i.csv:1'
    done
}
