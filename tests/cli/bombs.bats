# bombs: inputs that are small, or endless, and want all of the machine. Memory stays bounded, the
# sentence names file and place, and the exit status is 1 or 2.
load helper
load ann

setup() {
    enter_work
}

# sparing MB COMMAND...: with so much memory at most, on one CPU, and a minute of it; under valgrind
# with more, for what it knows of each byte.
sparing() {
    local kb=$(($1 * 1024)) seconds=60
    shift
    [[ ${WATCHED:-} != valgrind ]] || kb=$((4 * kb)) seconds=1200
    if grep -q __asan_init "$bin/fm-stat"; then # which reserves terabytes of addresses
        ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=8:hard_rss_limit_mb=$((kb / 512)) "$@"
    else
        (ulimit -v "$kb" && ulimit -t "$seconds" && OPENBLAS_NUM_THREADS=1 exec taskset -c "$(one_cpu)" "$@")
    fi
}

# One that this process may use.
one_cpu() {
    taskset -cp $$ | sed 's/.*: //; s/[-,].*//'
}

small_index() {
    seq 40 >s.txt
    fm-build -q -o s.fmi s.txt
}

small_vectors() {
    awk 'BEGIN { for (i = 0; i < 90; i++) print i % 7 "," i % 11 "," i % 13 "," i }' >base.csv
    head -n 3 base.csv >query.csv
    vec-convert -q base.csv -o base.fvecs
    vec-convert -q query.csv -o query.fvecs
}

small_trace() {
    echo '{"id":"a","t_ns":0,"prompt":40,"output":30}' >t.jsonl
}

# long_line MB: a line of so many, and no end; a few kilobytes of zstd.
long_line() {
    head -c "$1M" /dev/zero | tr '\0' "$2" | zstd -q -1 >long.zst
}

@test "a line without an end is refused where it is too long, by all readers of lines" {
    small_index
    small_vectors
    small_trace
    ann-build -q -o g.ann base.fvecs
    long_line 260 a
    for command in 'fm-count s.fmi' 'fm-count -0 s.fmi' 'fm-cat s.fmi -' \
        'ann-build -q -o o.ann --ids /dev/stdin base.fvecs' \
        'ann-build -q -t tenant -o o.ann --tenants /dev/stdin base.fvecs' \
        'trace-prefix -' 'trace-stat -' 'vec-convert --from csv -o o.fvecs -' \
        'fm-build -q -m 64M -o o.fmi -f lines -' 'fm-build -q -m 64M -o o.fmi -f text -' \
        'fm-build -q -m 64M -o o.fmi -'; do
        # shellcheck disable=SC2086 # words they are
        fails sparing 600 $command <long.zst
        hear
        [[ $message == *stdin:*" than "*" bytes"* ]] || { echo "$command: $message" && false; }
    done
    [[ ! -e o.ann && ! -e o.fmi && ! -e o.fvecs ]]
}

@test "an endless line, through a pipe" {
    small_index
    fails sparing 600 fm-count s.fmi < <(tr '\0' x </dev/zero 2>/dev/null)
    says 'stdin:1: line is longer than'
}

@test "documents of JSON are small: cards, clusters, applications, programs" {
    small_trace
    head -c 40M /dev/zero | tr '\0' '\n' | zstd -q >long.zst
    roofline='--cost roofline --model Llama-3.1-8B --gpu H100'
    for command in 'trace-replay --cost roofline --model long.zst --gpu H100 t.jsonl' \
        'trace-replay --cost roofline --model Llama-3.1-8B --gpu long.zst t.jsonl' \
        "trace-replay $roofline --cluster long.zst t.jsonl" 'trace-blocks t.jsonl long.zst'; do
        # shellcheck disable=SC2086
        fails sparing 600 $command
        says 'long.zst: more than 33554432 bytes of JSON'
    done
    { echo '[' && head -c 40M /dev/zero | tr '\0' '\n'; } | zstd -q >long.zst
    fails sparing 600 trace-stat --from hexgen long.zst
    says 'long.zst'
}

