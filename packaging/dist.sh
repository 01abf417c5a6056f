#!/usr/bin/env bash
# dist.sh FOLDER - the release: FOLDER/sluice-VERSION.tar.zst, .tar.gz, and SHA256SUMS of both.
#
# In them is what git tracks, as it stands in the working tree, and MANIFEST, which lists it: by that
# a tree without git, which was unpacked from one, makes them again. The same tree gives the same
# bytes (with the same tar, zstd and gzip): names are sorted, everything is root's, and of the time
# SOURCE_DATE_EPOCH, or of the commit, or, without git, of the tree it was unpacked from.
set -euo pipefail
export LC_ALL=C TZ=UTC

out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(cat VERSION)
name=sluice-$version
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [[ -e .git ]]; then
    git ls-files -z --deduplicate | sort -z | tr '\0' '\n' >"$scratch/MANIFEST"
    echo MANIFEST >>"$scratch/MANIFEST"
    epoch=$(git log -1 --format=%ct)
    [[ -z $(git status --porcelain --untracked-files=no) ]] ||
        echo 'dist: what is not committed is in it, too' >&2
elif [[ -e MANIFEST ]]; then
    cp MANIFEST "$scratch/MANIFEST"
    epoch=$(stat -c %Y MANIFEST)
else
    echo 'dist: neither git nor a MANIFEST says which files to take' >&2
    exit 1
fi
while IFS= read -r file; do
    [[ -e $file || $file == MANIFEST ]] || { echo "dist: there is no $file" >&2; exit 1; }
done <"$scratch/MANIFEST"

# MANIFEST is the one that was just made, so it is not in the tree of a git.
grep -vx MANIFEST "$scratch/MANIFEST" >"$scratch/files"
mkdir "$scratch/$name"
tar -cf - -T "$scratch/files" | tar -xf - -C "$scratch/$name"
cp "$scratch/MANIFEST" "$scratch/$name/MANIFEST"
tar -C "$scratch" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner \
    --mode='u=rwX,go=rX' --mtime="@${SOURCE_DATE_EPOCH:-$epoch}" -cf "$scratch/$name.tar" "$name"

rm -f "$out/$name".tar.* "$out/SHA256SUMS"
zstd -q -19 -T1 -o "$out/$name.tar.zst" "$scratch/$name.tar"
gzip -9 -n <"$scratch/$name.tar" >"$out/$name.tar.gz"
cd "$out"
sha256sum "$name.tar.gz" "$name.tar.zst" >SHA256SUMS
cat SHA256SUMS
