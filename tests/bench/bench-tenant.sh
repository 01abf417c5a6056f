#!/usr/bin/env bash
# shellcheck disable=SC2154 # claims.sh has part, build, out, vectors
# bench-tenant.sh BUILD_DIR [PART...]: an index of 200 tenants, 100,000 rows of glove100n, beside one IVF a tenant, and shared lists
# with a filter, each told the least effort by which it reaches recall .93; one thread (bench_tenant.c). Parts:
#
#   near     tenants near each other in space, queries of owners of the row nearest to them
#   random   tenants anywhere; with FULL=1
#   any      both, queries of any tenant; with FULL=1
#   hnswlib  all rows in one graph, those that a tenant may see kept; with FULL=1
#
# Rows as claims.sh says, in BUILD_DIR/bench/tenant.tsv. Indexes are kept in BUILD_DIR/bench/tenant. A minute, of which most is
# the making of 200 indexes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/claims.sh
. "$here/claims.sh"
base=glove100n/base.fvecs query=glove100n/query.fvecs

# us NAME: mean microseconds of the lines of $out that begin so; recall NAME.
us() { sed -n "s/^$1 .* us: mean *\([0-9.]*\).*/\1/p" "$out" | head -n 1; }
recall() { sed -n "s/^$1 .*recall@10 \([0-9.]*\).*/\1/p" "$out" | head -n 1; }
number() { sed -n "s/$1/\1/p" "$out" | head -n 1; }

# tenants random|near [uniform]
tenants() {
    local dir=$build/bench/tenant/$1 what="tenants $1" shared ours
    [ $# = 1 ] || what+=', queries of any tenant'
    there "$vectors/$base" "$vectors/$query"
    fresh "$dir/tenant0" "$build/tests/bench/bench_tenant" "$vectors/$base" || rm -rf "$dir"
    mkdir -p "$dir"
    alone bench_tenant "$vectors/$base" "$vectors/$query" "$dir" "$@" >"$out"
    ours=$(us tenant)
    # What is asked is asked of tenants who are near each other.
    asked() { if [ "$what" = 'tenants near' ]; then echo "<= $1"; else echo -; fi; }
    row "$what: recall@10, all told" ">= .93" "$(recall tenant)" - ours 'bench_tenant'
    row "$what: us a query, mean" "$(asked 1.5)" "$ours" "$(us 'own ivf    nprobe')" ours/base 'bench_tenant; one ivf a tenant'
    shared=$(for n in 316 790; do us "shared $n"; done | sort -g | head -n 1)
    row "$what: us a query, mean" "$(asked .25)" "$ours" "$shared" ours/base 'bench_tenant; shared lists with a filter, 316 or 790'
    row "$what: bytes" "$(asked 1.2)" "$(number '.*; tenant \([0-9]*\) bytes.*')" "$(number '.* plain ivf \([0-9]*\).*')" ours/base \
        'bench_tenant; ivf of all rows, no tenants'
    row "$what: bytes" "$(asked .35)" "$(number '.*; tenant \([0-9]*\) bytes.*')" "$(number '^own ivf  *\([0-9]*\) bytes in all')" \
        ours/base 'bench_tenant; one ivf a tenant'
    row "$what: leaks after 20,000 changes" '= 0' "$(number '.* queries, \([0-9]*\) leaks')" - ours 'bench_tenant, 10,000 queries'
    row "$what: recall@10 after them, of that of an index built anew" '>= .99' "$(recall changed)" "$(recall rebuilt)" ours/base \
        'bench_tenant'
}

near() { tenants near; }

random() {
    with_full
    tenants random
}

any() {
    with_full
    tenants random uniform
    tenants near uniform
}

hnswlib() {
    local tenants
    with_full
    compiled tenant_hnswlib.cpp
    for tenants in random near; do
        there "$build/bench/tenant/$tenants/peer0"
        alone "$build/bench/tenant_hnswlib" "$vectors/$base" "$vectors/$query" "$build/bench/tenant/$tenants/peer0" 16 200 100 200 400 \
            800 >"$out"
        row "tenants $tenants, one graph of hnswlib, a filter behind it: us a query, mean, at recall .93" - \
            "$(awk '$1 == "hnswlib" { print $5, $8 }' "$out" | at .93)" - ours 'tenant_hnswlib, M 16, efC 200'
    done
}

claims tenant 'near random any hnswlib' "$@"
