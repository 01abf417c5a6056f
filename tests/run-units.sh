#!/usr/bin/env bash
# run-units.sh TEST...: runs the unit and property test programs; a line for each, the output of
# those that fail, and a count. Exit 1 if any failed or if there was none.
set -u
# Tests run teams of more threads than there are processors: a thread that waits must not spin.
export OMP_WAIT_POLICY=passive
passed=0 failed=0
for test in "$@"; do
    if output=$("$test" 2>&1); then
        passed=$((passed + 1))
        printf 'ok      %s\n' "${output##*$'\n'}"
    else
        failed=$((failed + 1))
        printf 'NOT OK  %s\n%s\n' "$test" "$output"
    fi
done
printf '%d unit and property tests passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
