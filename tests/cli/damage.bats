# damage: a byte of a file is flipped, and every tool that reads such files is run on it: it ends,
# with exit status 0 or 1, and the check finds it. (tests/prop/*_damage.c flip every byte, without
# the tools.)
load helper

golden=$root/tests/golden/1.0.0

setup() {
    enter_work
    cp "$golden"/*.* .
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
}

# flip FILE PLACE: into `bad`, with the same suffix.
flip() {
    local byte
    bad=bad.${1##*.}
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    cp "$1" "$bad"
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %02x $((byte ^ 1 << $2 % 8)))" | dd of="$bad" bs=1 seek="$2" conv=notrunc status=none
}

# survives COMMAND...: exit 0 or 1, soon.
survives() {
    local got=0
    timeout 60 "$@" >"$out" 2>"$err" || got=$?
    ((got < 2)) && return
    echo "exit $got: $*"
    head -c 2000 "$err"
    return 1
}

# places FILE N: N places all over it, the first in the header; fewer where sanitizers are slow.
places() {
    local size i n=$2
    size=$(stat -c %s "$1")
    grep -q __asan_init "$bin/fm-stat" && n=$((n / 3 + 1))
    for ((i = 0; i < n; i++)); do
        echo $((size * i / n + (i * 7919 + size) % 64))
    done
}

@test "full-text indexes" {
    for f in fast.fmi small.fmi normal.fmi bytes.fmi; do
        for at in $(places $f 7); do
            flip $f "$at"
            fails fm-stat --check "$bad"
            survives fm-count --docs "$bad" the 'old pine' a
            survives fm-find "$bad" pine
            survives fm-cat --meta "$bad" 0 7 23
            survives fm-match -l 3 "$bad" docs.jsonl
            survives fm-contam -b docs.jsonl --field text "$bad"
            survives fm-merge -o merged.fmi "$bad" fast.fmi
        done
    done
}

@test "indexes of vectors" {
    for f in graph updated bytes ivf hqi tenant spann resident osq; do
        for at in $(places $f.ann 5); do
            flip $f.ann "$at"
            fails ann-stat -q --check "$bad"
            survives ann-stat "$bad"
            survives ann-search -k 5 --where 'live and year < 2005' "$bad" query.fvecs
            survives ann-search -k 5 --tenant ten2 "$bad" query.fvecs
            survives ann-search -k 5 "$bad" query.fvecs
            survives ann-bench -q -k 3 --rounds 1 "$bad" query.fvecs true.ivecs
            survives ann-tune -q -k 3 -o tuned.ann "$bad" query.fvecs
            survives ann-update -q -o changed.ann "$bad" changes.jsonl
        done
    done
}

@test "codecs and codes" {
    for f in *.vq; do
        for at in $(places "$f" 3); do
            flip "$f" "$at"
            fails vec-encode "$bad" base.fvecs -o o.codes
            fails vec-eval --no-speed "$bad" base.fvecs query.fvecs
            fails vec-decode "$bad" "${f%.vq}.codes" --to csv
        done
        for at in 20 70 130; do
            flip "${f%.vq}.codes" "$at"
            survives vec-decode "$f" "$bad" --to csv
        done
    done
}

# These have no checksums: what is damaged may be other vectors.
@test "vectors, neighbours, traces, sets" {
    vec-convert -q base.fvecs -o base.npy
    vec-convert -q base.fvecs -o base.fbin
    for f in base.npy base.fbin base.fvecs; do
        for at in 0 1 3 4 7 9 60 77 128; do
            flip $f "$at"
            survives vec-knn -k 2 "$bad" query.fvecs
            survives vec-stat "$bad"
            survives ann-build -q -o o.ann "$bad"
        done
    done
    for at in 0 1 3 4 9 17; do
        flip true.ivecs "$at"
        survives vec-recall -k 3 "$bad" true.ivecs
        survives ann-fuse "$bad" true.ivecs
    done
    for at in 0 3 9 44 100 500; do
        flip trace.jsonl "$at"
        survives trace-stat "$bad"
        flip replay.tsv "$at"
        survives trace-compare "$bad" replay.tsv
    done
    for at in 1 12 14 20; do
        flip both.set "$at"
        survives fm-count "$bad" the
    done
}
