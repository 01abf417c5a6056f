#!/usr/bin/env bash
# demo.sh BIN_DIR: the main jobs, on text that the machine and this repository have: Debian's licence
# texts and copyright files, fifty questions of GSM8K and 500 requests that Azure saw (tests/data). Leaves
# nothing behind.
set -euo pipefail
bin=$(cd "${1:?usage: demo.sh BIN_DIR}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$bin:$PATH
cd "$work"

# run COMMAND: shows a command line, then what it prints.
run() {
    printf '\n\033[1m$ %s\033[0m\n' "$1"
    bash -o pipefail -c "$1"
}

find /usr/share/common-licenses /usr/share/doc -type f \
    \( -path '*/common-licenses/*' -o -name copyright \) -print0 | sort -z | head -z -n 1000 >files
cp "$here/data/gsm8k-50.jsonl" questions.jsonl
cp "$here/data/azure-conv-500.csv" .

echo "An index of $(tr -cd '\0' <files | wc -c) licence texts and copyright files of this machine:"
run 'xargs -0 fm-build -v -f text -o licences.fmi < files'
run 'fm-stat licences.fmi | sed -n 1,12p'
run 'fm-count --docs licences.fmi "WITHOUT WARRANTY" "Debian" "no such words"'
run 'fm-find licences.fmi "merchantability" -i --by-doc --max 3'
run 'fm-find licences.fmi "Free Software" --sample 1 | fm-cat licences.fmi - | sed -n 1,4p'
run 'fm-stat --check licences.fmi && echo every checksum holds'

echo
echo "The same index built in less memory, in parts, and a smaller one made of it:"
run 'xargs -0 fm-build -q -f text -m 48M -o parts.fmi < files && cmp parts.fmi licences.fmi && echo the same bytes'
run 'fm-merge --layout small -o small.fmi licences.fmi && ls -l licences.fmi small.fmi'

echo
echo "Is a benchmark in it? And in a corpus that has swallowed ten of its questions?"
run 'fm-contam licences.fmi --bench questions.jsonl | tail -n 1'
head -n 10 questions.jsonl | sed 's/"question"/"text"/' >leak.jsonl
run 'fm-build -q leak.jsonl && fm-merge --set -o all.set licences.fmi leak.fmi'
run 'fm-contam all.set --bench questions.jsonl | grep -v "^#" | sort -k3,3nr | sed -n 1,3p'
run 'fm-contam all.set --bench questions.jsonl --report html -o report.html && ls -l report.html'
run 'echo "Permission is hereby granted to copy this demo, WITHOUT WARRANTY OF ANY KIND." | fm-match -l 20 --show licences.fmi'

# Vectors that every machine can make: how often each pair of letters stands in a text, 676 numbers.
cat >profile.awk <<'AWK'
BEGIN { for (i = 0; i < 26; i++) letter[substr("abcdefghijklmnopqrstuvwxyz", i + 1, 1)] = i }
function row(    i, line) {
    for (i = 0; i < 676; i++) line = line (i ? "," : "") n[i] + 0
    print line
    split("", n)
}
FNR == 1 && NR > 1 { row() }
{
    text = tolower($0)
    before = ""
    for (k = 1; k <= length(text); k++) {
        c = substr(text, k, 1)
        if (c in letter && before in letter) n[26 * letter[before] + letter[c]]++
        before = c
    }
}
END { row() }
AWK

echo
echo "The texts as vectors: which licence reads like which?"
run 'xargs -0 awk -f profile.awk < files | vec-convert --from csv --normalize --skip-bad -o texts.fvecs'
run 'vec-stat texts.fvecs'
run 'vec-convert texts.fvecs --sample 20 -o queries.fvecs && vec-knn texts.fvecs queries.fvecs -k 10 --metric cosine -o truth.ivecs'
run 'vec-knn texts.fvecs queries.fvecs -k 3 --metric cosine | sed -n 1,4p'
run 'vec-train -c lvq4x8 texts.fvecs -o texts.codec && vec-encode texts.codec texts.fvecs -o texts.codes && ls -l texts.fvecs texts.codes'
run 'vec-decode texts.codec texts.codes -o again.fvecs && vec-knn again.fvecs queries.fvecs -k 10 --metric cosine -o found.ivecs && vec-recall found.ivecs truth.ivecs -k 10'
run 'vec-eval -c sq4 -c lvq4 -c rabitq4 -c pq26x4 --metric cosine texts.fvecs queries.fvecs truth.ivecs'
run 'ann-build -q --metric cosine -o texts.ann texts.fvecs && ann-search -k 10 texts.ann queries.fvecs -o near.ivecs && vec-recall near.ivecs truth.ivecs -k 10 | grep recall'

echo
echo "Only some of them: those whose folder's name begins with lib, or with more than 20,000 letters."
{ printf 'package\tbytes\n'; xargs -0 stat -c '%n %s' <files | awk '{ n = split($1, part, "/"); print part[n - 1] "\t" $2 }'; } >all.tsv
run 'xargs -0 awk -f profile.awk < files | vec-convert --from csv -q -o all.fvecs && ann-build -q --attrs all.tsv -o all.ann all.fvecs'
run 'ann-search -k 2 --explain --where "package >= \"lib\" and package < \"lic\" or bytes > 20000" all.ann queries.fvecs | sed -n 1,5p'

echo
echo "A serving trace: 500 requests that Azure saw, under two schedulers of one GPU."
run 'trace-convert azure-conv-500.csv -o azure.jsonl && trace-stat azure.jsonl | grep -E "^(requests|rate|burst|prompt_mean|output_mean)"'
run 'trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB --sched vllm0 -o vllm0.tsv azure.jsonl | grep -E "^(ttft|tbt)_p99_s"'
run 'trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB --sched sarathi -o sarathi.tsv azure.jsonl | grep -E "^(ttft|tbt)_p99_s"'
run 'trace-capacity --cost roofline --model Llama-2-7B --gpu A100-80GB --scheds vllm0,sarathi --tbt 0.1 azure.jsonl'
run 'trace-plot --tail -o ttft.svg vllm0.tsv sarathi.tsv && ls -l ttft.svg'

echo
echo "Eight such machines at sixteen times the rate, under two dispatchers; and what if one fails for twenty seconds?"
fleet='trace-replay --replicas 8 --cost roofline --model Llama-2-7B --gpu A100-80GB --sched vllm1'
run 'trace-convert --rate 60 azure-conv-500.csv -o busy.jsonl'
run "$fleet --dispatch random busy.jsonl | grep -E '^(ttft|tbt)_p99_s'"
run "$fleet --dispatch shortest-tokens busy.jsonl | grep -E '^(ttft|tbt)_p99_s'"
run "$fleet --dispatch shortest-tokens --fail 2@2+20 busy.jsonl | grep -E '^(ttft|tbt)_p99_s|^restarted'"

echo
echo "Which GPUs serve 20 such requests a second with a 70B model at least cost?"
run 'trace-plan --capacity --rate 20 --slo ttft=1,tbt=0.1 --model Llama-2-70B --machines 8xA100-80GB,8xH100 --top 3 azure.jsonl | cut -f 1-5,19,24'

echo
echo "The same lengths behind twenty system prompts: what is shared, and what does it save? And what do eight paths of a thought?"
run 'trace-gen -n 500 --lengths azure.jsonl --prefixes 20 -o shared.jsonl && trace-prefix --kv-tokens 30000 -o groups.jsonl shared.jsonl'
run 'trace-program -n 1 --paths 8 --path 1000 --prompt 300 | trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB --sched vllm1 - | grep -E "^(span_s|reused_tokens)"'
