# shellcheck shell=bash
# tools.bash - a small job for every tool, as the tests of faults run it again and again: inputs in
# the folder $in, what is written in a working folder. Needs the tools and walk on PATH.

# enter BIN TESTS: the tools and walk on PATH, and $work, which goes at the end.
enter() {
    local base=/dev/shm # in memory, where a sync costs nothing
    export PATH=$1:$2/fault:$PATH LC_ALL=C OMP_WAIT_POLICY=passive FAULT_LIB=$2/fault/fault.so
    [[ -w $base ]] || base=${TMPDIR-/tmp}
    work=$(mktemp -d "$base/sluice-fault-XXXXXX") || exit
    trap 'rm -rf "$work"' EXIT
    in=$work/in
}

# among NAME PART...: does the name have such a part? Without parts, yes.
among() {
    local part
    [[ $# == 1 ]] && return
    for part in "${@:2}"; do [[ $1 == *"$part"* ]] && return; done
    return 1
}

# old_files FILE...: a new working folder, $work/now, with the old files in it.
old_files() {
    local file
    rm -rf "$work/now"
    mkdir "$work/now"
    for file; do
        cp -r "$in/$file" "$work/now/" 2>/dev/null || echo old >"$work/now/$file"
    done
}

# ---- inputs ----

# rows N DIM SEED: N rows of DIM random numbers, as CSV.
rows() {
    awk -v n="$1" -v dim="$2" -v seed="$3" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++)
            for (k = 0; k < dim; k++) printf "%.5f%s", rand(), k < dim - 1 ? "," : "\n"
    }'
}

text_inputs() {
    local i
    for i in 1 2; do
        awk -v seed="$i" 'BEGIN {
            srand(seed)
            for (i = 0; i < 30; i++) {
                printf "{\"id\":\"d%d.%d\",\"text\":\"", seed, i
                for (k = 0; k < 12; k++) printf "%s ", substr("oak ash elm fir pine larch beech", 1 + int(rand() * 20), 9)
                print "\"}"
            }
        }' >docs$i.jsonl
        fm-build -q -o docs$i.fmi docs$i.jsonl
    done
    zstd -q docs1.jsonl
    gzip -k docs2.jsonl
    fm-merge --set -o docs.set docs1.fmi docs2.fmi
    head -n 5 docs1.jsonl >bench.jsonl
    printf 'oak\nash elm\nlarch\n' >patterns
}

vector_inputs() {
    local codec
    rows 120 8 1 >base.csv
    rows 6 8 2 >query.csv
    rows 3 8 3 >more.csv
    for i in base query more; do vec-convert -q $i.csv -o $i.fvecs; done
    vec-convert -q base.csv -o base.npy
    vec-knn -q -k 5 base.fvecs query.fvecs -o truth.ivecs --distances truth.fvecs
    vec-knn -q -k 5 base.fvecs query.fvecs -o near.tsv
    for codec in sq8 pq4x4 osq4; do
        vec-train -q -c $codec base.fvecs -o $codec.vq
        vec-encode -q $codec.vq base.fvecs -o $codec.codes
    done
    seq -f 'id%g' 0 119 >ids
    awk 'BEGIN { print "year\tgenre"; for (i = 0; i < 120; i++) print 1990 + i % 30 "\t" (i % 3 ? "rock" : "jazz") }' >at.tsv
    awk 'BEGIN { for (i = 0; i < 120; i++) { print i "\tall"; if (i % 2) print i "\todd" } }' >grants
    awk -F , '{ printf "{\"where\":\"year >= %d\",\"vector\":[", 1995 + NR % 4 * 5
                for (i = 1; i <= NF; i++) printf "%s%s", $i, i < NF ? "," : "]}\n" }' base.csv | head -n 20 >work.jsonl
    printf '{"op":"delete","id":3}\n{"op":"delete","id":17}\n' >changes.jsonl
    for kind in graph ivf spann hqi osq tenant; do ann_build $kind -o $kind.ann; done
}

