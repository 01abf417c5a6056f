#!/usr/bin/env bash
# cli.sh BIN_DIR [TREE] - does every tool of TREE/cmd keep the conventions of sluice(7), do its option
# table, --help and man page agree, and do the completions know it? What these offer is asked of the
# shells by completions.sh.
#
# A line a rule: "ok RULE", or "not ok RULE: TOOL: what" for each breach; then the count; exit 1 if
# a rule is broken. TREE is this script's own tree unless given.
set -u
export LC_ALL=C

[[ $# -ge 1 && -d $1 ]] || { echo "usage: cli.sh BIN_DIR [TREE]" >&2; exit 2; }
bin=$(cd "$1" && pwd)
tree=$(cd "${2:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd) || exit 2
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/rules.bash"
mapfile -t tools < <(cd "$tree/cmd" && for f in *.c; do [[ -e $f ]] && echo "${f%.c}"; done)

# each FUNCTION: FUNCTION TOOL for every tool, its breaches with the tool's name before them.
each() {
    local tool
    for tool in "${tools[@]}"; do
        "$1" "$tool" | sed "s/^/$tool: /"
    done
}

# run TOOL ARG...: its output in $scratch/out and $scratch/err; returns its exit code.
run() {
    "$bin/$1" "${@:2}" >"$scratch/out" 2>"$scratch/err" </dev/null
}

# Each tool's rows of --help-options, as $scratch/TOOL.rows, with "|" for the tabs, as read takes a run
# of tabs for one; "|" between choices becomes a blank. What they offer, as it is typed, a line each, is
# $scratch/TOOL.own, and $scratch/all for all tools.
ask_tools() {
    local tool
    for tool in "${tools[@]}"; do
        "$bin/$tool" --help-options 2>/dev/null </dev/null | tr '|\t' ' |' >"$scratch/$tool.rows"
        options "$scratch/$tool.rows" >"$scratch/$tool.own"
    done
    cat "$scratch"/*.own 2>/dev/null | sort -u >"$scratch/all"
}

options() {
    awk -F '|' '{ print "--" $2; if ($1 != "") print "-" $1 }' "$1" | sort -u
}

programs() {
    [[ ${#tools[@]} -gt 0 ]] || echo "no cmd/*.c in $tree"
    local tool
    for tool in "${tools[@]}"; do
        [[ -x $bin/$tool ]] || echo "$tool: no program in $bin"
    done
}

# The table itself: five fields, plain names, none twice, -h and -V among them.
table() {
    run "$1" --help-options || echo "--help-options fails"
    [[ -s $scratch/err ]] && echo "--help-options writes to stderr"
    awk -F '\t' '
        NF != 5 { print "row " NR " of --help-options has " NF " fields, not 5"; next }
        $1 !~ /^[A-Za-z0-9]?$/ { print "odd short option \"" $1 "\"" }
        $2 !~ /^[a-z0-9][a-z0-9-]+$/ { print "odd long option \"" $2 "\"" }
        $3 != "" && $4 != "" { print "--" $2 " has an argument name and choices" }
        $5 == "" { print "--" $2 " has no help" }
        $1 != "" && seen["-" $1]++ { print "-" $1 " is there twice" }
        seen["--" $2]++ { print "--" $2 " is there twice" }
        END {
            if (!("-h" in seen) || !("--help" in seen)) print "no -h, --help"
            if (!("-V" in seen) || !("--version" in seen)) print "no -V, --version"
        }' "$scratch/out"
}

help_text() {
    local flag first short long text
    for flag in --help -h; do
        run "$1" "$flag" || echo "$flag: exit code is not 0"
        [[ -s $scratch/err ]] && echo "$flag writes to stderr"
        text=$(cat "$scratch/out")
        first=${text%%$'\n'*}
        [[ $first == "Usage: $1 "* ]] || echo "$flag begins '$first', not 'Usage: $1 '"
    done
    # An option's name, and not as a part of a longer word.
    while IFS='|' read -r short long _; do
        [[ $text =~ (^|[^A-Za-z0-9-])--$long([^A-Za-z0-9-]|$) ]] || echo "--help does not name --$long"
        [[ -z $short || $text =~ (^|[^A-Za-z0-9-])"-$short, --$long"([^A-Za-z0-9-]|$) ]] ||
            echo "--help does not name -$short, --$long"
    done <"$scratch/$1.rows"
}

version_text() {
    local flag version
    version=$(cat "$tree/VERSION")
    for flag in --version -V; do
        run "$1" "$flag" || echo "$flag: exit code is not 0"
        [[ -s $scratch/err ]] && echo "$flag writes to stderr"
        head -n 1 "$scratch/out" | grep -Fwq -- "$version" ||
            echo "$flag does not begin with a line that names version $version"
    done
}

misuse() {
    local option code
    for option in --no-such-option -%; do
        run "$1" "$option"
        code=$?
        [[ $code == 2 ]] || echo "$option: exit code is $code, not 2"
        [[ -s $scratch/out ]] && echo "$option: writes to stdout"
        [[ $(head -n 1 "$scratch/err") == "$1: "* ]] || echo "$option: no message that begins '$1: '"
        grep -Fxq "Try '$1 --help'." "$scratch/err" || echo "$option: no line \"Try '$1 --help'.\""
    done
}

# The options that an mdoc page names, a line each: "own OPTION" in SYNOPSIS and in list heads
# (".It Fl ..."), "text OPTION" in running text, where another tool's may be meant.
man_options() {
    awk '
        /^\.Sh / { section = $2 }
        /^\.\\"/ || !/^\./ { next }
        {
            gsub(/\\-/, "-")
            where = section == "SYNOPSIS" || $1 " " $2 == ".It Fl" ? "own" : "text"
            for (i = 1; i < NF; i++) {
                if ($i != "Fl" && $i != ".Fl") continue
                word = $++i
                if (word == "Fl") print where " --" $++i
                else if (word ~ /^[A-Za-z0-9]+$/) # Fl qv is -q and -v
                    for (k = 1; k <= length(word); k++) print where " -" substr(word, k, 1)
            }
        }' "$1"
}

# only FIRST SECOND FORMAT: each line that is in FIRST alone; both files are sorted.
only() {
    comm -23 "$1" "$2" | sed "s|.*|$3|"
}

man_page() {
    local page=man/$1.1
    [[ -f $tree/$page ]] || { echo "no $page"; return; }
    man_options "$tree/$page" | sort -u >"$scratch/man"
    sed -n 's/^own //p' "$scratch/man" >"$scratch/man-own"
    sed -n 's/^text //p' "$scratch/man" >"$scratch/man-text"
    only "$scratch/$1.own" "$scratch/man-own" "$page does not document &"
    only "$scratch/man-own" "$scratch/$1.own" "$page documents &, which is no option"
    only "$scratch/man-text" "$scratch/all" "$page mentions &, which no tool has"
}

# A page of section 1 that belongs to no tool, and what mandoc has to say.
man_orphans() {
    local page name
    for page in "$tree"/man/*.1; do
        name=$(basename "$page" .1)
        [[ ! -e $page || -e $tree/cmd/$name.c ]] || echo "man/$name.1 has no cmd/$name.c"
    done
}

man_lint() {
    command -v mandoc >/dev/null || { echo "there is no mandoc here"; return; }
    mandoc -T lint -W warning "$tree"/man/*.[1-9] 2>&1 | sed "s|^mandoc: ||; s|$tree/||"
}

# same_tools FILE: standard input against the list of tools.
same_tools() {
    diff <(printf '%s\n' "${tools[@]}" | sort) <(tr -s ' \n' '\n' | sed '/^$/d' | sort) |
        sed -n "s|^< \(.*\)|$1 does not name \1|p; s|^> \(.*\)|$1 names \1, which is no tool|p"
}

completion_lists() {
    local dir=$tree/completions
    # shellcheck disable=SC2016 # that shell expands it
    bash --norc -c 'source "$1"; complete -p' _ "$dir/sluice.bash" | awk '{ print $NF }' |
        same_tools completions/sluice.bash
    sed -n '1s/^#compdef //p' "$dir/_sluice" | same_tools completions/_sluice
    sed -n 's/^for tool in //p' "$dir/sluice.fish" | same_tools completions/sluice.fish
}

readme() {
    grep -Fwqs -- "$1" "$tree/README.md" || echo "README.md does not name it"
}

bats_file() {
    [[ -f $tree/tests/cli/$1.bats ]] || echo "no tests/cli/$1.bats"
}

cd "$scratch" || exit 2
ask_tools
rule programs programs
rule table each table
rule help each help_text
rule version each version_text
rule misuse each misuse
rule man each man_page
rule man-orphans man_orphans
rule man-lint man_lint
rule completions completion_lists
rule readme each readme
rule bats each bats_file
finish checks
