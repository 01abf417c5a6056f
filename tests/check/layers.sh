#!/usr/bin/env bash
# layers.sh [TREE] - do TREE/cmd and TREE/lib keep the rules of the house: who may include whom, who
# may print, what is never called?
#
# A line a rule: "ok RULE", or "not ok RULE: FILE:LINE: what" for each breach; then the count; exit 1
# if a rule is broken. TREE is this script's own tree unless given. It greps, with comments and the
# insides of strings taken away; a name hidden behind a macro escapes it.
set -u
export LC_ALL=C

tree=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd) || exit 2
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/rules.bash"

# A floor, and those that it may include. cmd/ may include every one.
floors=(
    'base: base'
    'text: text base'
    'vec: vec base'
    'fm: fm text base'
    'ann: ann vec base'
    'sim: sim text base'
    'cache: cache ann sim vec text base'
)

# Headers of the C library, the kernel and the compiler; any other in < > is a third party's.
c11='assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign'
c11+='|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|threads|time'
c11+='|uchar|wchar|wctype'
unix='dirent|dlfcn|endian|fcntl|fnmatch|ftw|getopt|glob|grp|langinfo|libgen|linux/.*|malloc|poll'
unix+='|pthread|pwd|regex|sched|search|semaphore|spawn|strings|sys/.*|termios|unistd'
compiler='cpuid|omp|arm_neon|arm_sve|x86intrin|[a-z]*mmintrin'
system="($c11|$unix|$compiler)"

# Calls that speak, end the process or read the environment; and calls that nobody makes.
speaking='exit|_exit|_Exit|quick_exit|abort|printf|vprintf|fprintf|vfprintf|dprintf|puts|fputs'
speaking+='|putchar|perror|getenv|secure_getenv|setenv|putenv|unsetenv'
printing='printf|vprintf|fprintf|vfprintf|dprintf|puts|fputs|putchar|fputc|putc|perror|fwrite|write'
banned='strcpy|stpcpy|strcat|strncat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system|popen'
banned+='|mktemp|tmpnam|tempnam'