# ann_build KIND OPTION...: an index of each kind.
ann_options() {
    case $1 in
    graph) kind_options=(-R 8 -L 12) ;;
    ivf) kind_options=(-t ivf --lists 6 --attrs "$in/at.tsv") ;;
    spann) kind_options=(-t spann --lists 6) ;;
    hqi) kind_options=(-t hqi --leaf 20 --attrs "$in/at.tsv" --workload "$in/work.jsonl") ;;
    osq) kind_options=(-t osq) ;;
    tenant) kind_options=(-t tenant --tenants "$in/grants") ;;
    esac
}

ann_build() {
    local kind_options
    ann_options "$1"
    ann-build -q "${kind_options[@]}" "${@:2}" base.fvecs
}

trace_inputs() {
    trace-gen -q -n 40 --rate 5 --prompt exp:60 --answer exp:10 >trace.jsonl
    printf '1 2 3 4 5 6 8\n1 2 7 9 9\n1 2 3 4 5 6\n5\n\n1 2 7 8\n1 2 3 4 5 6\n' >prompts.ids
    trace-replay -q "${card[@]}" -o replay.tsv trace.jsonl >summary
    cat >apps.json <<'END'
{"activation_bytes": 1000,
 "blocks": [{"id": "a", "kind": "attention", "bytes": 1000, "us": 100, "token_us": 1, "context_us": 0.5, "kv_bytes": 10},
            {"id": "f", "kind": "ffn", "bytes": 2000, "us": 50}],
 "apps": [{"id": "x", "chain": ["a", "f"]}]}
END
    printf '{"id":"r","t_ns":0,"prompt":200,"output":2,"model":"x"}\n' >apps.jsonl
    awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"request_id\":\"r%d\",\"input_toks\":5,\"output_toks\":3,\"queued_ts\":%d.5,\"first_token_ts\":%d.7,\"last_token_ts\":%d.9}\n", i, i, i, i }' >measured.jsonl
    mkdir model other
    vec-convert -q base.csv -o model/a.npy
    vec-convert -q query.csv -o model/b.npy
    vec-convert -q more.csv -o other/c.npy
    cp model/b.npy other/b.npy
    rows 120 8 1 | sed 's/1,/2,/' | vec-convert -q --from csv --to npy -o other/d.npy -
    block-zoo --add zoo model >zoo.said
}

card=(--cost roofline --model Llama-2-7B --gpu A100-80GB)
make_inputs() {
    (mkdir -p "$in" && cd "$in" && text_inputs && vector_inputs && trace_inputs)
}

# ---- jobs ----
# job NAME OLD OPTIONS COMMAND...: the function that is given is called so, in an empty folder but
# for the files OLD, separated by spaces: of $in those that there are, else some text. OPTIONS are
# of walk.

