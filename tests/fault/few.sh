#!/usr/bin/env bash
# few.sh BUILD: what `make check` has of the tests of faults: the first calls of each kind and a
# few of the rest, of tools that write in different ways; each allocation of some that had trouble
# with theirs; kills and signals; races. all.sh has the rest.
here=$(cd "$(dirname "$0")" && pwd)
walk="$here/walk.sh $1/bin $1/tests"
failed=0
for tool in "$1"/bin/*; do
    grep -qE "^ *(\[\[.*)?\"\\\$1\" .* ${tool##*/} [-\"]" "$here/tools.bash" || { echo "NOT OK ${tool##*/} has no job in tools.bash" && failed=1; }
done
"$here/../run.sh" 'walks through faults' \
    "env FIRST=2 SAMPLE=2 $walk fm-build-parts fm-merge-small fm-find ann-build-graph ann-update-ivf \
     vec-encode-pipe vec-knn-sketch trace-replay-fleet trace-gen block-zoo kv-alloc-write help" \
    "env KINDS=memory FIRST=1000 $walk fm-contam ann-build-graph vec-stat trace-replay trace-blocks" \
    "env WALK=-T FIRST=8 SAMPLE=2 $walk fm-merge-parts vec-encode block-zoo-get" \
    "env WALK=-x FIRST=2 SAMPLE=4 $walk fm-build-parts ann-update-ivf block-zoo" \
    "env FAULT_NAMED=1 KINDS=write,sync,folder,name,create,mode FIRST=2 SAMPLE=2 $walk trace-gen block-zoo-get" \
    "env FAULT_NAMED=1 WALK=-x FIRST=2 SAMPLE=4 $walk vec-encode block-zoo-get" \
    "env FAULT_NAMED=1 WALK=-T FIRST=8 SAMPLE=2 $walk vec-encode" \
    "env ROUNDS=3 $here/others.sh $1/bin $1/tests" || failed=1
exit $failed
