#!/usr/bin/env bash
# completions-selftest.sh - does completions.sh see what it is there to see? The completion files for
# one tool must pass; then each is broken, and what is offered wrongly must be reported.
set -u
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR
source "$here/rules.bash"

# The real completion files, with fm-fake in the place of the tools.
make_tree() {
    mkdir -p bin cmd completions
    touch cmd/fm-fake.c
    sed -E '1s/^#compdef .*/#compdef fm-fake/' "$here/../../completions/_sluice" >completions/_sluice
    sed '/^complete -o/{n;s/.*/    fm-fake/}' "$here/../../completions/sluice.bash" >completions/sluice.bash
    sed -E 's/^for tool in .*/for tool in fm-fake/' "$here/../../completions/sluice.fish" >completions/sluice.fish
    cat >bin/fm-fake <<'END'
#!/bin/sh
[ "$1" = --help-options ] || exit 2
printf 'f\tformat\t\ta|b\tthe form\n'
printf 'o\toutput\tFILE\t\twrite to FILE\n'
printf '\tjson\t\t\twrite [JSON]: all\n'
printf 'h\thelp\t\t\tthis\n'
printf 'V\tversion\t\t\tthat\n'
END
    chmod +x bin/fm-fake
}

# breaks BREACH FILE SED_SCRIPT: with FILE edited, "not ok completions-BREACH" must be printed.
breaks() {
    local breach=$1 file=completions/$2 script=$3 output code
    cp "$file" "$scratch/kept"
    sed -i "$script" "$file"
    if cmp -s "$file" "$scratch/kept"; then
        report 'not ok' "$breach: '$script' changes nothing in $file"
        return
    fi
    output=$("$here/completions.sh" bin . 2>&1)
    code=$?
    mv "$scratch/kept" "$file"
    if [[ $code == 1 && $output == *"not ok completions-$breach"* ]]; then
        report ok "$breach"
    else
        report 'not ok' "$breach: exit code $code and
$output"
    fi
}

mkdir "$scratch/tree" && cd "$scratch/tree" || exit 1
make_tree
if output=$("$here/completions.sh" bin . 2>&1) && [[ $output == *'3 checks passed, 0 failed' ]]; then
    report ok 'completion files that are right'
else
    report 'not ok' "completion files that are right: $output"
fi
breaks "bash: 'fm-fake -': ---format" sluice.bash 's/--help-options/--version/'
breaks "bash: 'fm-fake --format ': -a -b +a|b" sluice.bash 's/choices..|. /choices/'
breaks "bash: 'fm-fake -- -': +--format" sluice.bash 's/== -- /== --- /'
breaks "bash: 'fm-fake ': -alpha.x -beta.y" sluice.bash 's/-o bashdefault -o default//'
breaks "zsh: 'fm-fake -': ---format" _sluice 's/^done$/specs=() ; done/'
breaks "zsh: 'fm-fake -- -': +--format" _sluice 's/-s -S/-s/'
breaks "zsh: 'fm-fake --format ': -a -b +alpha.x +beta.y" _sluice 's/:.long:(.*)"/:x:_files"/'
breaks "fish: 'fm-fake -': ---format" sluice.fish 's/--help-options/--version/'
breaks "fish: 'fm-fake --format=': -a -b" sluice.fish 's/string split -m 1 =/string split -m 1 :/'
breaks "fish: 'fm-fake --format ': -a -b +a|b" sluice.fish "s/split '|'/split ,/"
finish checks
