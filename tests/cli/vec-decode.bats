# vec-decode: codes in, vectors out.
load helper
load codec

# make_codes: those of make_codec's base, x.codes.
make_codes() {
    make_codec
    vec-encode c.vq base.fvecs -o x.codes
}

@test "help, version, misuse" {
    helps vec-decode
    make_codes
    misuse vec-decode c.vq
    misuse vec-decode c.vq x.codes x.codes
    misuse vec-decode c.vq x.codes
    says --to
    misuse vec-decode c.vq x.codes -o x.unknown
    misuse vec-decode --to=xls c.vq x.codes
    misuse vec-decode --to csv - -
    misuse vec-decode --to csv -o x.codes c.vq x.codes
    misuse vec-decode -T x --to csv c.vq x.codes
    [[ ! -e x.unknown ]]
}

@test "what comes back is near, in every format" {
    make_codes
    vec-convert base.fvecs -o base.csv
    ok vec-decode c.vq x.codes -o x.csv
    # a step is at most 5 / 255
    close_to base.csv x.csv 0.0101
    for to in fvecs fbin npy tsv jsonl; do
        ok vec-decode c.vq x.codes -o "x.$to"
        empty "$out"
        ok vec-decode c.vq x.codes --to "$to"
        cmp "$out" "x.$to"
        vec-convert "x.$to" --to csv | cmp - x.csv
    done
    # in half precision, and rounded to whole numbers
    ok vec-decode c.vq x.codes -o x.hbin
    vec-convert x.hbin -o h.csv
    close_to x.csv h.csv 0.003
    ok vec-decode c.vq x.codes -o x.u8bin
    vec-convert x.u8bin -o u.csv
    close_to x.csv u.csv 0.5001
}

@test "a number beyond the type: the row is named" {
    printf '1,2\n3,300\n' >x.csv
    vec-train -c sq8 x.csv -o c.vq
    vec-encode c.vq x.csv -o x.codes
    fails vec-decode c.vq x.codes -o x.u8bin
    says 'x.codes: row 1'
    says u8
    only c.vq x.codes x.csv
}

@test "encoding what was decoded gives the same codes" {
    make_codes
    vec-decode c.vq x.codes -o y.fvecs
    vec-encode c.vq y.fvecs | cmp - x.codes
}

@test "pipes and compressed codes" {
    make_codes
    vec-decode c.vq x.codes -o x.fbin
    ok vec-decode c.vq - --to fbin <x.codes
    cmp x.fbin "$out"
    vec-encode c.vq base.fvecs | vec-decode c.vq - --to fbin | cmp x.fbin -
    zstd -q x.codes
    gzip -k x.codes
    ok vec-decode c.vq x.codes.zst --to fbin
    cmp x.fbin "$out"
    ok vec-decode c.vq - --to fbin <x.codes.gz
    cmp x.fbin "$out"
}

@test "codes that are none, or another codec's, or cut, or longer" {
    make_codes
    vec-train -c sq4 base.fvecs -o d.vq
    fails vec-decode d.vq x.codes --to csv
    says 'x.codes: these codes were made by another codec'
    fails vec-decode c.vq base.fvecs --to csv
    says 'base.fvecs: these are no codes'
    : >empty
    fails vec-decode c.vq empty -o y.csv
    for at in 1 63 64 100 $((64 + 1500 * 12 - 1)); do
        head -c "$at" x.codes >cut
        fails vec-decode c.vq cut -o y.csv
        says cut:
    done
    { cat x.codes && echo; } >longer
    fails vec-decode c.vq longer -o y.csv
    says 'longer: there is more after the 1500 codes'
    { head -c 20 x.codes && printf 'x' && tail -c +22 x.codes; } >changed
    fails vec-decode c.vq changed -o y.csv
    says 'changed: the header is damaged'
    fails vec-decode c.vq missing -o y.csv
    says missing
    [[ ! -e y.csv ]]
}

@test "what is no codec" {
    make_codes
    refuses_bad_codecs vec-decode @ x.codes --to csv
}

@test "-T and the CPU level change nothing" {
    make_codec
    rows 20000 12 5 | vec-convert --from csv -o large.fvecs -
    vec-encode c.vq large.fvecs -o large.codes
    same_for_all_threads vec-decode --to fbin c.vq large.codes
    same_for_all_levels vec-decode --to csv c.vq large.codes
}

@test "-o FILE, whole or not at all; lost output" {
    make_codes
    mkdir w
    cd w
    writes_whole_or_not vec-decode --to csv ../c.vq ../x.codes
    cd ..
    reports_lost_output vec-decode --to csv c.vq x.codes
}

@test "-v ends with time and memory on stderr" {
    make_codes
    exits 0 vec-decode -v c.vq x.codes -o y.csv
    one_sentence
    says 'peak memory'
}
