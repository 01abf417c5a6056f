# Whatever a tool writes has the same bytes from one thread and portable kernels as from two with AVX2
# and from seven with AVX-512: one row for each kind, codec, layout and metric. The last test holds
# the rows against the tools.
load helper
load codec

# 1200 rows of 45 numbers, which no kernel's step divides, the last 100 being the first again; as bytes
# and halves too; more of them, as sums are of 2048 rows at once; 40 queries; texts.
setup_file() {
    local i n=1200 more=2500
    [[ ${WATCHED:-} != valgrind ]] || n=350 more=400
    cd "$BATS_FILE_TMPDIR" || return
    { rows $((n - 100)) 45 1 && rows 100 45 1; } >base.csv
    vec-convert -q base.csv -o base.fvecs
    rows $more 45 3 | vec-convert -q --from csv -o more.fvecs -
    rows 40 45 2 | vec-convert -q --from csv -o q.fvecs -
    tr -d . <base.csv | awk -F , -v OFS=, '{ for (i = 1; i <= NF; i++) $i %= 251; print }' |
        vec-convert -q --from csv --type u8 -o base.u8bin -
    vec-convert -q --type f16 base.fvecs -o half.npy
    awk 'BEGIN { print "year\tlive"; for (i = 0; i < '$n'; i++) print 1990 + i * 7 % 31 "\t" (i % 3 ? "true" : "false") }' >at.tsv
    awk 'BEGIN { for (i = 0; i < '$n'; i++) print i "\t" (i % 2 ? "odd" : "even") "\n" i "\t" "t" i % 7 }' >grants
    for ((i = 0; i < n; i += 3)); do echo "{\"op\":\"delete\",\"id\":$i}"; done >changes
    for ((i = 0; i < 40; i++)); do
        if ((i % 2)); then echo '"live"'; else echo '"year >= 2010"'; fi
    done >where.jsonl
    lines 2500 'abcdefgh ' 60 1 >a.txt
    lines 2500 'abc xyz' 60 2 >b.txt
    head -n 20 a.txt >some.txt
}

