#!/usr/bin/env bash
# install.sh install|uninstall|list BUILD - one list of files for all three: what is laid is what is
# taken away. "list" prints a line each: mode or "link", path (without DESTDIR).
#
# By PREFIX, DESTDIR, and BINDIR, LIBDIR, INCLUDEDIR, DATADIR, ZSHDIR, which may be set apart; any of
# them may hold blanks. Folders are made as they are needed; those that are sluice's alone go when they
# are empty. OPENMP: the library that was built with needs this one.
set -euo pipefail
shopt -s nullglob

action=$1
build=$2
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
bin=${BINDIR:-$prefix/bin}
lib=${LIBDIR:-$prefix/lib}
include=${INCLUDEDIR:-$prefix/include}
share=${DATADIR:-$prefix/share}
zsh=${ZSHDIR:-$share/zsh/site-functions}

tools=(cmd/*.c)
tools=("${tools[@]#cmd/}")
tools=("${tools[@]%.c}")

pc() {
    local text
    text=$(cat packaging/sluice.pc.in)
    text=${text//@PREFIX@/"${prefix// /\\ }"}
    text=${text//@LIBDIR@/"${lib// /\\ }"}
    text=${text//@INCLUDEDIR@/"${include// /\\ }"}
    text=${text//@VERSION@/$(cat VERSION)}
    text=${text//@OPENMP@/${OPENMP:--lgomp}}
    printf '%s\n' "${text//@URING@/${URING:+ liburing}}"
}

# What to do with each file: file MODE SOURCE PATH, link TARGET PATH.
each() {
    local tool page header
    for tool in "${tools[@]}"; do
        file 755 "$build/bin/$tool" "$bin/$tool"
        link sluice "$share/bash-completion/completions/$tool"
        link sluice.fish "$share/fish/vendor_completions.d/$tool.fish"
    done
    for page in man/*.[1-9]; do
        file 644 "$page" "$share/man/man${page##*.}/${page#man/}"
    done
    file 644 completions/sluice.bash "$share/bash-completion/completions/sluice"
    file 644 completions/_sluice "$zsh/_sluice"
    file 644 completions/sluice.fish "$share/fish/vendor_completions.d/sluice.fish"
    for header in "$build"/dev/include/sluice/*.h "$build"/dev/include/sluice/*/*.h; do
        file 644 "$header" "$include${header#"$build"/dev/include}"
    done
    file 644 "$build/dev/libsluice.a" "$lib/libsluice.a"
    file 644 "$build/dev/sluice.pc" "$lib/pkgconfig/sluice.pc"
}

case $action in
list)
    file() { printf '%s\t%s\n' "$1" "$3"; }
    link() { printf 'link\t%s\n' "$2"; }
    each
    ;;
install)
    pc >"$build/dev/sluice.pc"
    file() { install -D -m "$1" -- "$2" "$root$3"; }
    link() {
        mkdir -p -- "$root${2%/*}"
        ln -sfn -- "$1" "$root$2"
    }
    each
    ;;
uninstall)
    file() { rm -f -- "$root$3"; }
    link() { rm -f -- "$root$2"; }
    each
    for folder in "$root$include"/sluice/*/ "$root$include/sluice"; do
        rmdir -- "$folder" 2>/dev/null || true
    done
    ;;
*)
    echo "usage: install.sh install|uninstall|list BUILD" >&2
    exit 2
    ;;
esac
