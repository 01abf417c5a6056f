# vec-train: a sample in, a codec out, whole or not at all.
load helper
load codec

@test "help, version, misuse" {
    helps vec-train
    rows 20 4 1 >x.csv
    misuse vec-train x.csv -o c.vq
    says --codec
    misuse vec-train -c sq8 -o c.vq
    misuse vec-train -c sq8 x.csv x.csv -o c.vq
    misuse vec-train -c sq8 x.csv
    says --output
    misuse vec-train -c sq8 x.csv -o -
    misuse vec-train -c sq8 --queries - - -o c.vq
    misuse vec-train -c sq8 x.csv -o x.csv
    for spec in sq8x sq08 sq123456789 sq8x04 sq8: sq8:+ sq8+ sq8y '' nosuch8 ' sq8' SQ8 \
        "sq8:$(printf '%020d' 0)" "sq8+$(printf '%0100d' 0)"; do
        misuse vec-train -c "$spec" x.csv -o c.vq
        says 'sq8, sq4'
    done
    for spec in sq sq5 sq8x4 sq8:word sq8+sq8; do
        fails vec-train -c "$spec" x.csv -o c.vq
        says 'sq8 and sq4'
    done
    for option in --sample=x --sample=-1 --seed=x --from=xls --threads=x; do
        misuse vec-train -c sq8 "$option" x.csv -o c.vq
    done
    only x.csv
}

@test "--list prints every kind, what it is too" {
    ok vec-train --list
    grep -q '^sq8, sq4	..*' "$out"
    is 2 "$(awk -F '\t' '{ print NF }' "$out" | sort -u)"
    [[ $(column 2 "$out" | sed '/^$/d' | wc -l) == $(($(wc -l <"$out") - 1)) ]]
    fails bash -c 'exec vec-train --list >/dev/full'
}

@test "every format, a pipe and compressed input give the same codec" {
    make_codec
    for to in npy fbin csv jsonl; do
        vec-convert base.fvecs -o "x.$to"
        ok vec-train -c sq8 "x.$to" -o x.vq
        empty "$out"
        cmp c.vq x.vq
    done
    zstd -q x.fbin -o y.fbin.zst
    ok vec-train -c sq8 y.fbin.zst -o x.vq
    cmp c.vq x.vq
    ok vec-train -c sq8 --from fvecs - -o x.vq <base.fvecs
    cmp c.vq x.vq
    sed 's/embedding/v/' x.jsonl >z.jsonl
    fails vec-train -c sq8 z.jsonl -o z.vq
    ok vec-train -c sq8 --field v z.jsonl -o x.vq
    cmp c.vq x.vq
}

@test "--sample: so many rows, evenly spread, the first among them" {
    seq 0 999 | vec-convert --from csv -o x.fvecs -
    ok vec-train -c sq8 --sample 10 x.fvecs -o c.vq
    # trained on 0, 100, ... 900: what lies beyond becomes 900
    printf '0\n450\n999\n' >y.csv
    vec-encode c.vq y.csv -o y.codes
    ok vec-decode c.vq y.codes --to csv
    close_to "$out" <(printf '0\n450\n900\n') 1.8
    for n in 0 1000 5000; do
        ok vec-train -c sq8 -n "$n" x.fvecs -o all.vq
        vec-encode all.vq y.csv -o y.codes
        ok vec-decode all.vq y.codes --to csv
        close_to "$out" y.csv 2.1
    done
}

@test "bad vectors: file and row are named, --skip-bad goes on" {
    printf '1,2\n3,nan\n5,6\n' >x.csv
    fails vec-train -c sq8 x.csv -o c.vq
    says x.csv:2
    exits 0 vec-train -c sq8 --skip-bad x.csv -o c.vq
    says '1 bad rows'
    ok vec-train -q -c sq8 --skip-bad x.csv -o c.vq
    rm c.vq
    printf '1,2\n3,4,5\n' >x.csv
    fails vec-train -c sq8 x.csv -o c.vq
    says x.csv:2
    : >empty.fvecs
    fails vec-train -c sq8 empty.fvecs -o c.vq
    says empty.fvecs
    fails vec-train -c sq8 missing.fvecs -o c.vq
    says missing.fvecs
    rows 9 2 1 >x.csv
    rows 9 3 1 >q.csv
    fails vec-train -c sq8 x.csv --queries q.csv -o c.vq
    says q.csv
    only empty.fvecs q.csv x.csv
}

@test "-T and the CPU level change nothing; the same seed, the same bytes" {
    make_codec
    for threads in 1 2 7; do
        ok vec-train -T "$threads" -c sq4 base.fvecs -o "t$threads.vq"
        cmp t1.vq "t$threads.vq"
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU="$level" vec-train --seed 1 -c sq4 base.fvecs -o x.vq
        cmp t1.vq x.vq
    done
}

@test "whole or not at all" {
    make_codec
    cp c.vq old
    no_room 0 vec-train -c sq4 base.fvecs -o old
    says "'old'"
    cmp c.vq old
    fails vec-train -c sq8 base.fvecs -o no/such/file
    fails vec-train -c sq8 base.fvecs -o .
    fails vec-train -c sq8 base.fvecs -o /dev/full
    ok vec-train -c sq8 base.fvecs -o old
    only base.fvecs c.vq old q.fvecs
}

@test "-v says what was made" {
    make_codec
    exits 0 vec-train -v -c sq4 base.fvecs -o x.vq
    says 'sq4: 12 dimensions in 6 bytes, of 1500 vectors'
    says 'peak memory'
}

@test "a row that no codebook can be made of is named: the file's, whatever is done to it" {
    awk 'BEGIN { srand(1); for (i = 0; i < 9000; i++) print (i == 4321 ? "1e20" : rand()) "," rand() "," rand() "," rand() }' >o.csv
    for c in pq2x2 opq2x2 qavq16 leanvec2+opq2x2; do
        fails vec-train -c "$c" o.csv -o o.vq
        says 'training on o.csv: row 4321 is too long'
    done
    fails vec-train -n 8000 -c opq2x2 o.csv -o o.vq
    says 'training on rows of o.csv: row '
    only o.csv
}

@test "what would not decode to floats is refused" {
    printf '2e38,1\n-2e38,2\n' >m.csv
    fails vec-train -c sq8 m.csv -o m.vq
    says 'm.csv: sq8: component 0 goes from -2e+38 to 2e+38'
    ok vec-train -c w4g4 m.csv -o m.vq
    ok vec-encode m.vq m.csv -o m.codes
    ok vec-decode m.vq m.codes -o m.fvecs
    ok vec-stat m.fvecs
    printf '1,1\n-3.4e38,2\n' >m.csv
    fails vec-encode m.vq m.csv -o n.codes
    says 'm.csv: row 1: w4g4: a component is too large'
}
