#!/usr/bin/env bash
# layers-selftest.sh - does layers.sh see what it is there to see? A small tree that keeps every rule,
# with whatever only looks like a breach, must pass; then each rule is broken in turn, and must be
# reported with its file and line.
set -u
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR
source "$here/rules.bash"

# A tree that keeps every rule, in the working directory. Every .c file has 30 lines.
make_tree() {
    local file
    mkdir -p cmd lib/{base,text,vec,fm,ann,sim,cache}
    cat >lib/base/zst.c <<'END'
/* printf( and exit( in a comment
 * abort() strcpy(a, b) */
#include "base/zst.h" /* for the user */
#include <zstd.h>
#include <sys/mman.h>
#include <immintrin.h>

static const char words[] = "exit(1) \" system(x) /*"; // gets(x)
char quote = '"', other = '\''; /* atoi("1") */
int my_exit(struct ops *ops) { return ops->exit(1) + fgets(buf, 3, f); }
void f(const char *s, ...) __attribute__((format(printf, 1, 2)));
snprintf(a, b, c); vsnprintf(a, b, c, d); unformat(exit); mkstemp(a); x = stdout_name;
END
    cat >lib/base/zst.h <<'END'
#include <stddef.h>
struct zst { int a; };
int my_exit(struct ops *ops);
static inline int zst_half(int x)
{
    return x / 2;
}
END
    echo 'printf(""); exit(1); getenv(""); fputs(a, stderr);' >lib/base/cli.c
    echo 'fprintf(stderr, ""); puts(getenv(""));' >lib/base/progress.c
    cat >lib/fm/rank_avx2.c <<'END'
#include "fm/rank.h"
#include "text/docs.h"
#define BODY(x) \
    int hidden_in_a_macro(int x)
struct pair {
    int a, b;
};
static int helper(int x)
{
    return x;
}
static inline __attribute__((always_inline)) int other(int x)
{
    return helper(x);
}
__attribute__((noinline)) uint64_t rank_avx2(const struct rank *r, uint64_t i,
                                             uint64_t j)
{
    if (other(i))
        return j;
    return 0;
}
END
    sed 's/_avx2/_avx512/' lib/fm/rank_avx2.c >lib/fm/rank_avx512.c
    touch lib/fm/rank.h
    echo '#include "base/zst.h"' >lib/text/docs.c
    echo '#include "base/zst.h"' >lib/vec/vec.c
    echo '#include "vec/vec.h"' >lib/ann/ann.c
    echo '#include "text/docs.h"' >lib/sim/sim.c
    echo '#include "ann/ann.h"' >lib/cache/cache.c
    printf '#include %s\n' '"base/cli.h"' '"fm/fm.h"' '<sqlite3.h>' '<base/err.h>' >cmd/fm-find.c
    echo 'int main(void) { out_printf("x"); exit(getenv("A") != 0); }' >>cmd/fm-find.c
    for file in lib/*/*.c cmd/*.c; do
        while [[ $(wc -l <"$file") -lt 30 ]]; do echo >>"$file"; done
    done
}

# breaks FILE TEXT BREACH...: with the lines TEXT added to FILE, layers.sh must print "not ok BREACH"
# for each, nothing more, and fail.
breaks() {
    local file=$1 text=$2 breach output code missing=
    shift 2
    rm -rf "$scratch/broken" && cp -r "$scratch/good" "$scratch/broken" || exit 1
    mkdir -p "$scratch/broken/$(dirname "$file")"
    printf '%s\n' "$text" >>"$scratch/broken/$file"
    output=$("$here/layers.sh" "$scratch/broken" 2>&1)
    code=$?
    for breach; do
        [[ $output == *"not ok $breach"* ]] || missing+=" [$breach]"
    done
    if [[ $code == 1 && -z $missing && $output == *", $# failed" ]]; then
        report ok "$1${2:+, and $(($# - 1)) more}"
    else
        report 'not ok' "exit code $code, $# breaches expected,$missing not found in
$output"
    fi
}

mkdir "$scratch/good" && cd "$scratch/good" || exit 1
make_tree
if output=$("$here/layers.sh" . 2>&1) && [[ $output != *'not ok'* && $output == *', 0 failed' ]]; then
    report ok 'a tree that keeps every rule'
else
    report 'not ok' "a tree that keeps every rule: $output"
fi
if output=$("$here/layers.sh" "$scratch" 2>&1) || [[ $output != *'not ok sources: no .c'* ]]; then
    report 'not ok' "a tree without sources: $output"
else
    report ok 'a tree without sources'
fi

breaks lib/base/table.inc x 'sources: lib/base/table.inc:1: '
for file in lib/base/deep/x.c lib/new/x.h lib/x.c cmd/x.h; do
    breaks $file x "folders: $file:1: "
done

# up FLOOR FILE FORBIDDEN...: an include of each stands higher.
up() {
    local floor text='' line=31 breaches=()
    for floor in "${@:3}"; do
        text+="#include \"$floor/$floor.h\""$'\n'
        breaches+=("layer-$1: $2:$line: \"$floor/$floor.h\" stands higher")
        line=$((line + 1))
    done
    breaks "$2" "$text" "${breaches[@]}"
}
up base lib/base/zst.c text vec fm ann sim cache
up text lib/text/docs.c vec fm ann sim cache
up vec lib/vec/vec.c text fm ann sim cache
up fm lib/fm/rank_avx2.c vec ann sim cache
up ann lib/ann/ann.c text fm sim cache
up sim lib/sim/sim.c vec fm ann cache
up cache lib/cache/cache.c fm
breaks lib/base/zst.h ' # include "fm/fm.h"' 'layer-base: lib/base/zst.h:8: "fm/fm.h"'
breaks lib/base/zst.c '#include "zst.h"' 'layer-base: lib/base/zst.c:31: "zst.h"'
breaks lib/base/zst.c '#include "base/../fm/fm.h"' 'layer-base: lib/base/zst.c:31: "base/../fm/fm.h"'
breaks cmd/fm-find.c '#include "tests/t.h"' 'layer-cmd: cmd/fm-find.c:31: "tests/t.h"'

breaks lib/fm/rank_avx2.c '#include <zstd.h>' \
    'third-party: lib/fm/rank_avx2.c:31: <zstd.h> is for lib/base/zst.c alone'
breaks lib/vec/vec.c $'#include <sqlite3.h>\n#include <base/err.h>' \
    'third-party: lib/vec/vec.c:31: <sqlite3.h> is for cmd/fm-find.c alone' \
    'third-party: lib/vec/vec.c:32: <base/err.h> is for cmd/fm-find.c alone'
breaks lib/base/zst.h '#include <zlib.h>' 'third-party: lib/base/zst.h:8: <zlib.h> in a header'

# called RULE FILE NAME...: each call is a breach.
called() {
    local name text='' line=31 breaches=()
    for name in "${@:3}"; do
        text+="    x = $name (\"x\");"$'\n'
        breaches+=("$1: $2:$line: $name()")
        line=$((line + 1))
    done
    breaks "$2" "$text" "${breaches[@]}"
}
called silent lib/base/zst.c exit _exit abort printf vprintf fprintf puts fputs perror getenv setenv
called one-mouth cmd/fm-find.c printf fprintf dprintf puts fputs putchar perror fwrite write
breaks cmd/fm-find.c 'FILE *f = stderr;' 'one-mouth: cmd/fm-find.c:31: stderr'
called banned cmd/fm-find.c strcpy strcat sprintf vsprintf gets atoi atol atof strtok system mktemp tmpnam
called banned lib/base/cli.c strcpy strcat sprintf vsprintf gets atoi atol atof strtok system mktemp tmpnam
breaks lib/base/zst.h '#define LEAVE exit(1)' 'silent: lib/base/zst.h:8: exit()'
breaks lib/fm/rank.h '/* a */ if (x) {abort();} /* b */' 'silent: lib/fm/rank.h:1: abort()'
breaks lib/sim/sim.c 'fwrite(p, 1, n, stderr);' 'silent: lib/sim/sim.c:31: stderr'
breaks lib/sim/sim.c $'/* exit(1)\n*/ a();\nb("\\\\", x[0]); exit(1);' 'silent: lib/sim/sim.c:33: exit()'

many=$(seq -f 'int x%g;' 971)
breaks lib/vec/vec.c "$many" 'long-files: lib/vec/vec.c:1001: '
breaks cmd/fm-find.c "$many" 'long-files: cmd/fm-find.c:1001: '

functions='int one(int x)
{
}
inline int two(int x) {
}
static int a;
__attribute__((target("avx")))
uint64_t
three(struct x *rank_avx2(int))
{
}'
for level in avx2 avx512; do
    file=lib/fm/rank_$level.c
    breaks $file "$functions" "isa-names: $file:32: one() is" "isa-names: $file:34: two() is" \
        "isa-names: $file:40: three() is"
done
breaks lib/fm/rank_avx2.c $'int rank_avx512(int x)\n{\n}' 'isa-names: lib/fm/rank_avx2.c:32: rank_avx512() is'
breaks lib/fm/rank.h $'int shared(int x)\n{\n}' 'header-functions: lib/fm/rank.h:2: shared() in'
finish checks