# The files given as "FILE:LINE:CODE", without comments, strings empty; #include lines as they are.
code() {
    awk '
        FNR == 1 { in_comment = 0 }
        {
            rest = $0
            text = ""
            if (!in_comment && /^[ \t]*#[ \t]*include/) {
                text = rest
                rest = ""
            }
            while (rest != "") {
                if (in_comment) {
                    end = index(rest, "*/")
                    if (!end) break
                    rest = substr(rest, end + 2)
                    in_comment = 0
                } else if (match(rest, /\/\*|\/\/|["'\'']/)) {
                    text = text substr(rest, 1, RSTART - 1)
                    token = substr(rest, RSTART, RLENGTH)
                    rest = substr(rest, RSTART + RLENGTH)
                    if (token == "//") break
                    if (token == "/*") {
                        in_comment = 1
                        text = text " "
                    } else {
                        match(rest, "^([^\\\\" token "]|\\\\.)*" token)
                        rest = RSTART ? substr(rest, RLENGTH + 1) : ""
                        text = text token token
                    }
                } else {
                    text = text rest
                    rest = ""
                }
            }
            sub(/[ \t]+$/, "", text)
            print FILENAME ":" FNR ":" text
        }' "$@"
}

# Reads code(), writes "FILE:LINE: NAME" for every function defined without `static`.
public_functions() {
    awk '
        {
            match($0, /^[^:]*:[0-9]*:/)
            at = substr($0, 1, RLENGTH)
            text = substr($0, RLENGTH + 1)
            file = substr(at, 1, index(at, ":"))
            if (file != last) { head = ""; in_macro = 0 }
            last = file
        }
        in_macro || text ~ /^[ \t]*#/ { in_macro = text ~ /\\$/; next }
        # A type whose name a macro makes, struct F(x) {, is no function.
        text ~ /^(struct|union|enum) [A-Za-z_0-9]+\([A-Za-z_0-9]+\) [{]$/ { head = ""; next }
        text == "{" || text ~ /^[A-Za-z_].*\)[ \t]*[{]$/ {
            head = head " " text
            gsub(/__attribute__ *\(\([^()]*(\([^()]*\))?[^()]*\)\)/, "", head)
            if (head !~ /(^|[^A-Za-z0-9_])static[^A-Za-z0-9_]/ &&
                match(head, /[A-Za-z_][A-Za-z0-9_]* *\(/)) {
                name = substr(head, RSTART, RLENGTH - 1)
                sub(/ +$/, "", name)
                print at " " name
            }
            head = ""
            next
        }
        text ~ /[;}][ \t]*$/ { head = ""; next }
        { head = head " " text }'
}

# includes FILES_REGEX (without groups): "FILE:LINE: HEADER" with its quotes or angles.
includes() {
    sed -nE "s,^($1:[0-9]+:)[ \t]*#[ \t]*include[ \t]*([\"<][^\">]*[\">]).*,\1 \2,p" "$scratch/code"
}

sources() {
    [[ -s $scratch/code ]] || echo "no .c or .h file in $tree/cmd and $tree/lib"
    find cmd lib -type f ! -name '*.c' ! -name '*.h' | sed 's/$/:1: neither .c nor .h/'
}

folders() {
    local names='' floor
    for floor in "${floors[@]}"; do names+="|${floor%%:*}"; done
    find lib cmd -name '*.[ch]' | grep -Ev "^(cmd/[^/]+\.c|lib/(${names#|})/[^/]+)$" |
        sed 's/$/:1: stands on no floor/'
}

# layer FILES_REGEX FLOOR...: they may include these floors alone.
layer() {
    local files=$1
    shift
    includes "$files" | grep '"' | grep -Ev "\"($(tr ' ' '|' <<<"$*"))/[^/]+\"" | sed 's/$/ stands higher/'
}

# Each third-party header has one .c file, so that there is one place to change or replace it.
third_party() {
    includes '[^:]*' | grep '<' | grep -Ev "<$system\.h>" | sort -t: -k1,1 -k2,2n | awk '
        { file = $1; sub(/:.*/, "", file) }
        file ~ /\.h$/ { print $0 " in a header"; next }
        !($2 in owner) { owner[$2] = file }
        owner[$2] != file { print $0 " is for " owner[$2] " alone" }'
}

# calls NAMES FILES_REGEX: not members (a->exit()) and not parts of longer names.
calls() {
    grep -E "^$2:" "$scratch/code" | grep -E "^[^:]*:[0-9]*:(.*[^A-Za-z0-9_.>])?($1)[ \t]*\(" |
        sed -E "s,^([^:]*:[0-9]*:)(.*[^A-Za-z0-9_.>])?($1)[ \t]*\(.*,\1 \3(),"
}

# The library returns, the command speaks.
silent() {
    calls "$speaking" 'lib/[^:]*' | grep -Ev '^lib/base/(cli|progress)\.c:'
    grep -E '^lib/' "$scratch/code" | grep -Ev '^lib/base/(cli|progress)\.c:' |
        sed -nE 's/^([^:]*:[0-9]*:)(.*[^A-Za-z0-9_])?(stdout|stderr)([^A-Za-z0-9_].*)?$/\1 \3/p'
}

# A command speaks through base/cli.h and base/out.h, which make text safe for a terminal.
one_mouth() {
    calls "$printing" 'cmd/[^:]*'
    grep -E '^cmd/' "$scratch/code" |
        sed -nE 's/^([^:]*:[0-9]*:)(.*[^A-Za-z0-9_])?(stdout|stderr)([^A-Za-z0-9_].*)?$/\1 \3/p'
}

long_files() {
    find cmd lib -name '*.[ch]' -exec awk 'FNR == 1001 { print FILENAME ":1001: more than 1,000 lines" }' {} +
}

# Linked into one program, an inline or shared function compiled for AVX2 may be the copy that older
# machines run: what such an object exports has its level in its name.
isa_names() {
    local level
    for level in avx2 avx512; do
        grep -E "^[^:]*_$level\.c:" "$scratch/code" | public_functions |
            grep -Ev "_$level\$" | sed "s/\$/() is neither static nor named _$level/"
    done
}

header_functions() {
    grep -E '^[^:]*\.h:' "$scratch/code" | public_functions | sed 's/$/() in a header is not static/'
}

cd "$tree" || exit 2
mapfile -t files < <(find cmd lib -name '*.[ch]' | sort)
[[ ${#files[@]} -eq 0 ]] || code "${files[@]}" >"$scratch/code"
touch "$scratch/code"

rule sources sources
rule folders folders
all=()
for floor in "${floors[@]}"; do
    read -ra below <<<"${floor#*:}"
    rule "layer-${floor%%:*}" layer "lib/${floor%%:*}/[^:]*" "${below[@]}"
    all+=("${floor%%:*}")
done
rule layer-cmd layer 'cmd/[^:]*' "${all[@]}"
rule third-party third_party
rule silent silent
rule one-mouth one_mouth
rule banned calls "$banned" '[^:]*'
rule long-files long_files
rule isa-names isa_names
rule header-functions header_functions
finish checks
