#!/usr/bin/env bash
# completions.sh BIN_DIR [TREE] - what do bash, zsh and fish offer when Tab is pressed? Each shell is
# asked itself, with its own completion system, and must offer what the tools' tables hold: every
# option of every tool, the choices of an option behind it and behind its "=", files where a file is
# meant, and no option behind "--".
#
# A line a shell: "ok completions-SHELL", or "not ok completions-SHELL: 'LINE': +WORD -WORD..." for
# each line that is completed by other words: + what should not be there, - what is missing. Exit 1
# if there is one, or if a shell is not installed. TREE is this script's own tree unless given.
set -u
export LC_ALL=C

[[ $# -ge 1 && -d $1 ]] || { echo "usage: completions.sh BIN_DIR [TREE]" >&2; exit 2; }
bin=$(cd "$1" && pwd)
tree=$(cd "${2:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd) || exit 2
shells=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/shells
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/rules.bash"
mapfile -t tools < <(cd "$tree/cmd" && for f in *.c; do echo "${f%.c}"; done)

# The files as `make install` lays them out, and a folder of two files to be completed.
stage() {
    local tool
    mkdir -p "$scratch"/{bash/completions,zsh,fish,files}
    touch "$scratch"/files/{alpha.x,beta.y}
    cp "$tree/completions/sluice.bash" "$scratch/bash/completions/sluice"
    cp "$tree/completions/_sluice" "$scratch/zsh/_sluice"
    cp "$tree/completions/sluice.fish" "$scratch/fish/sluice.fish"
    for tool in "${tools[@]}"; do
        ln -s sluice "$scratch/bash/completions/$tool"
        ln -s sluice.fish "$scratch/fish/$tool.fish"
    done
}

# What is typed, TAB, what must be offered, in rows: for the tool $1.
wanted() {
    "$bin/$1" --help-options </dev/null | awk -F '\t' -v tool="$1" -v OFS='\t' '
        BEGIN { files = "alpha.x beta.y" }
        {
            long = long " --" $2
            if ($1 != "") short = short " -" $1
            if ($4 != "") {
                gsub(/\|/, " ", $4)
                print tool " --" $2 " ", $4
                print tool " --" $2 "=", $4
                if ($1 != "") print tool " -" $1 " ", $4
            } else if ($3 ~ /FILE|IDX|TABLE|TRACE|CODEC|STEPS|CARD/) {
                print tool " --" $2 " ", files
                print tool " --" $2 " al", "alpha.x"
            }
        }
        END {
            print tool " --", long
            print tool " -", long short
            print tool " --vers", "--version"
            print tool " ", files
            print tool " be", "beta.y"
            print tool " -- -", ""
        }'
}

# Rows "LINE<TAB>WORD...", in any order and more than once, as a row a word, sorted; "=" at the end
# of an option, and an option and "=" before its argument, are left out.
words() {
    awk -F '\t' '{
        n = split($2, word, " ")
        for (i = 1; i <= n; i++) {
            sub(/^--[a-z0-9-]+=/, "", word[i])
            if (word[i] != "") print $1 "\t" word[i]
        }
    }' "$1" | sed 's/^\(.*\t--[a-z0-9-]*\)=$/\1/' | sort -u
}

# ask SHELL COMMAND...: COMMAND reads lines and writes rows "LINE<TAB>WORD".
ask() {
    local shell=$1 wrong
    shift
    if ! command -v "$shell" >/dev/null; then
        wrong='it is not installed'
    else
        (cd "$scratch/files" && PATH=$bin:$PATH HOME=$scratch "$@" <"$scratch/lines") \
            >"$scratch/got" 2>"$scratch/err" || echo "$shell: exit code $?" >>"$scratch/err"
        wrong=$(diff <(words "$scratch/wanted") <(words "$scratch/got") | awk -F '\t' '
            /^[<>]/ { line = substr($1, 3); of[line] = of[line] " " (/^</ ? "-" : "+") $2 }
            END { for (line in of) print "'\''" line "'\'':" of[line] }' | sort
            head -n 5 "$scratch/err")
    fi
    breaches "completions-$shell" "$wrong"
}

stage
for tool in "${tools[@]}"; do wanted "$tool"; done >"$scratch/wanted"
cut -f 1 "$scratch/wanted" >"$scratch/lines"
ask bash bash --norc "$shells/ask.bash" "$scratch/bash"
ask zsh zsh -f "$shells/ask.zsh" "$scratch/zsh"
ask fish fish --no-config "$shells/ask.fish" "$scratch/fish"
finish checks
