# shellcheck shell=bash
# rules.bash - how checks tell what they found, to be sourced: a line for each, "ok WHAT" or "not ok WHAT", and the count.
#
#   report ok|"not ok" WHAT    one line
#   breaches WHAT TEXT         ok without TEXT, else "not ok WHAT: LINE" for each of its lines
#   rule WHAT COMMAND...       the same of what COMMAND prints; what it says on stderr is a breach, too: a check that does not work
#   finish NAME                how many NAME passed and failed: exit code 1 if any failed or there was none
#
# $scratch is a folder that is there until the end.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

report() {
    echo "$1 $2"
    if [[ $1 == ok ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

breaches() {
    local line
    if [[ -z $2 ]]; then
        report ok "$1"
        return
    fi
    while IFS= read -r line; do report 'not ok' "$1: $line"; done <<<"$2"
}

rule() {
    breaches "$1" "$("${@:2}" 2>&1)"
}

finish() {
    echo "$passed $1 passed, $failed failed"
    [[ $failed == 0 && $passed -gt 0 ]]
}
