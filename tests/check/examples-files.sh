# examples-files.sh TREE - the files that the manual's examples speak of, small, in the current
# folder. Each page's examples begin with all of them.
# shellcheck shell=bash
tree=$1
session=${session:?see session.bash}

# ---- texts ----

cp "$tree/tests/data/gsm8k-50.jsonl" gsm8k.jsonl
jq -c '{question: .question[:200], answer}' gsm8k.jsonl >svamp.jsonl
jq -c '{answer}' gsm8k.jsonl >answers.jsonl
for _ in 1 2 3 4; do
    jq -c '{lang: (if input_line_number % 3 > 0 then "en" else "de" end),
        source: (if input_line_number % 2 > 0 then "wiki" else "news" end), text: .answer}' gsm8k.jsonl
    for i in $(seq 60); do
        echo '{"lang":"en","source":"wiki","text":"'"$i"' a segfault and a core dump at the end of the day, lorem ipsum: as an AI language model Copyright"}'
    done
done | split -l 110 -d - part- --additional-suffix=.jsonl
zstd -q --rm part-*.jsonl
jq -r .answer gsm8k.jsonl >article.txt
printf '%s\n' 'lorem ipsum' 'core dump' 'never there' >phrases.txt
fm-build -q -o corpus.fmi part-*.jsonl.zst
fm-build -q -f text -o code.fmi /usr/include/std*.h
for part in part-*.jsonl.zst; do fm-build -q -o "${part:0:7}.fmi" "$part"; done
fm-merge --set -o corpus.set part-*.fmi

# ---- vectors ----

# vectors ROWS SEED: rows of 100 numbers of length 1, some near others.
vectors() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            norm = 0
            for (k = 0; k < 100; k++) {
                v[k] = (i * 7 + k * 3) % 11 / 11 + rand() - .5
                norm += v[k] ^ 2
            }
            for (k = 0; k < 100; k++) printf "%.8f%s", v[k] / sqrt(norm), k < 99 ? "," : "\n"
        }
    }'
}

vectors 1000 1 >base.csv
vectors 40 2 >query.csv
for to in fbin fvecs npy; do
    vec-convert -q base.csv -o base.$to
    vec-convert -q query.csv -o query.$to
    vec-convert -q query.csv -o queries.$to
done
vec-convert -q base.fbin --rows :300 -o sample.fbin
cp sample.fbin asked.fbin
vec-convert -q base.fbin --rows :400 -o shard-1.npy
vec-convert -q base.fbin --rows 400: -o shard-2.npy
vec-convert -q base.fvecs --rows :500 -o one.fvecs
vec-convert -q base.fvecs --rows 500: -o two.fvecs
vec-convert -q query.fvecs --rows :36 -o rewrites.fvecs
cp query.npy yesterday.npy
zstd -q base.fvecs
vec-knn -q -k 100 -o truth.ivecs base.fbin query.fbin
cp truth.ivecs result.ivecs
cp base.fbin songs.fbin
cp base.npy songs.npy
cp base.npy docs.npy
vec-train -q -c sq8 base.fbin -o base.vq
vec-encode -q base.vq base.fbin -o base.codes

# ---- neighbours ----

# Documents with an id, attributes, readers and a vector; songs are their attributes as a table.
awk -F, '{
    printf "{\"id\":\"d%d\",\"year\":%d,\"genre\":\"%s\",\"live\":%s,\"lang\":\"%s\",\"readers\":[\"%s\",\"all\"],\"vector\":[%s],\"embedding\":[%s]}\n", \
        NR, 1980 + NR % 45, NR % 3 ? "rock" : "jazz", NR % 5 ? "false" : "true", NR % 2 ? "en" : "de", \
        NR % 2 ? "alice" : "bob", $0, $0
}' base.csv >docs.jsonl
zstd -q docs.jsonl
jq -r '[.year, .genre, .live] | @tsv' docs.jsonl | sed '1i year\tgenre\tlive' >songs.tsv
jq -c '{id, tenant: .readers}' docs.jsonl >rights.jsonl
jq -r .id docs.jsonl >docs.ids
jq -c '{vector, where: (if .live then "live and year >= 2000" else "genre = \"" + .genre + "\"" end)}' docs.jsonl |
    head -n 60 | tee yesterday.jsonl >today.jsonl
for i in $(seq 40); do if ((i % 2)); then echo alice; else echo bob; fi; done >askers.txt
ann-build -q -o base.ann base.fbin
ann-build -q --ids docs.ids -o docs.ann docs.npy
ann-build -q -t tenant --tenants rights.jsonl --ids docs.ids -o all.ann docs.npy
vec-convert -q query.npy --rows :5 -o today.npy
seq -f 'new%g' 5 >today.ids
head -n 3 docs.jsonl | jq -c '{id}' >old.jsonl
jq -c 'select(.readers[0] == "bob") | {id}' docs.jsonl | head -n 3 >bobs.jsonl
ann-search -q -k 20 -o vectors.tsv base.ann query.fbin
ann-search -q -k 20 --ef 20 -o text.tsv base.ann query.fbin

