#!/usr/bin/env bash
# run.sh [-q] WHAT COMMAND...: runs test programs, as many at once as there are processors. A command is
# one word of the shell, of a program and arguments without blanks in them. What each says is shown once
# it has ended (-q: of one that passed its last line alone, behind "ok") and the seconds that it took, and
# at last how many passed; WHAT they are called there. Exit 1 if any failed or if there was none.
set -u
# Of what runs side by side, and in teams of more threads than there are processors, nobody waits
# spinning.
export OMP_WAIT_POLICY=passive
quiet=
if [[ ${1-} == -q ]]; then
    quiet=yes
    shift
fi
what=$1
shift
ended=$(mktemp) # a word for each command that ended; who holds it prints
export quiet ended
trap 'rm -f "$ended"' EXIT

one() {
    local -a command
    local text word=passed took
    read -ra command <<<"$1"
    text=$("${command[@]}" 2>&1) || word=failed
    took=$SECONDS # since this shell, which is the command's own, began
    exec 9>>"$ended"
    flock 9
    echo $word >&9
    if [[ $word == failed ]]; then
        printf 'NOT OK  %s\n%s\n' "$1" "$text"
    elif [[ $quiet ]]; then
        printf 'ok      %s, %d s\n' "${text##*$'\n'}" "$took"
    else
        printf '%s\n        %s: %d s\n' "$text" "$1" "$took"
    fi
}
export -f one

# shellcheck disable=SC2016 # that shell is to expand it
[[ $# -eq 0 ]] || printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' one
passed=$(grep -c passed "$ended")
failed=$(grep -c failed "$ended")
printf '%d %s passed, %d failed\n' "$passed" "$what" "$failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
