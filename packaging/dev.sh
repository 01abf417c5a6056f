#!/usr/bin/env bash
# dev.sh BUILD HEADER... - what others need to link the library: BUILD/dev/include/sluice/ and
# BUILD/dev/libsluice.a, of lib/HEADER and all that these include, and of BUILD/libsluice.a.
#
# Inside this tree names are short. Outside they are everybody's: so each global symbol of the
# archive gets the prefix sluice_, and symbols.h, which every header includes first, gives the short
# names of those that the headers declare. Headers include each other by relative paths, and have C
# linkage in C++. Run at the root of the tree; CC, NM and OBJCOPY may be set.
set -euo pipefail
export LC_ALL=C

build=$1
shift
dev=$build/dev
include=$dev/include/sluice
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

rm -rf "$dev"
mkdir -p "$include"

"${NM:-nm}" -g --defined-only "$build/libsluice.a" | awk 'NF == 3 { print $3 }' | sort -u >"$scratch/symbols"
awk '{ print $0, "sluice_" $0 }' "$scratch/symbols" >"$scratch/map"
"${OBJCOPY:-objcopy}" --strip-debug --redefine-syms="$scratch/map" "$build/libsluice.a" "$dev/libsluice.a"

# Those headers and what they include.
read -ra cc <<<"${CC:-cc}"
for root; do
    "${cc[@]}" -Ilib -MM -MT x "lib/$root"
done | sed 's,[\\ ],\n,g' | sed -n 's,^lib/\(.*\.h\)$,\1,p' | sort -u >"$scratch/headers"

while IFS= read -r header; do
    mkdir -p "$include/${header%/*}"
    awk '
        { line[NR] = $0 }
        /^#define .*_H$/ && !guard { guard = NR }
        /^#include / { last = NR }
        /^#endif/ { end = NR }
        END {
            if (!guard || !end) exit 1
            if (!last) last = guard
            for (i = 1; i <= NR; i++) {
                if (i == end) print "#ifdef __cplusplus\n}\n#endif\n"
                if (line[i] ~ /^#include "/) sub(/"/, "\"../", line[i])
                print line[i]
                if (i == guard) print "\n#include \"../symbols.h\""
                if (i == last) print "\n#ifdef __cplusplus\nextern \"C\" {\n#endif"
            }
        }' "lib/$header" >"$include/$header"
done <"$scratch/headers"

# The functions that these declare.
sed 's,.*,#include "&",' "$scratch/headers" | "${cc[@]}" -Ilib -E -P -x c - |
    grep -oE '[A-Za-z_][A-Za-z_0-9]*\(' | tr -d '(' | sort -u | comm -12 - "$scratch/symbols" >"$scratch/public"
{
    echo '/* symbols.h - in libsluice.a every name that a linker sees begins with sluice_; in a source'
    echo ' * file that includes a header of sluice these are short for such.'
    echo ' */'
    printf '#ifndef SLUICE_SYMBOLS_H\n#define SLUICE_SYMBOLS_H\n\n'
    printf '#define SLUICE_VERSION "%s"\n\n' "$(cat VERSION)"
    awk '{ print "#define " $1 " sluice_" $1 }' "$scratch/public"
    printf '\n#endif\n'
} >"$include/symbols.h"
