#!/usr/bin/env bash
# run-units.sh TEST...: runs the unit and property test programs, as many at once as there are processors; a line for each as it
# ends, the output of those that fail, and a count. Exit 1 if any failed or if there was none.
set -u
# Tests run teams of more threads than there are processors: a thread that waits must not spin.
export OMP_WAIT_POLICY=passive
ended=$(mktemp) # a word for each test that ended; who holds it prints
export ended
trap 'rm -f "$ended"' EXIT

one() {
    local text word=passed
    text=$("$1" 2>&1) || word=failed
    exec 9>>"$ended"
    flock 9
    echo $word >&9
    if [ $word = passed ]; then
        printf 'ok      %s\n' "${text##*$'\n'}"
    else
        printf 'NOT OK  %s\n%s\n' "$1" "$text"
    fi
}
export -f one

# shellcheck disable=SC2016 # that shell is to expand it
[ $# -eq 0 ] || printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' one
passed=$(grep -c passed "$ended")
failed=$(grep -c failed "$ended")
printf '%d unit and property tests passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
