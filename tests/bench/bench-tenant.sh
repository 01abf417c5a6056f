#!/bin/bash
# bench-tenant.sh BUILD [BASE.fvecs QUERY.fvecs FOLDER] - an index of 200 tenants beside one IVF a tenant and shared lists with a filter, one thread
# (bench_tenant.c), tenants anywhere and tenants near each other, queries of owners and of any tenant; and hnswlib, if it is there.
set -euo pipefail
build=$1 base=${2-/data/bench/vec/glove100n/base.fvecs} query=${3-/data/bench/vec/glove100n/query.fvecs} at=${4-$(mktemp -d)}
here=$(dirname "$0")
for tenants in random near; do
    mkdir -p "$at/$tenants"
    for queries in owners uniform; do
        "$build/tests/bench/bench_tenant" "$base" "$query" "$at/$tenants" $tenants $queries
    done
done
if [[ -e /usr/include/hnswlib/hnswlib.h ]]; then
    g++ -O3 -march=native -std=c++17 -fopenmp "$here/tenant_hnswlib.cpp" -o "$at/tenant_hnswlib"
    for tenants in random near; do
        "$at/tenant_hnswlib" "$base" "$query" "$at/$tenants/peer0" 16 200 100 200 400 800
    done
fi
