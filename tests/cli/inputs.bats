# No output takes the place of what is read: of every tool each output on each input. What is in the
# files is of no account, as it is seen before they are opened. The last test holds the rows against
# the tools.
load helper
load trace

setup() {
    enter_work
    for name in a b c d e f; do echo "$name" >$name; done
    ln -s a link
}

# stay TOOL ARGUMENT...: one argument is @, where an output is named. It is put on each of the files
# that the others name.
stay() {
    local input files=()
    for input in "${@:2}"; do
        [[ ! -f $input ]] || files+=("$input")
    done
    [[ ${#files[@]} -gt 0 ]] || { echo "no input: $*" && return 1; }
    for input in "${files[@]}"; do
        misuse "${@/#@/$input}"
        says "'$input' is read: nothing is written in its place"
        is "$input" "$(<"$input")"
    done
}

@test "fm-: indexes, texts, patterns and benchmarks" {
    stay fm-build -o @ a b
    stay fm-cat -o @ a 0
    stay fm-contam -o @ -b b -b c a
    stay fm-count -o @ a x
    stay fm-find -o @ a x
    stay fm-match -o @ a b c
    stay fm-stat -o @ a
}

@test "vec-: vectors, codecs, codes and neighbours" {
    stay vec-decode --to fvecs -o @ a b
    stay vec-encode -o @ a b
    stay vec-eval -o @ -c a -c b c d e
    stay vec-eval -o @ --train-queries a -c b c d e
    stay vec-knn -o @ --allow c a b
    stay vec-knn -o x.ivecs --distances @ --allow c a b
    stay vec-recall -o @ --ties-base c --ties-queries d a b
    stay vec-stat --from fvecs -o @ a
    stay vec-train -c pq4x4 --queries b -o @ a
}

@test "ann-: indexes, vectors, and what goes with them" {
    stay ann-bench -o @ a b c d
    stay ann-bench --svg @ a b c d
    stay ann-build -t hqi --queries b --where-file c --attrs d --ids e -o @ a
    stay ann-build -t hqi --workload b --attrs c -o @ a
    stay ann-build -t tenant --tenants b -o @ a
    stay ann-fuse --from tsv --map c -o @ a b
    stay ann-fuse --from ivecs --map c -o x.ivecs --distances @ a b
    stay ann-search --where-file c -o @ a b
    stay ann-search --tenants-file c -o x.ivecs --distances @ a b
    stay ann-stat -o @ a
    stay ann-tune --tenants-file d @ b c
    stay ann-tune --tenants-file d -o @ index b c
    stay ann-update --compact --add c --ids d --attrs e --map @ -o x a b
    stay ann-update --add c --ids d --attrs e -o @ index b
}

@test "an index may be the one that is changed, in whose place nothing else goes" {
    misuse ann-tune a a b
    misuse ann-tune a b a
    misuse ann-update a a
    misuse ann-update --compact --map a a
    misuse ann-update --compact --map a -o x a
    says "'a' is read: nothing is written in its place"
}

@test "trace-, kv-: traces, replays, costs and cards" {
    stay kv-alloc -o @ a
    stay kv-alloc --lengths a -o @
    stay kv-alloc --lengths a --write @
    stay trace-blocks -o @ a b
    stay trace-capacity --cost b --model c --gpu d --tbt 1 -o @ a
    stay trace-compare -o @ a b
    stay trace-cost --fit a -o @
    stay trace-cost --cost a --model b --gpu c -o @ 1:1
    stay trace-gen --lengths a -o @
    stay trace-plan --cost b --model c --machines 8xH100 --slo ttft=1 -o @ a
    stay trace-plan --cost b --model c --machines 8xH100 --slo ttft=1 --svg @ a
    stay trace-plot -o @ a b
    stay trace-prefix -o @ a
    for output in -o --steps --timeline; do
        stay trace-replay --cost b --model c --gpu d $output @ a
    done
    stay trace-replay --cluster b -o @ a
    stay trace-replay --cost b --sched batchllm --groups c -o @ a
    stay trace-stat -o @ a
    stay trace-stat --svg @ a
}

@test "tables that a list or a cluster's file names" {
    trace-gen -n 2 -o t.jsonl
    for table in d e; do
        misuse trace-capacity --costs d,e --tbt 1 -o $table t.jsonl
        says "'$table' is read"
    done
    table >table.csv
    cp table.csv whole
    echo '[{"cost":"table.csv"},{"cost":"roofline","model":"Llama-3-8B","gpu":"A100-80GB"}]' >cluster.json
    for output in -o --steps --timeline; do
        misuse trace-replay --cluster cluster.json $output table.csv t.jsonl
        says "'table.csv' is read"
        cmp whole table.csv
    done
    ok trace-replay --cluster cluster.json -o rows t.jsonl
}

@test "a link to an input, another way to it, and standard input" {
    for output in link ./a ../work/a; do
        misuse trace-stat -o $output a
        says "'$output' is read"
        misuse vec-stat --from fvecs -o $output - <a
        is a "$(<a)"
    done
}

@test "every tool is above, but for those that take the place of what they read, or read no file" {
    local tool
    for tool in "$SLUICE_BIN"/*; do
        tool=${tool##*/}
        case $tool in
        fm-merge | vec-convert | trace-convert) ;; # theirs may: all is read before
        trace-program | block-zoo) ;;              # of nothing; of a store
        *) grep -q "^ *stay $tool " "$BATS_TEST_FILENAME" || { echo "no row for $tool" && false; } ;;
        esac
    done
}