builders() {
    local kind kind_options
    "$1" fm-build docs.fmi '-L docs.fmi.parts*' fm-build -q -o docs.fmi "$in/docs1.jsonl"
    "$1" fm-build-zst '' '-L docs.fmi.parts*' fm-build -q -T 2 -o docs.fmi "$in/docs1.jsonl.zst" "$in/docs2.jsonl.gz"
    "$1" fm-build-parts docs.fmi '-L docs.fmi.parts* -A docs.fmi.parts/*' fm-build -q -m 3K -T 1 -o docs.fmi "$in/docs1.jsonl" "$in/docs2.jsonl"
    "$1" fm-build-append docs1.fmi '-1 -L docs1.fmi.parts* -A docs1.fmi.parts/*' fm-build -q --append docs1.fmi "$in/docs2.jsonl"
    "$1" fm-merge docs.fmi '-L docs.fmi.parts*' fm-merge -q -o docs.fmi "$in/docs1.fmi" "$in/docs2.fmi"
    "$1" fm-merge-parts '' '-L docs.fmi.parts*' fm-merge -q -o docs.fmi "$in"/docs{1,2,1,2}.fmi
    "$1" fm-merge-small docs.fmi '-L docs.fmi.parts*' fm-merge -q -m 100K --layout small -o docs.fmi "$in/docs.set"
    "$1" fm-merge-set docs.set '' fm-merge --set -o docs.set "$in/docs1.fmi" "$in/docs2.fmi"
    for kind in graph ivf spann hqi osq tenant; do
        ann_options $kind
        "$1" ann-build-$kind $kind.ann '' ann-build -q "${kind_options[@]}" -o $kind.ann "$in/base.fvecs"
        [[ $kind == spann || $kind == hqi || $kind == osq ]] || # these cannot be changed
            "$1" ann-update-$kind $kind.ann -1 ann-update -q $kind.ann "$in/changes.jsonl"
    done
    "$1" ann-build-spann-files x.ann '' ann-build -q -t spann --lists 6 -m 9M --from fvecs -o x.ann "$in/base.fvecs"
    "$1" ann-build-codec x.ann '' ann-build -q -c int8 -R 8 -L 12 --ids "$in/ids" -T 2 -o x.ann "$in/base.fvecs"
    "$1" ann-update-add graph.ann -1 ann-update -q --add "$in/more.fvecs" -T 2 graph.ann
    "$1" ann-update-compact ivf.ann '-e -1' ann-update -q --compact --map map.ivecs ivf.ann "$in/changes.jsonl"
    "$1" vec-train c.vq '' vec-train -q -c sq8 "$in/base.fvecs" -o c.vq
    for kind in opq4x4 lvq4x8 rabitq4 osq4 qavq8 leanvec4+lvq8 w4g4; do
        "$1" vec-train-$kind c.vq '' vec-train -q -c $kind --queries "$in/query.fvecs" "$in/base.fvecs" -o c.vq
    done
    "$1" vec-encode c.codes '' vec-encode -q "$in/sq8.vq" "$in/base.fvecs" -o c.codes
    "$1" vec-decode c.npy '' vec-decode -q -T 2 "$in/pq4x4.vq" "$in/pq4x4.codes" -o c.npy
    "$1" vec-convert c.npy '' vec-convert -q "$in/base.fvecs" -o c.npy
    "$1" vec-convert-text c.csv '' vec-convert -q "$in/base.npy" -o c.csv
    "$1" trace-gen t.jsonl '' trace-gen -q -n 40 -o t.jsonl
    "$1" trace-convert t.jsonl '' trace-convert -q --rate 9 -o t.jsonl "$in/trace.jsonl"
    "$1" trace-program t.jsonl '' trace-program -q -n 10 -o t.jsonl
}

# What block-zoo adds are objects before the list that names them; a failure leaves those that are
# whole, for the next.
stores() {
    "$1" block-zoo-add '' '-e -1 -L zoo/*' block-zoo --add zoo "$in/model"
    "$1" block-zoo-near zoo '-e -1 -L zoo/*' block-zoo -q --add --near 0.9 zoo "$in/other"
    "$1" block-zoo-get '' '-1 -L .model.new/*' block-zoo --get "$in/zoo" model -o model
}

