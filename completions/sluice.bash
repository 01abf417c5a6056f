# bash completion for the tools of sluice(7).
#
# The options are asked of the tool itself when Tab is pressed: its --help-options prints a row an
# option (short TAB long TAB argument TAB choices TAB help), so they cannot differ from what it
# takes. An option with choices is followed by these, everything else by file names. Installed as
# .../bash-completion/completions/sluice with a link to it for each tool, as bash-completion looks
# for a file that is called like the command.

# _sluice COMMAND WORD PREVIOUS: fills COMPREPLY; left empty, readline completes file names.
_sluice() {
    local cur=$2 prev=$3 options='' table short long argument choices i
    COMPREPLY=()

    # readline breaks words at "=": --format=js is the three words --format = js.
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $prev == '=' ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do # after "--" come operands only
        [[ ${COMP_WORDS[i]} == -- ]] && return
    done

    # Tabs become unit separators, as read takes a run of tabs for one.
    table=$("${1/#\~/$HOME}" --help-options 2>/dev/null) || return
    table=${table//$'\t'/$'\037'}
    while IFS=$'\037' read -r short long argument choices _; do
        if [[ $prev == "--$long" || (-n $short && $prev == "-$short") ]]; then
            [[ -n $choices ]] && mapfile -t COMPREPLY < <(compgen -W "${choices//|/ }" -- "$cur")
            [[ -n $choices || -n $argument ]] && return
        fi
        options+=" --$long${short:+ -$short}"
    done <<<"$table"

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    fi
}

complete -o bashdefault -o default -F _sluice \
    ann-bench ann-build ann-fuse ann-search ann-stat ann-tune ann-update block-zoo fm-build fm-cat fm-contam fm-count fm-find fm-match fm-merge fm-stat kv-alloc trace-blocks trace-capacity trace-compare trace-convert trace-cost trace-gen trace-plan trace-plot trace-prefix trace-program trace-replay trace-stat vec-convert vec-decode vec-encode vec-eval vec-knn vec-recall vec-stat vec-train
