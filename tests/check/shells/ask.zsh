# ask.zsh FOLDER <LINES >ROWS - what zsh offers for each line, in rows "LINE<TAB>WORD". Completion
# needs a line editor, and that a terminal: a second zsh on a pseudo-terminal asks for all lines as
# soon as its editor starts. There compadd, through which all that is offered goes, also tells what
# it is.
zmodload zsh/zpty
here=$(mktemp -d)
cat >$here/lines
cat >$here/.zshrc <<'END'
fpath=($folder $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' insert-tab false
compadd() {
    local -a hits
    # With -O, -A or -D it only tells which of its words match.
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        builtin compadd -O hits "$@"
        for hit in $hits; do print -r -- "$asked"$'\t'"$hit" >>$here/rows; done
    fi
    builtin compadd "$@"
}
answer() {
    while IFS= read -r asked; do
        BUFFER=$asked CURSOR=$#asked
        zle list-choices
    done <$here/lines
    : >$here/done
    exit
}
zle -N zle-line-init answer
END
export folder=$1 here ZDOTDIR=$here
zpty -b asked zsh -d -i
while [[ ! -e $here/done ]]; do
    zpty -r asked line || { zpty -t asked && sleep .01 } || break
done
zpty -d asked
[[ ! -e $here/rows ]] || cat $here/rows
[[ -e $here/done ]] || print -u 2 'the asked zsh has ended early'
rm -rf $here # not in a trap: what zpty forks would run it
