#!/usr/bin/env bash
# walk.sh BIN TESTS [WHICH...]: every tool under faults, one call after another; fault.c has what
# can fail, walk.c what must hold then, tools.bash the jobs. WHICH: jobs, or parts of their names.
#
#   FIRST, SAMPLE   of calls of a kind the first so many fail in turn, and so many of the rest
#   KINDS           of calls these alone
#   WALK            more options for walk: -x kills instead, -T signals
# shellcheck disable=SC1091,SC2154,SC2317 # of tools.bash; called by name
set -uf # the options of walk have patterns in them
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/fault/tools.bash
. "$here/tools.bash"
enter "$1" "$2"
shift 2
which=("$@") failed=0

job() {
    local name=$1 old=$2 options=$3
    shift 3
    among "$name" ${which[@]+"${which[@]}"} || return 0
    # shellcheck disable=SC2086 # lists of words
    old_files $old
    # shellcheck disable=SC2086
    walk -n "$name" -f "${FIRST-50}" -s "${SAMPLE-20}" -k "${KINDS-}" $options ${WALK-} "$work/now" -- "$@" || failed=1
}

make_inputs || exit
builders job
stores job
[[ ${WALK-} == *-[xT]* ]] || queries job
exit $failed
