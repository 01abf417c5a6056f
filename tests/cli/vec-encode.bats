# vec-encode: vectors in, a stream of codes out.
load helper
load codec

@test "help, version, misuse" {
    helps vec-encode
    make_codec
    misuse vec-encode c.vq
    misuse vec-encode c.vq base.fvecs base.fvecs
    misuse vec-encode - -
    misuse vec-encode c.vq base.fvecs -o base.fvecs
    for option in --from=xls --threads=x --rows-total=x --rows-total=-1; do
        misuse vec-encode "$option" c.vq base.fvecs
    done
    if command -v script >/dev/null; then
        exits 2 script -qec 'vec-encode c.vq base.fvecs' /dev/null
        grep -q terminal "$out"
    fi
}

@test "the header, byte by byte, and the codes" {
    printf '0,0\n255,100\n' >x.csv
    vec-train -c sq8 x.csv -o c.vq
    printf '0,100\n255,0\n51,20\n' >y.csv
    ok vec-encode c.vq y.csv
    is 70 "$(stat -c %s "$out")"
    is '89 53 4c 43 4f 44 45 0a 01 00 00 00 02 00 00 00 03 00 00 00 00 00 00 00' \
        "$(od -An -v -tx1 -w24 -N24 "$out" | cut -c 2-)"
    is "$(printf ' 00%.0s' {1..24})" "$(od -An -v -tx1 -w24 -j32 -N24 "$out")"
    is ' 00 ff ff 00 33 33' "$(od -An -v -tx1 -w6 -j64 "$out")"
}

@test "files, pipes, every format, compressed: the same codes" {
    make_codec
    ok vec-encode c.vq base.fvecs -o want.codes
    is $((64 + 1500 * 12)) "$(stat -c %s want.codes)"
    for to in npy fbin csv jsonl; do
        vec-convert base.fvecs -o "x.$to"
        ok vec-encode c.vq "x.$to"
        cmp want.codes "$out"
    done
    ok vec-encode c.vq --from fvecs - <base.fvecs
    cmp want.codes "$out"
    vec-encode c.vq --from csv - <x.csv | cmp want.codes -
    vec-encode c.vq --from csv --rows-total 1500 - <x.csv | cmp want.codes -
    zstd -q x.fbin -o y.fbin.zst
    vec-encode c.vq y.fbin.zst | cmp want.codes -
    : >none.fvecs
    ok vec-encode c.vq none.fvecs
    is 64 "$(stat -c %s "$out")"
}

@test "--rows-total: another number is an error" {
    make_codec
    for n in 0 1499 1501; do
        fails vec-encode --rows-total "$n" c.vq base.fvecs -o x.codes
        says "$n"
    done
    [[ ! -e x.codes ]]
}

@test "bad rows: file and row are named; --skip-bad leaves them out" {
    make_codec
    rows 5 12 9 >good.csv
    { head -n 2 good.csv && rows 1 12 3 | sed 's/^[^,]*/nan/' && rows 1 11 3 && tail -n 3 good.csv; } >x.csv
    fails vec-encode c.vq x.csv -o x.codes
    says x.csv:3
    [[ ! -e x.codes ]]
    exits 0 vec-encode --skip-bad c.vq x.csv
    says '2 bad rows'
    cp "$out" got
    ok vec-encode -q --skip-bad c.vq x.csv
    cmp got "$out"
    vec-encode c.vq good.csv | cmp got -
    rows 5 11 9 | vec-convert --from csv -o narrow.fvecs -
    fails vec-encode c.vq narrow.fvecs
    says narrow.fvecs
    says '11 dimensions'
    head -c -7 base.fvecs >cut.fvecs
    fails vec-encode c.vq cut.fvecs -o x.codes
    says cut.fvecs
    fails vec-encode c.vq missing.fvecs
    says missing.fvecs
}

@test "what is no codec" {
    make_codec
    refuses_bad_codecs vec-encode @ base.fvecs
}

@test "-T and the CPU level change nothing" {
    make_codec
    rows 20000 12 5 | vec-convert --from csv -o large.fvecs -
    same_for_all_threads vec-encode c.vq large.fvecs
    same_for_all_levels vec-encode c.vq base.fvecs
}

@test "-o FILE, whole or not at all; lost output" {
    make_codec
    mkdir w
    cd w
    writes_whole_or_not vec-encode ../c.vq ../base.fvecs
    cd ..
    reports_lost_output vec-encode c.vq base.fvecs
    # where neither end says how many there are, codes wait in a folder
    TMPDIR=$PWD/no/such fails bash -o pipefail -c 'vec-encode c.vq --from csv - < <(vec-convert base.fvecs --to csv) | cat'
    says no/such
}

@test "-v ends with time and memory on stderr" {
    make_codec
    exits 0 vec-encode -v c.vq base.fvecs
    one_sentence
    says 'peak memory'
}

@test "a row that cannot be coded is named" {
    awk 'BEGIN { srand(1); for (i = 0; i < 9000; i++) print rand() "," rand() }' >ok.csv
    awk -F , '{ print (NR == 4322 ? "1e20" : $1) "," $2 }' ok.csv >bad.csv
    ok vec-train -c lvq8 ok.csv -o l.vq
    fails vec-encode l.vq bad.csv -o l.codes
    says 'bad.csv: row 4321: a component is 1e+20'
    awk -F , '{ print (NR == 21 || NR == 4320 || NR == 5001 ? "nan" : $1) "," $2 }' bad.csv >worse.csv
    fails vec-encode -q --skip-bad l.vq worse.csv -o l.codes
    says 'worse.csv: one of rows 4319 to 4322: a component is 1e+20'
    [[ ! -e l.codes ]]
}
