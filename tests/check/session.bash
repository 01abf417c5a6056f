# shellcheck shell=bash
# shellcheck disable=SC2154 # scratch is of rules.bash
# session.bash - commands as a text shows them, run one after the other in one shell, for the tests of
# the README's tour and of the manual's examples.
#
#   session_open BIN_DIR     a folder $session in $scratch for what is recorded, with the tools on PATH
#   session_run CMD_FILE...  runs each file in one shell in the current folder; of CMD_FILE its output
#                            is in CMD_FILE.out, and what failed, if anything did, in CMD_FILE.bad
#   session_split TEXT DIR   cuts a text of "$ COMMAND" and output into DIR/001.cmd, 001.want, ...
#
# A tool that fails in the middle of a pipe counts, unless it says nothing: a reader has gone then.

session_open() {
    local tool
    session=$scratch/session
    mkdir -p "$session/bin"
    cat >"$session/tool" <<'END'
#!/bin/bash
# The tool itself; what it said when it failed is kept.
said=$(mktemp -p "$session")
"$tools/${0##*/}" "$@" 2>"$said"
status=$?
cat "$said" >&2
if [[ $status != 0 && -s $said ]]; then echo "${0##*/}: exit code $status: $(head -n 1 "$said")" >>"$session/bad"; fi
rm "$said"
exit $status
END
    chmod +x "$session/tool"
    for tool in "$1"/*; do ln -s ../tool "$session/bin/${tool##*/}"; done
    export session tools=$1 PATH=$session/bin:$PATH
}

session_run() {
    bash -c '
        set -E
        trap "echo \"exit code \$?: \$BASH_COMMAND\" >>\"\$session/bad\"" ERR
        for at; do
            rm -f "$session/bad"
            source "$at" >"$at.out" 2>&1 </dev/null
            if [[ -e $session/bad ]]; then mv "$session/bad" "$at.bad"; fi
        done' session "$@"
}

# Is the command in $1 whole? Not when it ends in a backslash or bash wants more of it.
session_whole() {
    [[ $1 != *\\ ]] && bash -n <<<"$1" 2>/dev/null
}

session_split() {
    local line command='' n=0 at
    mkdir -p "$2"
    while IFS= read -r line; do
        if [[ -n $command ]]; then
            command+=$'\n'$line
        elif [[ $line == '$ '* ]]; then
            command=${line#\$ }
            printf -v at '%s/%03d' "$2" $((++n))
            : >"$at.want"
        else
            printf '%s\n' "$line" >>"$at.want"
        fi
        if [[ -n $command ]] && session_whole "$command"; then
            printf '%s\n' "$command" >"$at.cmd"
            command=''
        fi
    done <"$1"
    [[ -z $command ]] || { echo "a command without an end: $command" >"$at.cmd.bad"; }
}
