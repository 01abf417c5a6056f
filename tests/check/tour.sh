#!/usr/bin/env bash
# tour.sh BIN_DIR [README] - is the tour of the README true? Its commands run in order, in one shell and
# a new folder in which tests/ is this tree's, and must print what stands below them.
#
# A block of "## A tour" that is indented by four and begins with "$ " is commands and their output,
# standard error too; other blocks are to be read, and not run. Numbers in front of a unit of time or
# memory (s, ms, us, ns, MiB, GiB) may differ; nothing else may.
#
# A line a command, "ok" or "not ok" with what differs; exit 1 if one does.
set -u
export LC_ALL=C OMP_WAIT_POLICY=passive

[[ $# -ge 1 && -d $1 ]] || { echo "usage: tour.sh BIN_DIR [README]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "$1" && pwd)
readme=$(realpath "${2:-$here/../../README.md}")
# shellcheck source-path=SCRIPTDIR
source "$here/rules.bash"
# shellcheck source-path=SCRIPTDIR
source "$here/session.bash"
session_open "$bin"

tour() {
    awk '
        /^## / { in_tour = $0 == "## A tour" }
        !in_tour { next }
        !/^    / { if (NF > 0) shown = 0; next }
        !shown { shown = 1; run = /^    \$ / }
        run { print substr($0, 5) }' "$readme"
}

# normal FILE: as both sides are compared.
normal() {
    sed -E 's/[0-9]+(\.[0-9]+)?( (s|ms|us|ns|MiB|GiB)\b)/N\2/g' "$1"
}

tour >"$session/tour"
session_split "$session/tour" "$session/steps"
mkdir "$session/work" && ln -s "$here/.." "$session/work/tests"
(cd "$session/work" && session_run "$session"/steps/*.cmd)
for at in "$session"/steps/*.cmd; do
    wrong=$(diff <(normal "${at%.cmd}.want") <(normal "$at.out"); cat "$at.bad" 2>/dev/null)
    breaches "tour: $(head -n 1 "$at")" "$wrong"
done
finish 'steps of the tour'
