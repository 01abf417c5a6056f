# shellcheck shell=bash
# shellcheck disable=SC2154 # helper.bash, loaded before, has out, sample and command
# codec.bash - what the tests of the codec tools share: small vectors, and a codec of them.

# rows N DIM SEED: N rows of DIM random numbers about their number in the row, as CSV.
rows() {
    awk -v n="$1" -v dim="$2" -v seed="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++)
            for (k = 0; k < dim; k++)
                printf "%.6f%s", rand() * (1 + k % 5) + k % 3, k < dim - 1 ? "," : "\n"
    }'
}

# base.fvecs and q.fvecs, and a codec of the former, c.vq.
make_codec() {
    rows 1500 12 1 | vec-convert --from csv -o base.fvecs -
    rows 40 12 2 | vec-convert --from csv -o q.fvecs -
    vec-train -c sq8 base.fvecs -o c.vq
}

# close_to A B MOST: the numbers of two CSV files differ by MOST at most, and there are as many.
close_to() {
    paste -d , <(tr , '\n' <"$1") <(tr , '\n' <"$2") | awk -F , -v most="$3" '
        NF != 2 || $1 == "" || $2 == "" { print "not the same numbers of numbers"; exit 1 }
        ($1 - $2) ^ 2 > most ^ 2 { print "line " NR ": " $1 " and " $2; exit 1 }'
}

# refuses_bad_codecs COMMAND...: @ stands where the codec does.
refuses_bad_codecs() {
    local at size
    for at in missing.vq no/folder.vq; do
        with "$at" "$@"
        fails "${command[@]}"
        says "'$at'"
        empty "$out"
    done
    : >nothing.vq
    head -c 640 /dev/zero >zeros.vq
    cp base.fvecs vectors.vq
    build_sample
    cp "$sample" index.vq
    size=$(stat -c %s c.vq)
    for at in 1 63 64 100 $((size / 2)) $((size - 1)); do
        head -c "$at" c.vq >"short$at.vq"
    done
    { cat c.vq && echo; } >longer.vq
    { head -c 200 c.vq && printf '\x55' && tail -c +202 c.vq; } >changed.vq
    is "$size" "$(stat -c %s changed.vq)"
    for at in nothing zeros vectors index short1 short63 short64 short100 "short$((size / 2))" \
        "short$((size - 1))" longer changed; do
        with "$at.vq" "$@"
        fails "${command[@]}"
        says "$at.vq"
        empty "$out"
    done
    with . "$@"
    fails "${command[@]}"
}