queries() {
    "$1" fm-count out '' fm-count --docs -o out "$in/docs.set" oak 'ash elm'
    "$1" fm-count-stdin '' "-i $in/patterns" fm-count "$in/docs1.fmi"
    "$1" fm-find out '' fm-find --json -T 2 -o out "$in/docs.set" oak
    "$1" fm-cat out '' fm-cat --all --meta -o out "$in/docs1.fmi"
    "$1" fm-cat-stdout '' '' fm-cat --meta --load "$in/docs1.fmi" 3 5
    "$1" fm-match out '' fm-match -f lines -l 3 -o out "$in/docs1.fmi" "$in/patterns"
    "$1" fm-contam out '' fm-contam --report html --field text -o out --bench "$in/bench.jsonl" "$in/docs.set"
    "$1" fm-stat out '' fm-stat --check -o out "$in/docs1.fmi"
    "$1" ann-search-graph out '' ann-search -q -T 2 -o out "$in/graph.ann" "$in/query.fvecs"
    "$1" ann-search-ivf out.ivecs -e ann-search -q --where 'year > 2000' -o out.ivecs --distances d.fvecs "$in/ivf.ann" "$in/query.fvecs"
    "$1" ann-search-spann '' '' ann-search -q --direct "$in/spann.ann" "$in/query.fvecs"
    "$1" ann-search-hqi '' '' ann-search -q --batch --field vector --where-file "$in/work.jsonl" "$in/hqi.ann" "$in/work.jsonl"
    "$1" ann-search-osq '' '' ann-search -q --load "$in/osq.ann" "$in/query.fvecs"
    "$1" ann-search-engine '' '' ann-search -q --engine 2 "$in/osq.ann" "$in/query.fvecs"
    "$1" ann-search-pread '' '' ann-search -q --io pread "$in/spann.ann" "$in/query.fvecs"
    "$1" ann-search-tenant '' '' ann-search -q --tenant odd --json "$in/tenant.ann" "$in/query.fvecs"
    "$1" ann-tune graph.ann -t ann-tune -q -k 5 -o out graph.ann "$in/query.fvecs" "$in/truth.ivecs"
    "$1" ann-bench out -t ann-bench -q -k 5 --rounds 1 --svg c.svg -o out "$in/graph.ann" "$in/query.fvecs" "$in/truth.ivecs"
    "$1" ann-fuse out '' ann-fuse -o out "$in/near.tsv" "$in/near.tsv"
    "$1" ann-stat out '' ann-stat --check -o out "$in/spann.ann"
    "$1" vec-stat out '' vec-stat -q -o out "$in/base.fvecs"
    "$1" vec-knn out.ivecs -e vec-knn -q -T 2 -o out.ivecs --distances d.fvecs "$in/base.fvecs" "$in/query.fvecs"
    "$1" vec-knn-sketch '' -e vec-knn -q --sketch sketch "$in/base.fvecs" "$in/query.fvecs"
    "$1" vec-recall out '' vec-recall -k 5 -o out "$in/truth.ivecs" "$in/truth.ivecs"
    "$1" vec-eval out '' vec-eval -q -c sq8 -c pq4x4 --no-speed --pairs 50 -o out "$in/base.fvecs" "$in/query.fvecs"
    "$1" vec-convert-pipe '' "-a -i $in/base.csv" vec-convert -q --from csv --to npy -
    "$1" vec-encode-pipe '' "-a -i $in/base.csv" vec-encode -q --from csv "$in/sq8.vq" -
    "$1" trace-stat out -e trace-stat -q -o out --svg c.svg "$in/trace.jsonl"
    "$1" trace-gen-direct '' '' trace-gen -q -n 40 -o /dev/null
    "$1" trace-replay out -e trace-replay -q "${card[@]}" -o out --steps steps --timeline line "$in/trace.jsonl"
    "$1" trace-replay-fleet out -e trace-replay -q "${card[@]}" --replicas 3 --dispatch llumnix -o out "$in/trace.jsonl"
    "$1" trace-replay-pools out -e trace-replay -q "${card[@]}" --replicas 3 --pools 2:1 --fail 1@1+1 -o out "$in/trace.jsonl"
    "$1" trace-compare out '' trace-compare -o out "$in/replay.tsv" "$in/measured.jsonl"
    "$1" trace-capacity out '' trace-capacity -q "${card[@]}" --precision 0.3 --tbt 0.1 -o out "$in/trace.jsonl"
    "$1" trace-cost out '' trace-cost "${card[@]}" -o out 4:100 100@0
    "$1" trace-plan out -e trace-plan -q --model Llama-2-7B --machines 2xA100-80GB --cost roofline --top 2 --svg c.svg -o out "$in/trace.jsonl"
    "$1" trace-plot out '' trace-plot -o out "$in/replay.tsv"
    "$1" trace-prefix out -e trace-prefix -q -o out "$in/prompts.ids"
    "$1" trace-blocks out -e trace-blocks --devices 2 --device-memory 1G -q -o out "$in/apps.jsonl" "$in/apps.json"
    "$1" trace-blocks-merged out -e trace-blocks --devices 2 --device-memory 1G --serve sharing -q -o out "$in/apps.jsonl" "$in/apps.json"
    "$1" kv-alloc out -t kv-alloc -q -o out --lengths "$in/trace.jsonl"
    "$1" kv-alloc-write out -t kv-alloc -q --write out --lengths "$in/trace.jsonl"
    "$1" block-zoo-list out '' block-zoo --check --list -o out "$in/zoo"
    "$1" help '' '' fm-count --help
}
