#!/usr/bin/env bash
# hacking.sh [TREE] - is all that sluice-hacking(7) names there? Paths (.Pa), of which NAME stands for
# any name and * for what it does; functions (.Fn), struct types (.Vt), constants (.Dv) and variables
# (.Va) as words of the sources; targets of make (.Ql make TARGET); pages (.Xr).
#
# A line a rule: "ok RULE" or "not ok RULE: what"; then the count; exit 1 if a rule is broken.
set -u
export LC_ALL=C

# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/rules.bash"
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}" || exit 2
page=man/sluice-hacking.7

# macro M: the first words after .M, and after M within other macros; there must be some.
macro() {
    sed -nE "s/^\.(.* )?$1 (struct )?([^ ]+).*/\3/p" "$page" | sort -u >"$scratch/$1"
    [[ -s $scratch/$1 ]] || echo "no $1 in the page"
    cat "$scratch/$1"
}

paths() {
    local path
    macro Pa | while IFS= read -r path; do
        [[ $path != include/sluice ]] || continue # where things are laid
        compgen -G "${path//NAME/*}" >/dev/null || echo "there is no $path"
    done
}

# words M FILE...: each is a word of one of the files, but not only in a comment's line.
words() {
    local word
    grep -hvE '^ *(/\*|\*|#[^d])' "${@:2}" | grep -oE '[A-Za-z_][A-Za-z_0-9]*' | sort -u >"$scratch/known"
    macro "$1" | while IFS= read -r word; do
        grep -xq -- "${word//\*/.*}" "$scratch/known" || echo "nothing is called $word"
    done
}

targets() {
    local target
    sed -nE 's/^(\.(Pq )?Ql )?make ([^ ]+).*/\3/p' "$page" |
        grep -v = | sort -u | while IFS= read -r target; do
        case $target in
        build/*) target=tests/${target#*/tests/}.c && [[ -e $target ]] ;;
        *) grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" Makefile ;;
        esac || echo "make has no $target"
    done
}

pages() {
    sed -nE 's/^\.(.* )?Xr ([^ ]+) ([0-9]).*/\2.\3/p' "$page" | sort -u | while IFS= read -r name; do
        [[ -e man/$name ]] || echo "there is no page $name"
    done
}

rule paths paths
rule functions words Fn lib/*/*.h tests/cli/helper.bash
rule types words Vt lib/*/*.h
rule constants words Dv lib/*/*.h
rule variables words Va Makefile
rule targets targets
rule pages pages
finish checks
