#!/usr/bin/env bash
# all.sh BUILD: every call of every tool fails in turn, the first 150 of a kind and 60 more; 50
# kills of each builder at random moments, and a kill and a signal before each call; the same as on a
# file system without unnamed files; small disks, races. The families side by side.
here=$(cd "$(dirname "$0")" && pwd)
bin=$1/bin tests=$1/tests
failed=0

families() {
    local pids=() pid
    "$here/walk.sh" "$bin" "$tests" fm- & pids+=($!)
    "$here/walk.sh" "$bin" "$tests" ann- & pids+=($!)
    "$here/walk.sh" "$bin" "$tests" vec- trace- block- kv- help & pids+=($!)
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
}

FIRST=${FIRST-150} SAMPLE=${SAMPLE-60} families
WALK=-x FIRST=50 SAMPLE=50 families
WALK=-T FIRST=50 SAMPLE=20 families
export FAULT_NAMED=1
KINDS=write,sync,folder,name,create,open,mode,close FIRST=50 SAMPLE=20 families
KINDS=memory,map,start FIRST=30 SAMPLE=20 families
WALK=-x FIRST=30 SAMPLE=20 families
WALK=-T FIRST=30 SAMPLE=10 families
unset FAULT_NAMED
"$here/others.sh" "$bin" "$tests" || failed=1
exit $failed