setup() {
    enter_work
    ln -s "$BATS_FILE_TMPDIR"/* .
}

# same TOOL ARGUMENT...: @ stands for the folder that files are written to. One way's are in ./portable.
same() {
    local cpu threads
    while read -r cpu threads; do
        [[ ${WATCHED:-} != valgrind || $cpu != avx512 ]] || continue # it has none
        rm -rf "$cpu"
        mkdir "$cpu"
        with "$cpu/" "$@"
        "$1" --help-options | grep -q '^T' && command+=(-T "$threads")
        exits 0 env SLUICE_CPU="$cpu" "${command[@]}"
        cp "$out" "$cpu/stdout"
        diff -rq portable "$cpu" || { echo "$*" && return 1; }
    done <<<$'portable 1\navx2 2\navx512 7'
    [[ -n $(find portable -size +0) ]]
}

codecs='sq8 sq4 lvq8 lvq4 lvq4x8 pq5x8 pq9x4 opq5x4 rabitq1 rabitq5 osq1 osq4 osq8 qavq60
    leanvec20:pca+lvq8 leanvec20:es+lvq4 leanvec20:fw+sq8 leanvec20:sphering+lvq8
    w4g8'

@test "codecs: what is trained, encoded, decoded and measured" {
    for spec in $codecs; do
        same vec-train -q -c "$spec" --queries q.fvecs -o @c.vq more.fvecs
        cp portable/c.vq c.vq
        same vec-encode -q -o @x.codes c.vq base.fvecs
        cp portable/x.codes x.codes
        same vec-decode -q -o @x.fvecs c.vq x.codes
    done
    same vec-eval -q --no-speed -c sq4 -c lvq4 --limit 10 base.fvecs q.fvecs -o @rows
}

@test "exact neighbours: of each metric and type, and through a sketch" {
    for metric in l2 ip cosine; do
        for base in base.fvecs base.u8bin half.npy; do
            same vec-knn -q --metric $metric -k 30 -o @n.ivecs --distances @d.fvecs $base q.fvecs
        done
    done
    same vec-knn -q --sketch 300 -o @n.ivecs base.fvecs q.fvecs
    same vec-stat -q --dims --hist --sample 500 -o @s base.fvecs
    vec-knn -q -k 20 -o t.ivecs base.fvecs q.fvecs
    vec-knn -q -k 20 -o u.ivecs half.npy q.fvecs
    same vec-recall -q --ties-base base.fvecs --ties-queries q.fvecs --per-query -o @each t.ivecs u.ivecs
}

# of_kind ARGUMENT...: an index, what is found in it, what ann-stat says of it, and it once tuned.
of_kind() {
    same ann-build -q -o @i.ann "$@"
    cp portable/i.ann i.ann
    same ann-search -q "${who[@]}" -k 20 -o @n.ivecs --distances @d.fvecs i.ann q.fvecs
    same ann-stat -q --check -o @s i.ann
}

# changed: the same index with rows deleted and added, and then without the deleted.
changed() {
    same ann-update -q -o @j.ann --add q.fvecs i.ann changes
    cp portable/j.ann j.ann
    same ann-update -q -o @k.ann --compact --map @map j.ann
}

@test "graphs" {
    who=()
    for kind in '' '--metric ip -c int8' '--metric cosine -c leanvec24+int4' '--no-vectors' '--queries q.fvecs'; do
        # shellcheck disable=SC2086 # arguments
        of_kind $kind base.fvecs
        changed
    done
    of_kind base.u8bin
    of_kind half.npy
    of_kind --attrs at.tsv base.fvecs
    same ann-search -q --where-file where.jsonl -o @n i.ann q.fvecs
}

@test "lists: ivf, osq, spann" {
    who=()
    for kind in 'ivf' 'ivf -c opq5x4 --metric ip' 'ivf -c pq5x4+int4 --no-vectors --metric cosine' 'osq --lists 5' \
        'osq -c osq2 --metric ip' 'spann' 'spann --resident' 'spann -c lvq8 --metric ip'; do
        # shellcheck disable=SC2086 # arguments
        of_kind -t $kind base.fvecs
        [[ $kind != ivf* ]] || changed
    done
    of_kind -t ivf base.u8bin
    of_kind -t spann half.npy
}

@test "tenants and workloads" {
    who=(--tenant even)
    of_kind -t tenant --tenants grants base.fvecs
    who=(--batch --where-file where.jsonl)
    of_kind -t hqi --leaf 20 --attrs at.tsv --queries q.fvecs --where-file where.jsonl base.fvecs
}

@test "tuned indexes" {
    for kind in graph ivf spann; do
        ann-build -q -t $kind -o i.ann base.fvecs
        same ann-tune -q -o @i.ann i.ann q.fvecs
    done
}

@test "full-text: indexes of each layout, merged, in parts, with more, and what is read of them" {
    for how in '' '--layout small' '--normalize gpt3' '--sample-rate 4' '--shards 3'; do
        # shellcheck disable=SC2086 # arguments
        same fm-build -q $how -o @x.fmi a.txt b.txt
        cp portable/*.fmi .
        same fm-cat -q -o @all x.fmi --all
        same fm-count -q -o @n x.fmi 'abc' 'xyz' 'a b'
        same fm-find -q -i -C 20 -o @f x.fmi ABC
        same fm-match -q -l 8 -o @m x.fmi some.txt
        same fm-stat -q -o @s x.fmi
        [[ $how == *gpt3* ]] || same fm-contam -q -b some.txt --report html -o @c.html x.fmi
    done
    fm-build -q -o a.fmi a.txt
    fm-build -q -o b.fmi b.txt
    same fm-merge -q -o @m.fmi a.fmi b.fmi
    same fm-merge -q --layout small -m 1M -o @m.fmi a.fmi b.fmi
    same fm-build -q -m 12M -o @x.fmi a.txt b.txt
    same fm-build -q -a a.fmi -o @x.fmi b.txt
}

@test "plans and capacities, by eight ways to serve" {
    trace-gen -q -n 150 --rate 5 --seed 3 -o t.jsonl
    same trace-capacity -q --cost roofline --model Llama-2-7B --gpu A100-80GB --tbt 0.1 --scheds vllm0,sarathi --budgets 256,512 \
        -o @c t.jsonl
    same trace-plan -q --model Llama-2-7B --machines 2xA100-80GB --all --svg @p.svg -o @p t.jsonl
}

@test "every tool that has threads or kernels, every codec and kind of index is in the rows" {
    local tool kind
    for tool in "$root"/cmd/*.c; do
        grep -q 'CLI_THREADS\|cli_cpu' "$tool" || continue
        tool=$(basename "$tool" .c)
        # ann-bench prints times
        [[ $tool == ann-bench ]] || grep -q "same $tool " "$BATS_TEST_FILENAME"
    done
    for kind in $(vec-train --list | sed '1d; s/\t.*//; s/,.*//; s/[0-9A-Z:+|].*//'); do
        [[ " $codecs" == *[[:space:]]"$kind"* ]] || { echo "no row for $kind" && return 1; }
    done
    for kind in $(ann-build --help-options | awk -F '\t' '$2 == "type" { gsub(/[|]/, " ", $4); print $4 }'); do
        [[ $kind == graph ]] || grep -q -e "-t $kind\|'$kind" "$BATS_TEST_FILENAME"
    done
}
