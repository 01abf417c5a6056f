# shellcheck shell=bash
# bench.sh - what bench-fm.sh and bench-vec.sh share, to be sourced: a table of figures, ours beside a
# peer's or a limit, printed and written as JSON Lines.

# figures_begin KEY FILE: figures go to FILE too, which is emptied; KEY is what they are figures of.
figures_begin() {
    figures_key=$1 figures_file=$2
    : >"$figures_file"
    printf '%-12s %-48s %10s %10s %-10s %8s\n' "$1" figure ours peer unit ratio
}

# figure OF NAME UNIT OURS PEER KIND: KIND says which way is better, "less" or "more"; PEER "-": none.
figure() {
    awk -v key="$figures_key" -v c="$1" -v n="$2" -v u="$3" -v o="$4" -v p="$5" -v k="$6" \
        -v json="$figures_file" 'BEGIN {
        r = p == "-" ? "-" : sprintf("%.2f", k == "less" ? p / o : o / p)
        printf "%-12s %-48s %10s %10s %-10s %8s\n", c, n, o, p, u, r
        printf "{\"%s\":\"%s\",\"figure\":\"%s\",\"unit\":\"%s\",\"ours\":%s,\"peer\":%s,\"ratio\":%s}\n",
            key, c, n, u, o, p == "-" ? "null" : p, r == "-" ? "null" : r >>json
    }'
}

# best less|more NAME FILE: the best of the lines "NAME value ..." of a log of several runs.
best() {
    awk -v k="$1" -v n="$2" '$1 == n && (!seen++ || (k == "less" ? $2 < v : $2 > v)) { v = $2 }
        END { print seen ? v : "-" }' "$3"
}
