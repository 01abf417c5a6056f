#!/usr/bin/env bash
# examples.sh BIN_DIR [PAGE...] - do the EXAMPLES of the manual pages run? Each page's run in a folder
# of their own, in which examples-files.sh has put small files of the kinds and names they speak of.
# Every command must end with 0, every tool in every pipe too.
#
# A literal block of EXAMPLES is commands, or "$ COMMAND" and its output, which must be the same. A
# comment in front of it says more:
#
#   .\" stdin: COMMAND       the block is no command, but what this command reads
#   .\" needs: COMMAND       it is passed over, and named, where this command fails
#   .\" fewer: SED_SCRIPT    it is run as this makes it, so that it takes a moment, or suits the files
#   .\" shape                of the output the number of lines counts, as the data are not public
#
# A line a page, "ok examples of PAGE" or "not ok ..."; exit 1 if one fails.
set -u
export LC_ALL=C OMP_WAIT_POLICY=passive

[[ $# -ge 1 && -d $1 ]] || { echo "usage: examples.sh BIN_DIR [PAGE...]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
bin=$(cd "$1" && pwd)
shift
[[ $# -gt 0 ]] || set -- "$tree"/man/*.[157]
# shellcheck source-path=SCRIPTDIR
source "$here/rules.bash"
# shellcheck source-path=SCRIPTDIR
source "$here/session.bash"
session_open "$bin"

# blocks PAGE DIR: its examples as files DIR/00N.block, what the comment says in DIR/00N.how.
blocks() {
    awk -v dir="$2" '
        /^\.Sh / { wanted = $2 == "EXAMPLES" }
        !wanted { next }
        /^\.\\" / { how = how substr($0, 5) "\n"; next }
        /^\.Bd -literal/ { at = sprintf("%s/%03d", dir, ++n); inside = 1; printf "%s", how >(at ".how"); next }
        /^\.Ed/ { inside = 0; how = ""; close(at ".block") }
        inside { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print >(at ".block") }
        !inside { how = "" }' "$1"
}

# same WANT GOT HOW: the output is what the page shows.
same() {
    if grep -q '^shape' "$3"; then
        [[ $(wc -l <"$1") == $(wc -l <"$2") ]]
    else
        diff "$1" "$2"
    fi
}

# What of a page's examples goes wrong, a line each.
page() {
    local block how at
    local -a run=()
    cp -r "$session/files" "$session/page" && mkdir "$session/blocks" && blocks "$1" "$session/blocks"
    for block in "$session"/blocks/*.block; do
        [[ -e $block ]] || continue
        how=${block%.block}.how
        sed -i -f <(sed -n 's/^fewer: //p' "$how") "$block"
        if grep -q '^needs: ' "$how" && ! bash -c "$(sed -n 's/^needs: //p' "$how")" &>/dev/null; then
            echo "skipped: $(head -n 1 "$block")" >&2
        elif grep -q '^stdin: ' "$how"; then
            echo "cat '$block' | { $(sed -n 's/^stdin: //p' "$how"); }" >"$block.cmd"
            run+=("$block.cmd")
        elif grep -q '^\$ ' "$block"; then
            session_split "$block" "$block.d"
            run+=("$block".d/*.cmd)
        else
            cp "$block" "$block.cmd"
            run+=("$block.cmd")
        fi
    done
    (cd "$session/page" && session_run "${run[@]}")
    for at in "${run[@]}"; do
        if [[ -e $at.bad ]]; then
            echo "$(head -n 1 "$at"): $(head -n 1 "$at.bad")"
        elif [[ $at == *.d/* ]]; then
            same "${at%.cmd}.want" "$at.out" "${at%.block.d/*}.how"
        fi
    done
    rm -rf "$session/page" "$session/blocks"
}

mkdir "$session/files"
(cd "$session/files" && bash -eu "$here/examples-files.sh" "$tree") >"$session/setup" 2>&1
if [[ $? != 0 || -e $session/bad ]]; then
    echo "not ok examples: their files: $(cat "$session/bad" "$session/setup" 2>/dev/null)"
    exit 1
fi
for at; do
    grep -q '^\.Sh EXAMPLES' "$at" || continue
    breaches "examples of ${at##*/}" "$(page "$at")"
done
finish 'pages of examples'
