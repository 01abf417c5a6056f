# shellcheck shell=bash
# ann.bash - vectors for the tests of the ann- tools: 600 rows of 4 numbers, 8 queries.
ann_setup() {
    enter_work
    awk 'BEGIN { srand(7); for (i = 0; i < 600; i++) print rand() "," rand() "," rand() "," rand() }' >base.csv
    awk 'BEGIN { srand(8); for (i = 0; i < 8; i++) print rand() "," rand() "," rand() "," rand() }' >query.csv
    vec-convert -q base.csv -o base.fvecs
    vec-convert -q query.csv -o query.fvecs
}

# refuses_bad_ann COMMAND...: @ stands for the index; good.ann is there.
refuses_bad_ann() {
    local at size command
    for at in missing.ann no/folder.ann; do
        with "$at" "$@"
        fails "${command[@]}"
        says "'$at'"
    done
    : >nothing.ann
    head -c 64 /dev/zero >zeros.ann
    for at in nothing.ann zeros.ann base.fvecs .; do
        with "$at" "$@"
        fails "${command[@]}"
        says "$at"
    done
    size=$(stat -c %s good.ann)
    for at in 1 64 100 $((size / 2)) $((size - 1)); do
        head -c "$at" good.ann >short.ann
        with short.ann "$@"
        fails "${command[@]}"
        says short.ann
    done
}

# opened PID FILE: waits until it has.
opened() {
    for ((i = 0; i < 500; i++)); do
        grep -q "$2" "/proc/$1/maps" && return
        sleep .02
    done
    return 1
}
