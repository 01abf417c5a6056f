#!/usr/bin/env bash
# deb.sh RELEASE FOLDER - Debian packages in FOLDER, of the release in RELEASE (dist.sh): built as
# debian/ says, with a quick part of the tests, and looked at by lintian, whose errors are ours.
set -euo pipefail
unset MAKEFLAGS MAKELEVEL MFLAGS BUILD PREFIX DESTDIR BINDIR LIBDIR INCLUDEDIR DATADIR ZSHDIR URING
unset OPENMP CFLAGS CPPFLAGS LDFLAGS

version=$(cat "$(dirname "${BASH_SOURCE[0]}")/../VERSION")
release=$(cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2"
cd "$2"
tar -xzf "$release/sluice-$version.tar.gz"
(
    cd "sluice-$version"
    [[ $(dpkg-parsechangelog -S Version) == "$version" ]] ||
        { echo 'debian/changelog is of another version' >&2; exit 1; }
    dpkg-buildpackage -us -uc -b
)
lintian --fail-on error --info ./*.changes
ls -l ./*.deb
