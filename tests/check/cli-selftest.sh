#!/usr/bin/env bash
# cli-selftest.sh - does cli.sh see what it is there to see? A small tree with one tool that keeps
# every rule must pass; then each rule is broken in turn, and must be reported.
set -u
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR
source "$here/rules.bash"

# The real completion files, with fm-fake in the place of the tools.
copy_completions() {
    local first others
    read -r first others < <(sed -n '1s/^#compdef //p' "$here/../../completions/_sluice")
    for f in sluice.bash _sluice sluice.fish; do
        sed -e "s/\\b$first\\b/fm-fake/" -e "s/ \\b\\(${others// /\\|}\\)\\b//g" \
            "$here/../../completions/$f" >"completions/$f"
    done
}

# A tree that keeps every rule, in the working directory.
make_tree() {
    mkdir -p bin cmd man completions tests/cli
    touch cmd/fm-fake.c tests/cli/fm-fake.bats
    echo 1.2.3 >VERSION
    echo 'There is fm-fake.' >README.md
    copy_completions
    cat >bin/fm-fake <<'END'
#!/bin/sh
case $1 in
--help | -h)
    echo 'Usage: fm-fake [OPTION]... FILE'
    echo '  -f, --format a|b  the form'
    echo '      --json        write JSON'
    echo '  -h, --help        this'
    echo '  -V, --version     that' ;;
--version | -V)
    echo 'fm-fake 1.2.3' ;;
--help-options)
    printf 'f\tformat\t\ta|b\tthe form\n'
    printf '\tjson\t\t\twrite JSON\n'
    printf 'h\thelp\t\t\tthis\n'
    printf 'V\tversion\t\t\tthat\n' ;;
*)
    echo "fm-fake: no option '$1'" >&2
    echo "Try 'fm-fake --help'." >&2
    exit 2 ;;
esac
END
    chmod +x bin/fm-fake
    cat >man/fm-fake.1 <<'END'
.Dd January 1, 2026
.Dt FM-FAKE 1
.Os
.Sh NAME
.Nm fm-fake
.Nd do nothing
.Sh SYNOPSIS
.Nm
.Op Fl f Ar form
.Ar file
.Sh DESCRIPTION
Does nothing, and
.Fl Fl json
changes that little.
.Bl -tag -width Ds
.It Fl f , Fl Fl format Ar form
The form.
.It Fl Fl json
JSON.
.It Fl h , Fl Fl help
This.
.It Fl V , Fl Fl version
That.
.El
END
}

# breaks "BREACH" FILE SED_SCRIPT: with FILE edited, cli.sh must print "not ok BREACH" and fail. With
# an empty script FILE is removed.
breaks() {
    local breach=$1 file=$2 script=$3 output code
    rm -rf "$scratch/broken" && cp -r "$scratch/good" "$scratch/broken" && cd "$scratch/broken" || exit 1
    if [[ -z $script ]]; then
        rm "$file"
    else
        sed -i "$script" "$file"
        if cmp -s "$file" "$scratch/good/$file"; then
            report 'not ok' "$breach: '$script' changes nothing in $file"
            return
        fi
    fi
    output=$("$here/cli.sh" bin . 2>&1)
    code=$?
    if [[ $code == 1 && $output == *"not ok $breach"* ]]; then
        report ok "$breach"
    else
        report 'not ok' "$breach: exit code $code and
$output"
    fi
}

mkdir "$scratch/good" && cd "$scratch/good" || exit 1
make_tree
if output=$("$here/cli.sh" bin . 2>&1) && [[ $output != *'not ok'* && $output == *', 0 failed' ]]; then
    report ok 'a tree that keeps every rule'
else
    report 'not ok' "a tree that keeps every rule: $output"
fi

tool=bin/fm-fake page=man/fm-fake.1
breaks 'programs: fm-fake: no program' $tool ''
breaks 'programs: no cmd/*.c' cmd/fm-fake.c ''
breaks 'table: fm-fake: row 2 of --help-options has 4 fields' $tool 's/tjson.t/tjson/'
breaks 'table: fm-fake: --json has no help' $tool 's/twrite JSON/t/'
breaks 'table: fm-fake: -h is there twice' $tool "s/'.tjson/'h\\\\tjson/"
breaks 'table: fm-fake: --json is there twice' $tool 's/tformat/tjson/'
breaks 'table: fm-fake: odd long option' $tool 's/tjson/t--json/'
breaks 'table: fm-fake: no -V, --version' $tool '/tversion/s/V.tversion/v\\tvers/'
breaks 'help: fm-fake: --help: exit code is not 0' $tool "s/that' ;;/that'; false ;;/"
breaks "help: fm-fake: --help begins 'fm-fake usage" $tool 's/Usage: fm-fake/fm-fake usage/'
breaks 'help: fm-fake: --help writes to stderr' $tool "s/      --json .*/& >\\&2/"
breaks 'help: fm-fake: --help does not name --json' $tool 's/ --json  / --jsonl /'
breaks 'help: fm-fake: --help does not name -f, --format' $tool 's/-f, --format/    --format/'
breaks 'version: fm-fake: -V does not begin' VERSION 's/1.2.3/1.2.4/'
breaks 'version: fm-fake: -V: exit code' $tool "s/echo 'fm-fake 1.2.3'/&; false/"
breaks 'misuse: fm-fake: --no-such-option: exit code is 1, not 2' $tool 's/exit 2/exit 1/'
breaks 'misuse: fm-fake: --no-such-option: writes to stdout' $tool "s/Try .*\" >&2/&; echo oops/"
breaks "misuse: fm-fake: -%: no message that begins 'fm-fake: '" $tool 's/echo "fm-fake: no/echo "no/'
breaks 'misuse: fm-fake: -%: no line "Try' $tool 's/Try .*--help/Try --help/'
breaks 'man: fm-fake: no man/fm-fake.1' $page ''
breaks 'man: fm-fake: man/fm-fake.1 does not document --json' $page '/^.It Fl Fl json/,+1d'
breaks 'man: fm-fake: man/fm-fake.1 does not document -V' $page 's/^.It Fl V , /.It /'
breaks 'man: fm-fake: man/fm-fake.1 documents --gone' $page 's/^.It Fl Fl json/.It Fl Fl gone/'
breaks 'man: fm-fake: man/fm-fake.1 documents -x' $page 's/^.Op Fl f/.Op Fl fx/'
breaks 'man: fm-fake: man/fm-fake.1 mentions --gone' $page 's/^.Fl Fl json/.Fl Fl gone/'
breaks 'man-orphans: man/fm-fake.1 has no cmd' cmd/fm-fake.c ''
breaks 'man-lint: man/fm-fake.1:' $page 's/^.El/.Xyz/'
for f in sluice.bash _sluice sluice.fish; do
    breaks "completions: completions/$f does not name fm-fake" completions/$f 's/fm-fake/fm-other/'
    breaks "completions: completions/$f names fm-more" completions/$f 's/fm-fake/& fm-more/'
done
breaks 'readme: fm-fake: README.md' README.md 's/fm-fake/a tool/'
breaks 'bats: fm-fake: no tests/cli/fm-fake.bats' tests/cli/fm-fake.bats ''
finish checks