# deep N OPEN INSIDE CLOSE: so many brackets about something.
deep() {
    awk -v n="$1" -v a="$2" -v b="$3" -v c="$4" 'BEGIN {
        for (i = 0; i < n; i++) printf "%s", a
        printf "%s", b
        for (i = 0; i < n; i++) printf "%s", c
        print ""
    }'
}

@test "JSON that nests a hundred thousand deep" {
    small_index
    small_vectors
    small_trace
    ann-build -q -o g.ann base.fvecs
    deep 100000 '{"text":' 1 '}' >deep.jsonl
    deep 100000 '[' '' ']' >deep.json
    while read -r file command; do
        # shellcheck disable=SC2086
        fails sparing 600 ${command//@/$file}
        says "$file"
        hear
        ((${#message} < 300))
    done <<'EOF'
deep.jsonl fm-build -q -o o.fmi @
deep.jsonl fm-match -f jsonl s.fmi @
deep.jsonl fm-contam -b @ s.fmi
deep.jsonl vec-convert --from jsonl -o o.fvecs @
deep.jsonl ann-build -q -o o.ann --attrs @ base.fvecs
deep.jsonl ann-build -q -t tenant -o o.ann --tenants @ base.fvecs
deep.jsonl ann-update -o o.ann g.ann @
deep.jsonl trace-stat @
deep.json trace-stat @
deep.json trace-convert --from hexgen @
deep.jsonl trace-cost --fit @
deep.json trace-replay --cost roofline --gpu H100 --model @ t.jsonl
deep.json trace-replay --cost roofline --model Llama-3.1-8B --gpu H100 --cluster @ t.jsonl
deep.json trace-blocks t.jsonl @
deep.jsonl trace-prefix @
deep.jsonl trace-plot @
deep.jsonl kv-alloc @
deep.jsonl ann-fuse --from jsonl @
EOF
}

@test "windows of zstd that no memory holds, and bombs that are read through" {
    small_index
    printf '\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00' >window31.zst # the most that is read: 2 GiB
    printf '\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00' >window41.zst
    grep -q __asan_init "$bin/fm-stat" || fails sparing 600 fm-build -q -o o.fmi window31.zst
    fails sparing 600 fm-build -q -o o.fmi window41.zst
    says window41.zst
    head -c 200M /dev/zero | tr '\0' '\n' | tee >(zstd -q >lines.zst) | gzip -1 >lines.gz
    small_vectors
    for at in lines.zst lines.gz; do
        fails sparing 300 vec-convert --from csv -o o.fvecs "$at"
        says "$at:1:"
        fails sparing 300 vec-convert --from fvecs -o o.fvecs "$at"
        says "$at: row 0"
    done
    fails sparing 300 trace-stat lines.gz
    says 'lines.gz: it is empty'
}

@test "patterns and texts of 100 MB" {
    small_index
    head -c 100M /dev/zero | tr '\0' 3 >long
    exits 0 sparing 600 fm-count s.fmi <long
    is 0 "$(grep -v '^#' "$out" | cut -c 1-2 | tr -d '\t')"
    is $((100 * 1048576 + 3 + 16)) "$(stat -c %s "$out")"
    ok sparing 600 fm-match -f text s.fmi long
    ok sparing 600 fm-contam -f lines -b long s.fmi
}

@test "predicates of megabytes, and nested deep" {
    small_vectors
    ann-build -q -o a.ann --attrs <(echo x && seq 90) base.fvecs
    deep 100000 '(' 'x < 5' ')' | sed 's/.*/"&"/' >nested.jsonl
    deep 100000 'not ' 'x < 5' '' | sed 's/.*/"&"/' >not.jsonl
    deep 1000000 'x < 5 or ' 'x < 5' '' | sed 's/.*/"&"/' >long.jsonl
    deep 100000 'x < 5 or ' 'x < 5' '' | sed 's/.*/"&"/' >ops.jsonl
    for at in nested not long ops; do
        for i in 1 2 3; do cat $at.jsonl; done >three.jsonl
        exits 1 sparing 600 ann-search --where-file three.jsonl a.ann query.fvecs
        says "three.jsonl:1: "
        hear
        ((${#message} < 600))
    done
    exits 1 sparing 600 ann-search --where "$(deep 10000 '(' 'x < 5' ')')" a.ann query.fvecs
    says 'column 65: there are more than 64 open here'
}

@test "a set of a million indexes" {
    not_under_valgrind 'it counts mappings itself'
    small_index
    { echo sluice-set 1 && yes s.fmi | head -n 1000000; } >many.set
    fails bash -c 'ulimit -n 32 && exec "$@"' - fm-count many.set 1
    says 'many.set:'
    hear # the system's bound, or ours
    [[ $message == *vm.max_map_count* || $message == *"more than 65536"* ]]
    head -n 3000 many.set >some.set # more than there are descriptors
    ok bash -c 'ulimit -n 32 && exec "$@"' - fm-count some.set 1
}

@test "numbers of a million digits" {
    small_trace
    digits=$(printf '%01000000d' 0 | tr 0 7)
    echo "$digits,2" >n.csv
    fails sparing 300 vec-convert --from csv -o o.fvecs n.csv
    says 'n.csv:1'
    echo "0.$digits,2" >n.csv
    ok sparing 300 vec-convert --from csv -o o.fvecs n.csv
    echo "{\"id\":\"a\",\"t_ns\":0,\"prompt\":$digits,\"output\":30}" >n.jsonl
    fails sparing 300 trace-stat n.jsonl
    says 'n.jsonl: line 1'
    hear
    ((${#message} < 300))
    echo "{\"id\":$digits,\"text\":\"a\"}" >n.jsonl
    ok sparing 300 fm-build -q -o o.fmi n.jsonl
    ok fm-cat o.fmi 0
    is a "$(<"$out")"
    echo "{\"op\":\"delete\",\"id\":$digits}" >n.jsonl
    awk 'BEGIN { for (i = 0; i < 90; i++) print i % 7 "," i }' >base.csv
    vec-convert -q base.csv -o base.fvecs
    ann-build -q -o g.ann base.fvecs
    fails sparing 300 ann-update -o o.ann g.ann n.jsonl
    says 'n.jsonl:1'
}

@test "options beyond all measure are misuse" {
    small_index
    small_vectors
    small_trace
    ann-build -q -o g.ann base.fvecs
    vec-knn -q -k 3 base.fvecs query.fvecs -o t.tsv
    roofline='--cost roofline --model Llama-3.1-8B --gpu H100'
    while read -r command; do
        # shellcheck disable=SC2086
        misuse sparing 600 ${command//ROOFLINE/$roofline}
    done <<'EOF'
ann-search -k 1000000000 g.ann query.fvecs
ann-search --ef 1000000000000 g.ann query.fvecs
ann-search -T 1000000000 g.ann query.fvecs
ann-build -R 1000000000 -o o.ann base.fvecs
ann-build -t ivf --lists 1000000000 -o o.ann base.fvecs
ann-tune -k 1000000000 g.ann query.fvecs
ann-bench --rounds 1000000000 g.ann query.fvecs t.tsv
ann-fuse --depth 1000000000 t.tsv
vec-knn -k 1000000000 base.fvecs query.fvecs
vec-eval -k 1000000000 -c sq8 base.fvecs query.fvecs
vec-train -c pq1000000000x8 base.fvecs -o o.vq
fm-find -T 1000000000 s.fmi e
fm-build -q --shards 1000000000 -o o.fmi s.txt
trace-gen -n 1000000000000
trace-program -n 10 --fanout 1000000000
trace-replay ROOFLINE --replicas 1000000000 t.jsonl
trace-replay ROOFLINE --clients 1000000000 t.jsonl
trace-replay ROOFLINE --kv-blocks 1000000000000 t.jsonl
trace-replay ROOFLINE --max-num-seqs 4000000000 t.jsonl
trace-replay ROOFLINE --autoscale 1:1000000000 t.jsonl
kv-alloc --blocks 1000000000000 --lengths t.jsonl
trace-blocks --devices 1000000000 t.jsonl t.jsonl
EOF
    only base.csv base.fvecs g.ann query.csv query.fvecs s.fmi s.txt t.jsonl t.tsv
}
