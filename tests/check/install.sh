#!/usr/bin/env bash
# install.sh BUILD - does `make install` lay what it should where it should, and `make uninstall`
# take away that and nothing else? Can a stranger's program be compiled against what was laid, by
# gcc, clang and g++, linked whatever names it has itself, and run?
#
# A line a rule: "ok RULE" or "not ok RULE: what"; then the count; exit 1 if a rule is broken.
set -u
export LC_ALL=C

[[ $# == 1 && -d $1 ]] || { echo "usage: install.sh BUILD" >&2; exit 2; }
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/rules.bash"
build=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

# make_it TARGET DESTDIR PREFIX [VARIABLE=VALUE...]
make_it() {
    env -u MAKEFLAGS -u MAKELEVEL -u BINDIR -u LIBDIR -u INCLUDEDIR -u DATADIR -u ZSHDIR \
        make -s BUILD="$build" "$1" DESTDIR="$2" PREFIX="$3" "${@:4}" >"$scratch/made" 2>&1 ||
        { echo "make $1 fails:" && cat "$scratch/made"; }
}

# laid FOLDER: a line a file: mode, or "link" and to where, and its path.
laid() {
    (cd "$1" && find . ! -type d \( -type l -printf 'link %l %P\n' -o -printf '%m %P\n' \) | sort)
}

# wanted PREFIX LIBDIR: the same, as it should be, without their leading slashes.
wanted() {
    local file tool share=$1/share include=$1/include/sluice
    for file in cmd/*.c; do
        tool=$(basename "$file" .c)
        echo "755 $1/bin/$tool"
        echo "link sluice $share/bash-completion/completions/$tool"
        echo "link sluice.fish $share/fish/vendor_completions.d/$tool.fish"
    done
    for file in man/*; do echo "644 $share/man/man${file##*.}/${file#man/}"; done
    echo "644 $share/bash-completion/completions/sluice"
    echo "644 $share/zsh/site-functions/_sluice"
    echo "644 $share/fish/vendor_completions.d/sluice.fish"
    echo "644 $2/libsluice.a"
    echo "644 $2/pkgconfig/sluice.pc"
    echo "644 $include/symbols.h"
    for file in "${headers[@]}"; do echo "644 $include/$file"; done
}
headers=(fm/fm.h ann/ann.h sim/{outcome,load,trace}.h text/{docs,normalize}.h
    vec/{types,file,neigh,allow,knn,knn_file,codec,codes}.h
    base/{err,mem,cpu,names,progress_fn,reads_by}.h)

same() {
    diff <(sort <<<"$1") <(sort <<<"$2") | sed -n 's/^< /not there: /p; s/^> /should not be there: /p'
}

# A user's own files, in folders that sluice's come to as well.
theirs() {
    local file
    for file in bin/other share/man/man1/other.1 include/sluice-other.h include/sluice/fm/mine.h \
        lib/pkgconfig/other.pc share/bash-completion/completions/other; do
        mkdir -p "$1/$(dirname "$file")"
        echo "$file" >"$1/$file"
    done
}

staged() {
    local root="$scratch/st age" before
    mkdir -p "$root/opt/a b"
    theirs "$root/opt/a b"
    before=$(laid "$root")
    make_it install "$root" '/opt/a b' || return
    same "$before"$'\n'"$(wanted 'opt/a b' 'opt/a b/lib')" "$(laid "$root")"
    make_it uninstall "$root" '/opt/a b'
    same "$before" "$(laid "$root")"
    grep -c . "$root/opt/a b/include/sluice/fm/mine.h" >/dev/null || echo "a user's file is gone"
    [[ ! -e $root/opt/a\ b/include/sluice/vec ]] || echo 'an empty folder of sluice is left'
}

apart() {
    make_it install "$scratch/apart" /usr LIBDIR=/usr/lib/triple
    same "$(wanted usr usr/lib/triple)" "$(laid "$scratch/apart")"
    make_it install "$scratch/apart" /usr LIBDIR=/usr/lib/triple # over what is there
    same "$(wanted usr usr/lib/triple)" "$(laid "$scratch/apart")"
    make_it uninstall "$scratch/apart" /usr LIBDIR=/usr/lib/triple
    same '' "$(laid "$scratch/apart")"
}

# ---- what strangers do ----
home="$scratch/pre fix"
export PKG_CONFIG_PATH="$home/lib/pkgconfig"

# compile COMPILER ARG...: with what pkg-config says.
compile() {
    local flags
    flags=$(pkg-config --static --cflags --libs sluice) || return
    eval "words=($flags)"
    # shellcheck disable=SC2154 # eval sets it
    "$@" "${words[@]}"
}

runs() {
    compile "$1" -Wall -Wextra -Wpedantic -Werror -o "$scratch/example" tests/example/example.c || return
    "$build/bin/fm-build" -q -o "$scratch/sample.fmi" tests/data/sample.jsonl
    "$scratch/example" "$scratch/sample.fmi" the "$scratch/new.ann" 2>&1 |
        diff - tests/example/example.out
    "$build/bin/ann-stat" --check "$scratch/new.ann" >/dev/null 2>&1 || echo "its index is not whole"
    "$scratch/example" "$scratch/none.fmi" the "$scratch/new.ann" >/dev/null 2>"$scratch/said"
    [[ $? == 1 && $(cat "$scratch/said") == "example: cannot open '$scratch/none.fmi': "* ]] ||
        echo "of a file that is not there it says '$(cat "$scratch/said")'"
}

# Each header alone, twice.
alone() {
    local header
    for header in "${headers[@]}"; do
        printf '#include <sluice/%s>\n#include "%s"\n' "$header" "$home/include/sluice/$header" |
            "$@" -Wall -Wextra -Wpedantic -Werror -I "$home/include" -fsyntax-only - ||
            echo "$header is not for $1"
    done
}

cplusplus() {
    cat >"$scratch/program.cc" <<'END'
#include <cstdio>
#include <sluice/fm/fm.h>
int main()
{
    fm *index = nullptr;
    err e;
    return fm_open(&index, "none.fmi", nullptr, &e) == ERR_IO && std::puts(SLUICE_VERSION) > 0 ? 0 : 1;
}
END
    compile g++ -Wall -Wextra -Werror -o "$scratch/program" "$scratch/program.cc" || return
    [[ $("$scratch/program") == "$(cat VERSION)" ]] || echo 'the program fails'
}

# Whatever is called as something is called here may be the stranger's own.
names() {
    nm -g --defined-only "$home/lib/libsluice.a" 2>/dev/null |
        awk 'NF == 3 && $3 !~ /^sluice_/ { print $3 " has no prefix" }'
    nm -g --defined-only "$build/libsluice.a" | awk 'NF == 3 && $3 ~ /^[a-z]/ { print $3 }' | sort -u |
        sed 's/.*/int &(void); int &(void) { return 0; }/' >"$scratch/own.c"
    [[ $(wc -l <"$scratch/own.c") -gt 1000 ]] || echo 'so few names?'
    gcc -w -fno-builtin -c -o "$scratch/own.o" "$scratch/own.c"
    compile gcc -o "$scratch/both" tests/example/example.c "$scratch/own.o"
}

rule staged staged
rule apart apart
mkdir -p "$home"
rule prefix make_it install '' "$home"
rule gcc runs gcc
rule clang runs clang
rule headers-c alone gcc -std=c11 -xc
rule headers-c++ alone g++ -std=c++11 -xc++
rule headers-clang alone clang -std=c++17 -xc++
rule c++ cplusplus
rule names names
finish checks
