#!/usr/bin/env bash
# pages.sh BUILD_DIR [FOLDER] - every kind of picture and page that is written, of data whose every name and
# text is markup, a script or what no XML may hold. Each must be well-formed and may hold nothing that runs.
# With FOLDER they stay in it, and beside each a plain one, to look at (browser.sh does).
set -u
export LC_ALL=C OMP_WAIT_POLICY=passive

[[ $# -ge 1 && -d $1/bin ]] || { echo "usage: pages.sh BUILD_DIR [FOLDER]" >&2; exit 2; }
build=$(cd "$1" && pwd)
data=$(cd "$(dirname "${BASH_SOURCE[0]}")/../data" && pwd)
PATH=$build/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
to=${2:-$scratch/pages}
mkdir -p "$to" && to=$(cd "$to" && pwd) || exit 2

# That it ran would show in the title. Names of files have no "/"; legends cut what is longer.
run='document.title=1'
evil_file="\"><svg onload=\"$run\"><img src=x onerror=$run>]]>&amp;<!--"
evil="</text></title></td>\"><script>$run</script>]]>"$'\x01\x1b\x7f\xff\xed\xa0\x80\xef\xbf\xbe\xe2\x80\xae'

# pages KIND NAME FILE_NAME: all of them as KIND-*.svg and KIND-*.html, in a folder of their own.
pages() {
    local kind=$1 name=$2 file=$3 what json
    local how=(--cost roofline --model Llama-2-7B --gpu A100-80GB)
    mkdir "$scratch/$kind" && cd "$scratch/$kind" || return
    json=$(printf '%s\\u0000\\ud800' "$name" | sed 's/\x01/\\u0001/g; s/\x1b/\\u001b/g; s/"/\\"/g')

    # ---- replays ----
    trace-convert -q "$data/azure-conv-500.csv" |
        id=$json awk '{ at = index($0, "\"id\":\"") + 6; print substr($0, 1, at - 1) ENVIRON["id"] substr($0, at) }' >"$file.jsonl"
    for s in vllm0 sarathi; do
        trace-replay -q "${how[@]}" --sched $s -o "$file$s.tsv" --steps "$file$s.steps" "$file.jsonl" >summary
    done
    for what in ttft tpot e2e load; do
        trace-plot --what $what --name "$name" -o "$to/$kind-plot-$what.svg" "$file"{vllm0,sarathi}.tsv
    done
    trace-plot --tail -o "$to/$kind-plot-tail.svg" "$file"{vllm0,sarathi}.tsv
    trace-plot --what batch --name "$name" -o "$to/$kind-plot-batch.svg" "$file"{vllm0,sarathi}.steps
    trace-stat -q --svg "$to/$kind-stat.svg" "$file.jsonl" >summary
    trace-cost --model-card Llama-2-70B | jq -c --arg name "$(tr -d '\001-\037' <<<"$name")" '.name = $name' >"$file.card"
    head -n 100 "$file.jsonl" >few.jsonl
    trace-plan -q --model "$file.card" --machines 8xA100-80GB,4xH100 --cost roofline --offline --top 3 \
        --svg "$to/$kind-plan.svg" few.jsonl >plans

    # ---- indexes ----
    awk 'BEGIN { for (i = 0; i < 3000; i++) for (k = 0; k < 16; k++) printf "%.5f%s", sin(i * (k + 1) * .7) + i % 7, k < 15 ? "," : "\n" }' >base.csv
    vec-convert -q base.csv -o base.fvecs
    vec-convert -q --sample 200 base.fvecs -o query.fvecs
    vec-knn -q -k 10 -o truth.ivecs base.fvecs query.fvecs
    ann-build -q -o "$file.graph.ann" base.fvecs
    ann-build -q -t ivf -o "$file.lists.ann" base.fvecs
    ann-bench -q --svg "$to/$kind-bench.svg" "$file.graph.ann" "$file.lists.ann" query.fvecs truth.ivecs >rows

    # ---- texts ----
    {
        head -n 4 "$data/gsm8k-50.jsonl" | jq -c '{id: "leak", text: .question}'
        printf '{"id":"%s","text":"before %s is what stands here and there, and after it is more of the same"}\n' "$json" "$json"
    } >"$file.corpus"
    {
        head -n 20 "$data/gsm8k-50.jsonl"
        printf '{"id":"%s","question":"before %s is what stands here and there, and after it is more of the same"}\n' "$json" "$json"
    } >"$file.bench"
    fm-build -q -f jsonl -o "$file.fmi" "$file.corpus"
    fm-contam -q --report html --field question --id-field id -o "$to/$kind-contam.html" --bench "$file.bench" "$file.fmi"

    # ---- benchmarks ----
    if [[ -x $build/tests/bench/report ]]; then
        {
            printf '# machine\t%s\n# part %s\n' "$name" "$name"
            printf 'family\tpart\tfigure\tasked\tours\tbaseline\tcompare\tratio\tas asked\tcommand\n'
            printf '%s\t%s\t%s\t>= 2\t30000,12\t10,6\tours/base\t3000,2\tyes\t%s\n' "$name" "$name" "$name" "$name"
        } >report.tsv
        printf 'fashion784\t%s\t.9%s\t%s\t%s\n' "$name" 0 100 "$name" "$name" 9 10 "$name" >points
        "$build/tests/bench/report" report.tsv points >"$to/$kind-report.html"
    fi
    cd "$scratch" || return
}

pages evil "$evil" "$evil_file" 2>"$scratch/said"
[[ $# -lt 2 ]] || pages plain 'a plain name' plain 2>>"$scratch/said"
made=("$to"/evil-*)
wrong=$(cat "$scratch/said"; "$build/tests/check/wellformed" "${made[@]}"
    [[ ${#made[@]} -ge 10 ]] || echo "only ${#made[@]} were made")
# Each has the name in it, or it says nothing of names.
wrong+=$(grep -L 'document.title=1' "${made[@]}" | grep -v -e '-stat.svg$' -e '-plan.svg$' | sed 's/$/ has no such name in it/')
if [[ -z $wrong ]]; then
    echo "ok pages: ${#made[@]} pictures and pages of hostile names are well-formed"
else
    while IFS= read -r line; do echo "not ok pages: $line"; done <<<"$wrong"
    exit 1
fi
