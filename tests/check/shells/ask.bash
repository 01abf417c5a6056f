# ask.bash FOLDER <LINES >ROWS - what bash offers for each line, in rows "LINE<TAB>WORD". The
# completion of a command is found by bash-completion, in FOLDER/completions.
# shellcheck shell=bash
export BASH_COMPLETION_USER_DIR=$1
shopt -s progcomp
# shellcheck disable=SC1091
source /usr/share/bash-completion/bash_completion || exit

# $function completes the last of $words, into which readline breaks the line.
asked() {
    COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
    "$function" "$tool" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
}

while IFS= read -r line; do
    tool=${line%% *}
    complete -p "$tool" &>/dev/null || _completion_loader "$tool"
    read -ra how < <(complete -p "$tool") # complete -o default ... -F FUNCTION TOOL
    options=() function=''
    for ((i = 1; i < ${#how[@]} - 1; i++)); do
        if [[ ${how[i]} == -F ]]; then
            function=${how[++i]}
        else
            options+=("${how[i]}")
        fi
    done
    read -ra words <<<"${line//=/ = }" # "=" is a word of its own
    [[ $line == *[\ =] ]] && words+=('')
    compgen "${options[@]}" -F asked -- "${words[-1]}" 2>/dev/null |
        while IFS= read -r word; do printf '%s\t%s\n' "$line" "$word"; done
done
