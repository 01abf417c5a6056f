# golden: files that each version wrote are read by this one, and say what they said; what this one
# writes of the same inputs is, at every CPU level, the same bytes, as long as the versions in the
# files are the same.
load helper

golden=$root/tests/golden

# shellcheck source=tests/golden/ask.sh
. "$golden/ask.sh"

newest() {
    printf '%s\n' "$golden"/[0-9]* | sort -V | tail -n 1
}

@test "files of all versions are whole, and answer what they did" {
    for old in "$golden"/[0-9]*; do
        cp -r "$old" old
        for f in old/*.fmi; do ok fm-stat --check "$f"; done
        for f in old/*.ann; do ok ann-stat -q --check "$f"; done
        ok block-zoo --check old/zoo
        (cd old && ask) >now
        diff -u "$old/answers" now
        diff -r "$old" old # and reading changed nothing
        rm -r old
    done
}

# What LAPACK had a hand in may differ in its last bits where another processor computes it; and the
# codes that go with such a codec name it.
is_lapack() {
    [[ $1 == osq* || $1 == leanvec* ]]
}

@test "the same inputs give the same bytes as they did, at every CPU level" {
    newest=$(newest)
    for level in portable avx2 avx512; do
        SLUICE_CPU=$level "$golden/make.sh" now
        (cd now && find . -type f) | sort >files
        diff files <(cd "$newest" && find . -type f | sort)
        while read -r f; do
            f=${f#./}
            cmp "$newest/$f" "now/$f" || is_lapack "$f" && continue
            echo "$f has other bytes than ${newest##*/} wrote. If that is meant, raise its format's" \
                "version, write down in its page of the manual which ones are read, and add a folder" \
                "to tests/golden: see make.sh. (Compressed frames may differ with the version of zstd.)"
            return 1
        done <files
        rm -r now
    done
}