# ---- traces ----

cp "$tree/tests/data/azure-conv-500.csv" AzureLLMInferenceTrace_conv.csv
cp AzureLLMInferenceTrace_conv.csv azure.csv
cp AzureLLMInferenceTrace_conv.csv conv.csv
cp AzureLLMInferenceTrace_conv.csv chat.csv
trace-convert -q conv.csv -o conv.jsonl
head -n 200 conv.jsonl | tee trace.jsonl >fastgen.jsonl
trace-gen -q -n 200 --turns 3 -o sessions.jsonl
cp sessions.jsonl agents.jsonl
# As Mooncake's: a third of the blocks are shared.
awk 'BEGIN {
    for (i = 0; i < 400; i++) {
        printf "{\"timestamp\":%d,\"input_length\":2000,\"output_length\":50,\"hash_ids\":[%d,%d,%d,%d]}\n", \
            i * 900, i % 7, 10 + i % 30, 1000 + 2 * i, 1001 + 2 * i
    }
}' >conversation_trace.jsonl
# What an engine of this speed measured, and what it logged.
trace-replay -q --cost roofline --model Llama-3.1-8B --gpu H100 --sched vllm1 --steps steps.tsv -o run.tsv conv.csv >run.sum
awk -F '\t' '!/^#/ && $11 == "ok" {
    printf "{\"request_id\":\"%s\",\"input_toks\":%d,\"output_toks\":%d,\"queued_ts\":%.6f,\"first_token_ts\":%.6f,\"last_token_ts\":%.6f}\n", \
        $1, $6, $7, $2 / 1e9, $4 / 1e9, $5 / 1e9
}' run.tsv >requests.jsonl
trace-convert -q requests.jsonl -o sharegpt.hash16.jsonl
awk 'BEGIN {
    for (i = 0; i < 800; i++) {
        n = 1 + i % 400; context = 100 + 370 * (i % 29); chunk = i % 3 ? 0 : 32 * (1 + i % 260)
        printf "{\"step_ms\":%.4f,\"context_lens\":[", 5 + .02 * n + n * context * 1e-5 + .03 * chunk
        for (k = 0; k < n; k++) printf "%s%d", k ? "," : "", context
        printf "],\"chunks\":[%s]}\n", chunk ? "[" chunk ",0]" : ""
    }
}' >engine.log
jq -c '{ms: .step_ms, decodes: .context_lens, pieces: .chunks}' engine.log |
    trace-cost -q --fit - --model Llama-2-7B --gpu A100-80GB -o a100.csv
for tp in 2 4; do
    jq -c '{ms: .step_ms, decodes: .context_lens, pieces: .chunks}' engine.log |
        trace-cost -q --fit - --model Llama-2-70B --gpu A100-80GB --tp $tp -o a100_llama-2-70b_tp$tp.csv
done
# A folder of layer tables.
layers=RTXPRO6000_meta-llama_Llama-3.1-8B_bf16_tp1
mkdir -p $layers
{
    echo layer,tokens,time_us
    for layer in act_fn down_proj embedding final_layernorm gate_up_proj layernorm o_proj qkv_proj rotary_emb; do
        printf '%s,1,3\n%s,8192,800\n' $layer $layer
    done
} >$layers/dense.csv
printf 'pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha\n0,n<=128,sr<=15%%,kvB<=16k,kp=0,0.03\n' >$layers/skew_fit.csv
printf 'model: meta-llama/Llama-3.1-8B\nhardware: RTXPRO6000\n' >$layers/meta.yaml
printf 'layer,sequences,time_us\nlm_head,1,700\nlm_head,1024,900\nsampler,1,30\nsampler,1024,90\n' >$layers/per_sequence.csv
{
    echo prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
    for chunk in 0 16 8192; do
        for before in 0 16384; do
            for n in 0 1 1024; do
                for kv in 0 16 16384; do
                    echo "$chunk,$before,$n,$kv,$((8 + chunk / 100 + n / 10))"
                done
            done
        done
    done
} | awk -F, 'NR == 1 || ($1 + $3 > 0 && ($1 > 0 || $2 == 0) && ($3 > 0) == ($4 > 0))' >$layers/attention.csv
ln -s $layers tables
# The applications that trace-blocks(1) shows.
sed -n '/^{"activation_bytes"/,/^\.Ed/p' "$tree/man/trace-blocks.1" | grep -v '^\.Ed' >apps.json

# ---- a machine to send things to ----

mkdir -p "$session/bin"
cat >"$session/bin/ssh" <<'END'
#!/bin/sh
exec sh -c "$2"
END
chmod +x "$session/bin/ssh"
