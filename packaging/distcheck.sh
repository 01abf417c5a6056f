#!/usr/bin/env bash
# distcheck.sh FOLDER - is the release in FOLDER (dist.sh) all that a stranger needs? It is checked
# against its sums and unpacked; there, without git, it is built, tested a little, installed in a
# stage, used, uninstalled, made into the same release again, and cleaned. JOBS: of make (2).
set -euo pipefail
export LC_ALL=C

release=$(cd "$1" && pwd)
name=sluice-$(cat "$(dirname "${BASH_SOURCE[0]}")/../VERSION")
cd "$release"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS BUILD PREFIX DESTDIR BINDIR LIBDIR INCLUDEDIR DATADIR ZSHDIR SOURCE_DATE_EPOCH

step() {
    printf '==== distcheck: %s\n' "$*"
}

# files FOLDER: all that is no folder.
files() {
    (cd "$1" && find . ! -type d | sort)
}

step sums
sha256sum -c SHA256SUMS
mkdir "$scratch/gz" "$scratch/bin"
zstd -q -d -c "$name.tar.zst" | tar -xf - -C "$scratch"
tar -xzf "$name.tar.gz" -C "$scratch/gz"
diff -r "$scratch/$name" "$scratch/gz/$name"
cd "$scratch/$name"
diff <(files . | sed 's,^\./,,') <(sort MANIFEST)

step 'build, without git'
# shellcheck disable=SC2016 # that shell expands it
printf '#!/bin/sh\necho "$0 $*" >>%s/git-was-called\nexit 1\n' "$scratch" >"$scratch/bin/git"
chmod +x "$scratch/bin/git"
export PATH=$scratch/bin:$PATH
make -s -j"${JOBS:-2}"

step 'quick tests'
make -s -j"${JOBS:-2}" check-quick

step 'install in a stage, and use it'
stage=$scratch/stage
make -s install DESTDIR="$stage" PREFIX=/opt/sluice
"$stage/opt/sluice/bin/fm-build" -q -o "$scratch/sample.fmi" tests/data/sample.jsonl
[[ $("$stage/opt/sluice/bin/fm-count" "$scratch/sample.fmi" the) == *'42	the' ]]
# The folders of pages are those of sections; a page is found by man.
MANPATH=$stage/opt/sluice/share/man man -w fm-count sluice trace >"$scratch/pages"
[[ $(wc -l <"$scratch/pages") == 3 ]]

step 'uninstall leaves nothing'
make -s uninstall DESTDIR="$stage" PREFIX=/opt/sluice
[[ -z $(files "$stage") ]] || { files "$stage"; exit 1; }

step 'the same release again'
make -s dist
cmp build/dist/SHA256SUMS "$release/SHA256SUMS"

step clean
make -s clean
diff <(files . | sed 's,^\./,,') <(sort MANIFEST)
[[ ! -e $scratch/git-was-called ]] || { cat "$scratch/git-was-called"; exit 1; }
step 'all is well'
