#!/usr/bin/env bash
# seeds.sh BIN PACK TO: first inputs for the fuzz targets, made by the tools in BIN of tiny data, into
# TO/NAME/. Where a format changes, or a kind is added, run it anew, then `make fuzz-keep`.
set -eu
bin=$(cd "$1" && pwd) pack=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$3"
to=$(cd "$3" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH="$bin:$PATH"

# seed TARGET NAME BYTE...: what comes in, behind these bytes.
seed() {
    local dir=$to/$1 name=$2 byte
    shift 2
    mkdir -p "$dir"
    {
        for byte in "$@"; do printf '%b' "\\x$(printf %02x "$byte")"; done
        cat
    } >"$dir/$name"
}

# packed TARGET NAME FILE KIND MAJOR CONTROL...
packed() {
    local dir=$to/$1 name=$2
    shift 2
    mkdir -p "$dir"
    "$pack" "$@" >"$dir/$name"
}

# ---- vectors, and what goes with them ----
awk 'BEGIN { srand(7); for (i = 0; i < 20; i++) print rand() "," rand() "," rand() "," rand() * 3 "," i % 5 }' >base.csv
vec-convert -q base.csv -o base.fvecs
awk 'BEGIN { srand(7); for (i = 0; i < 20; i++) { for (k = 0; k < 5; k++) printf "%s%d", k ? "," : "", rand() * 200; print "" } }' |
    vec-convert -q --from csv - -o base.u8bin
awk 'BEGIN { for (i = 0; i < 20; i++) print "r" i * 17 % 101 }' >ids
awk 'BEGIN { for (i = 0; i < 20; i++) printf "{\"n\":%d,\"f\":%d.5,\"ok\":%s,\"s\":\"%c\",\"tags\":[\"x\",\"y%d\"]}\n", i % 9, i % 4, i % 3 ? "true" : "null", 97 + i % 4, i % 2 }' >attrs.jsonl
awk 'BEGIN { for (i = 0; i < 20; i++) for (t = 0; t < 4; t++) if (i % (t + 1) == 0) print i "\tt" t }' >grants
awk 'BEGIN { for (i = 0; i < 12; i++) printf "{\"where\":\"n > %d and s = '"'"'b'"'"'\",\"vector\":[0.1,0.%d,0.3,1,2]}\n", i % 4, i }' >workload.jsonl
printf '{"op":"delete","id":"%s"}\n' r0 r17 r34 >deletes

# ---- indexes ----
index() { # NAME OPTIONS...
    local name=$1
    shift
    ann-build -q -T 1 "$@" -o "$name.ann"
    packed ann "$name" "$name.ann" 'ann ' 1 2 20 255 1
}
index graph -R 4 -L 8 base.fvecs
index graph-leanvec -R 4 -L 8 -c leanvec3+int8 base.fvecs
index graph-cosine -R 4 -L 8 --metric cosine -c int8 --attrs attrs.jsonl base.fvecs
index graph-bare -R 4 -L 8 -c int4 --metric ip --no-vectors base.fvecs
index graph-bytes -R 4 -L 8 base.u8bin
index graph-named -R 4 -L 8 --ids ids --attrs attrs.jsonl base.fvecs
index ivf -t ivf --attrs attrs.jsonl base.fvecs
index ivf-opq -t ivf -c opq5x4+int4 --no-vectors --metric ip base.fvecs
index ivf-pq2 -t ivf -c pq5x2 base.u8bin
index ivf-named -t ivf -c pq5x6+int8 --no-vectors --ids ids base.fvecs
index spann -t spann --lists 6 --attrs attrs.jsonl base.fvecs
index spann-resident -t spann --resident --lists 6 base.fvecs
index spann-lvq -t spann -c lvq8 --lists 6 --no-vectors base.fvecs
index hqi -t hqi --leaf 5 --attrs attrs.jsonl --workload workload.jsonl base.fvecs
index osq -t osq --lists 3 --attrs attrs.jsonl base.fvecs
index osq2 -t osq -c osq2 --lists 3 --metric ip base.u8bin
index tenant -t tenant --tenants grants --attrs attrs.jsonl base.fvecs
index tenant-bytes -t tenant --tenants grants base.u8bin
for name in graph-named ivf-named; do
    ann-update -q "$name.ann" deletes -o "$name-less.ann"
    packed ann "$name-less" "$name-less.ann" 'ann ' 1 2 20 255 1
done
ann-tune -q -k 3 --recall 0.8,0.9 graph.ann base.fvecs -o tuned.ann >/dev/null
packed ann graph-tuned tuned.ann 'ann ' 1 2 20 255 1

# ---- traces ----
head -4 "$here/../data/azure-conv-500.csv" | seed trace azure 0 11 0
{
    echo '{"id":"a","t_ns":0,"prompt":100,"output":10,"block":16,"hashes":[1,2,3,4,5,6],"out_hashes":[9],"session":"s","turn":0,"tenant":"x","priority":1,"category":"c","model":"m","deadline_ns":900}'
    echo '{"id":"b","t_ns":1000,"prompt":40,"output":3,"after":["a"],"joins":1,"reuse":10,"tool":"grep","tool_ns":77,"race":"r","winners":1,"extra":[1,{"q":null}]}'
    echo '{"id":"c","t_ns":2000,"prompt":40,"output":3,"if_ended":"a","then_output":2,"background":true,"text":"\u00e9\ud83d\ude00"}'
} | tee sluice.jsonl | seed trace sluice 0 43 0
{ cat sluice.jsonl; printf '\x1e'; cat sluice.jsonl; } | seed trace merged 1 0 0
printf 'arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,100,7\n1.25e0,20,3\n' | seed trace vidur 0 8 0
printf '{"timestamp":0,"input_length":1030,"output_length":5,"hash_ids":[1,2,3]}\n{"timestamp":27,"input_length":600,"output_length":9,"hash_ids":[1,7]}\n' | seed trace mooncake 0 8 0
printf '{"chat_id":1,"parent_chat_id":-1,"timestamp":0.5,"input_length":40,"output_length":9,"type":"text","turn":1,"hash_ids":[1,2,3]}\n{"chat_id":2,"parent_chat_id":1,"timestamp":1.5,"input_length":60,"output_length":9,"type":"text","turn":2,"hash_ids":[1,2,3,4]}\n' | seed trace bailian 0 8 0
printf '{"input_toks":3,"output_toks":4,"arrival_time_ns":5}\n{"input_toks":9,"output_toks":1,"arrival_time_ns":8}\n' | seed trace llmservingsim 0 8 0
printf '{"session_id":"s","arrival_time_ns":5,"sub_requests":[{"input_toks":3,"output_toks":4,"tool_duration_ns":7},{"input_toks":9,"output_toks":1}]}\n' | seed trace agentic 0 12 0
printf '{"request_id":"a","input_toks":3,"output_toks":4,"queued_ts":7.25}\n{"request_id":"b","input_toks":3,"output_toks":4,"queued_ts":6.5}\n' | seed trace vllm 0 8 0
printf '{"RequestID":1,"ContextTokens":30,"GeneratedTokens":4,"StartTimeOffset":12}\n{"RequestID":2,"ContextTokens":3,"GeneratedTokens":"4.0","StartTimeOffset":1e3}\n' | seed trace apex 0 9 0
printf 'Timestamp,Session ID,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,7,ChatGPT,472,18,490,"Conversation log"\n45,,GPT-4,1087,230,1317,API log\n' | seed trace burstgpt 0 10 0
printf 'request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\r\n0,2,0,0.5,1,10,3\r\n1,2,0,0.75,1,12,3\r\n' | seed trace splitwise 0 14 0
printf '[{"A":[{"step":"schema","input_length":3,"output_length":4},{"step":"sql","input_length":9,"output_length":4}]},\n{"B":[{"step":"schema","input_length":3,"output_length":4}]}]\n' | seed trace hexgen 0 11 0

# ---- cost tables ----
{
    printf '# num_layers=2\n# num_q_heads=8\n# num_kv_heads=2\n# embedding_dim=64\n# head_dim=8\n# gpu_mem_gib=1\n# tp=2\nop,a,b,us\n'
    for op in attn_pre_proj attn_post_proj attn_rope attn_kv_cache_save mlp_up_proj mlp_act mlp_down_proj input_layernorm add all_reduce; do
        printf '%s,8,0,1.5\n%s,128,0,9\n' $op $op
    done
    printf 'attn_decode,1,64,2\nattn_decode,8,128,4\nattn_prefill,64,0,3\nattn_prefill,128,64,5e0\n'
} | seed cost vidur 0 2
printf '# num_layers=32\n# num_q_heads=32\n# num_kv_heads=8\n# embedding_dim=4096\n# head_dim=128\n# tp=2\nlinear,8,0,1\nlinear,999,0,7\nall_reduce,9,0,2\nattn_decode,4,9999,2\nattn_prefill,999,0,5\n' | seed cost vidur-stage 0 8
printf '# num_layers=2\n# num_q_heads=8\n# num_kv_heads=8\nlinear,8,0,1\nlinear,99,0,7\nattn_decode,4,99,2\nattn_prefill,99,0,5\n' | seed cost vidur-linear 0 0
{
    printf 'model: Llama-3-8B\nversion: 1\n  tp:\n    1:\n      alpha_default: 0.5\n\x1elayer,tokens,time_us\n'
    for l in layernorm qkv_proj qk_norm rotary_emb o_proj gate_up_proj act_fn down_proj embedding final_layernorm; do
        printf '%s,1,1.5\n%s,128,9\n' $l $l
    done
    printf '\x1elayer,sequences,time_us\nlm_head,1,3\nlm_head,64,4\nsampler,1,3\nsampler,9,5\n'
    printf '\x1eprefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,2\n0,0,8,64,3\n64,0,0,0,5\n128,64,1,16,9\n'
    printf '\x1epc,n,sr,kvB,kp,alpha\n0,n<=128,sr<=15%%,kvB<=4k,kp=0,0.5\n64,n>256,sr>50%%,kvB>9k,kp>0,0.7\n'
} | seed cost layers 1 2
trace-cost --model-card Llama-3-8B >model.json
trace-cost --model-card Mixtral-8x7B >mixture.json
trace-cost --gpu-card H100 >gpu.json
{ cat model.json; printf '\x1e'; cat gpu.json; } | seed cost roofline 2 8
{ cat mixture.json; printf '\x1e'; cat gpu.json; } | seed cost roofline-mixture 2 10
{
    echo 'us,batch'
    awk 'BEGIN { for (i = 1; i < 30; i++) { print 100 + i * 3 "," i ":" i * 40; print 200 + i * 9 "," i * 16 "@0"; print 300 + i * 12 "," i ":90 " i * 8 "@" i * 16 } }'
} | tee steps.csv | seed cost steps 3 3
awk 'BEGIN { for (i = 1; i < 20; i++) { printf "{\"ms\":%g,\"decodes\":[%d,%d],\"pieces\":[[%d,0]]}\n{\"s\":%g,\"decodes\":%d,\"kv_mean\":%d}\n{\"begin_ns\":0,\"end_ns\":%d,\"pieces\":\"%d@%d\"}\n", 1 + i, i * 9, i * 30, i * 8, i / 1000, i, i * 7, i * 100000, i * 9, i } }' | seed cost steps-json 3 3

# ---- predicates ----
count=0
while IFS= read -r line; do
    count=$((count + 1))
    printf '%s' "$line" | seed where "p$count" 0
done <<'EOF'
n > 1 and s = 'a0'
not (f between 1.5 and 3 or ok) and tags has any ("x1", "y")
s in ("b1", 'c2', 'it''s') or n is not null
`in` <= 1 and no is null
tags not has all ('x0','y') or tags is empty
3 < n and -2.5e0 <> f or big = 1012000000007
not not (true and not false)
s between "a" and "b\u00e9" or tags contains 'x3'
n in (1, 2.5, -9223372036854775808, 18446744073709551616, 1e300)
EOF
printf '"n > 3"\nnull\n{"where":"s = \\"a0\\" or ok"}\n' | seed where file 1

# ---- vector files, neighbours, sets of rows ----
head -3 base.csv >three.csv
kind=1
for f in fvecs bvecs ivecs fbin hbin u8bin i8bin ibin npy csv tsv jsonl; do
    case $f in
    bvecs | ivecs | u8bin | i8bin | ibin) from=whole.csv ;;
    *) from=three.csv ;;
    esac
    printf '1,2,3\n4,5,6\n7,8,90\n' >whole.csv
    case $f in
    ivecs | ibin) awk -F, -v OFS=, '{ print $1, $2, $3 }' whole.csv | vec-convert -q --ids --from csv - -o "x.$f" 2>/dev/null || continue ;;
    *) vec-convert -q $from -o "x.$f" ;;
    esac
    seed vec "$f" 0 $kind 16 <"x.$f"
    seed vec "$f-spread" 3 $kind 9 <"x.$f"
    kind=$((kind + 1))
done
for f in "$here"/../data/npy/*.npy; do seed vec "npy-${f##*/}" 0 9 16 <"$f"; done
gzip -9 <x.fvecs | seed vec fvecs.gz 0 1 16
zstd -q -19 <x.npy | seed vec npy.zst 0 9 0
vec-knn -q -k 3 -T 1 base.fvecs whole5.csv -o nn.tsv 2>/dev/null || vec-knn -q -k 3 -T 1 base.fvecs base.fvecs -o nn.tsv
head -8 nn.tsv | seed vec nn.tsv 1 1 0
head -8 nn.tsv | seed vec nn-named.tsv 1 1 4
printf '{"query":0,"rank":0,"id":3,"score":0.5}\n{"query":0,"rank":1,"id":"x","score":null}\n{"query":2,"rank":0,"id":7}\n' | seed vec nn.jsonl 1 2 4
[[ ! -f x.ivecs ]] || { seed vec nn.ivecs 1 3 0 <x.ivecs; seed vec rows.ivecs 2 2 0 <x.ivecs; }
[[ ! -f x.ibin ]] || { seed vec nn.ibin 1 4 0 <x.ibin; seed vec rows.ibin 2 3 0 <x.ibin; }
printf '\x01\x00\x00\x00\x02\x00\x00\x00\x05\x00\x00\x00\x01\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\x40' | seed vec nn.truth 1 5 0
printf '3\n1\n9\n3\n' | seed vec rows 2 1 0
printf '\x05\x80\x01' | seed vec bitmap 2 4 0

# ---- streams ----
head -c 300 "$here/../data/sample.jsonl" >some.jsonl
for how in 0 1 7; do
    gzip -9 <some.jsonl | seed stream "gz$how" 0 $how
    zstd -q -19 <some.jsonl | seed stream "zst$how" 0 $how
    seed stream "plain$how" 0 $how <some.jsonl
done
{ gzip <ids; zstd -q <ids; } | seed stream mixed 1 0
printf 'a\n\nb\0c\r\n' | tee ends | seed stream lines 1 0
seed stream nul 1 3 <ends
for how in 0 1 2 3 9 13; do seed stream "docs$how" 2 $how <some.jsonl; done
while IFS= read -r line; do
    count=$((count + 1))
    printf '%s' "$line" | seed stream "json$count" 3 0
done <<'EOF'
{"a":[1,-2.5e+3,{"b":null}],"c":"\u00e9\ud83d\ude00\n","d":true,"e":false,"":{}}
{"text":"x y","id":7,"t":[[],[[]],{}]}
EOF
awk 'BEGIN { printf "{\"a\":"; for (i = 0; i < 126; i++) printf "["; for (i = 0; i < 126; i++) printf "]"; print "}" }' | seed stream deep 3 0
printf "Don't  Stop\xe2\x80\x94\xc3\x89t\xc3\xa9, \xd0\x96!\xff" | seed stream rule 4 0

# ---- attributes, names, rights ----
head -3 attrs.jsonl | seed rows attrs.jsonl 0 8 0
printf 'a\tn:int\ttags:set\tf:float\n"x"\t1\tp,q\t2.5\n\t\t,\tinf\n\\t\t-3\tq\t\n' | seed rows attrs.tsv 0 0 1
printf 'a,b:bool,tags:set,s:string\r\n"x ""y"" z",true,"p,q",1\r\n,false,",",2e5\r\n' | seed rows attrs.csv 0 4 2
head -4 ids | seed rows ids 1 0 0
printf '0\ta\n1\tb\n3\ta\n0\ta\n' | seed rows grants.tsv 2 0 0
printf '{"id":0,"tenant":"a"}\n{"id":2,"tenant":["b","a"]}\n' | seed rows grants.jsonl 2 8 0
printf 'a\tt1\n12\tt2\n' | seed rows grants-named 2 1 0

# ---- codecs ----
vec-convert -q base.csv -o train.fvecs
awk 'BEGIN { srand(3); for (i = 0; i < 300; i++) { for (k = 0; k < 8; k++) printf "%s%.3f", k ? "," : "", rand(); print "" } }' >wide.csv
for spec in sq8 sq4 lvq8 lvq4 lvq4x8 pq2x4 pq4x5 pq4x8 opq2x4 rabitq1 rabitq4 rabitq8 osq1 osq4 qavq16 w4g8 w4g4 \
    leanvec4+lvq8 leanvec4:es+sq4 leanvec4+pq2x4 leanvec4+rabitq4 leanvec4+osq4 leanvec4+qavq16 leanvec4+w4g4; do
    vec-train -q -T 1 -c $spec --queries wide.csv wide.csv -o codec
    packed codec "$spec" codec vcod 1 2 9 7 0
done

# ---- full-text indexes ----
awk 'BEGIN { for (i = 0; i < 5; i++) printf "{\"id\":\"a%d\",\"text\":\"row %d of the text\\n\\u00e9 and the rest %d\",\"n\":%d}\n", i, i * 7 % 13, i % 3, i }' >docs.jsonl
for layout in fast small; do
    fm-build -q -T 1 --layout $layout --sample-rate 4 docs.jsonl -o docs.fmi
    packed fm "$layout" docs.fmi 'fm  ' 2 2 25 3 0
    fm-build -q -T 1 --layout $layout --normalize gpt3 docs.jsonl -o gpt3.fmi
    packed fm "$layout-gpt3" gpt3.fmi 'fm  ' 2 1 40 5 0
done
printf 'sluice-set 1\na.fmi\n/dev/null\n' | seed fm set 0 0 0 1

# ---- containers ----
vec-train -q -T 1 -c sq4 three.csv -o codec
sed 's/vcod/test/' codec | seed sect codec 15
sed 's/vcod/test/' graph-bare.ann | seed sect wrong 7

# ---- short texts ----
spec() { # KIND HOW TEXT...
    local kind=$1 how=$2 text
    shift 2
    for text in "$@"; do
        count=$((count + 1))
        printf '%s' "$text" | seed spec "t$count" "$kind" "$how"
    done
}
spec 0 0 12 -3.25e2 64K 1.5GiB 18446744073709551615 0x10 nan
spec 1 9 4.314579 -1e-9 9223372036.854775807 .5 1e18
spec 2 0 3.14159 -0 1e-40 3.4028236e38 nan -2147483648 16777217
spec 3 0 1,2.5,1e3 vllm0,sarathi ',,'
spec 4 1 sq8 pq5x4 rabitq3 leanvec3+lvq8 qavq4
spec 4 2 lvq4x8 opq2x2 osq4 w4g4 leanvec4:es+sq4
spec 5 0 3 fixed:2 uniform:1,9 exp:4 normal:5,2 lognormal:5,2 gamma:4,1.5 zipf:1.1,100 pareto:1.2,1,50
spec 6 3 ttft=0.5,tbt=0.1,e2e=30 prompt_rate=512,ema_rate=4 1:8 3@10+5,0@2.5 512@100
spec 7 2 8xH100 2x4xA100-80GB,16xH200
spec 8 0 '[1,2.5e3,{"a":null,"b":"\u00e9"},true]'

# ---- clusters, replays ----
trace-gen -q -n 6 --prompt uniform:5,60 --answer uniform:1,20 --rate 20 -o small.jsonl
{ echo; echo; echo; echo; cat small.jsonl; } >input
for sched in $(seq 0 10); do seed replay "sched$sched" "$sched" "$sched" 0 "$((sched * 23 % 256))" 4 15 7 6 0 "$sched" 0 0 <input; done
{ echo 1:4; echo 0@0.1+0.2; echo; echo ttft=0.5,tbt=0.1; cat small.jsonl; } | seed replay fleet 3 7 3 16 9 15 7 30 0 2 51 0
{ echo; echo; echo 1:2; echo; cat small.jsonl; } | seed replay pools 2 9 2 8 90 15 7 30 0 0 0 0
{ echo; echo; echo; echo; printf '[{"count":2,"model":"Llama-2-7B","kv_blocks":60},{"count":1,"gpu":"A10","model":"Llama-3.2-1B","tp":1,"role":"both","max_num_seqs":4,"slower":2.5,"sched":"sarathi"}]\x1e'; cat small.jsonl; } | seed replay cluster 3 6 0 8 90 15 7 30 0 0 0 1
{ echo; echo; echo; echo; cat sluice.jsonl; } | seed replay program 3 0 0 40 60 15 7 30 0 0 0 0
{ echo; echo; echo; echo; printf '%s\n' '{"id":"a","t_ns":0,"prompt":40,"output":9,"session":"s","block":16,"hashes":[1,2,3]}' '{"id":"b","t_ns":9,"prompt":70,"output":5,"session":"s","after":["a"],"joins":1,"block":16,"hashes":[1,2,3,4,5]}' '{"id":"c","t_ns":10,"prompt":20,"output":5,"race":"r","winners":1}' '{"id":"d","t_ns":10,"prompt":20,"output":15,"race":"r","winners":1}'; } | tee hashed | seed replay hashed 7 8 1 1 60 15 7 30 0 1 34 0

# ---- prompts, groups, operations, times ----
printf '1 2 3 4\n1 2 3 9\n7\n' | seed prompts ids 0 0
printf '{"id":"a","prompt":[1,2,3]}\n{"prompt":[1,2]}\n' | seed prompts jsonl 0 4
printf '%s\n' '{"id":"a","t_ns":0,"prompt":48,"output":1,"block":16,"hashes":[1,2,3]}' '{"id":"b","t_ns":1,"prompt":40,"output":1,"block":16,"hashes":[1,2,7]}' '{"id":"c","t_ns":1,"prompt":20,"output":2,"block":16,"hashes":[1,2]}' >three.jsonl
seed prompts trace 0 9 <three.jsonl
{ cat three.jsonl; printf '\x1e{"group":0,"prefix":32,"requests":2,"tokens":100,"saving":32,"members":["a","b"]}\n'; } | seed prompts groups 1 0
printf '# t\top\trequest\tblocks\n0\talloc\ta\t3\n1\tgrow\ta\t2\n2\talloc\tb\t9\n3\tfree\ta\t-\n' | seed prompts ops 2 3
printf '{"t":0,"op":"alloc","request":"a","blocks":3}\n{"t":1,"op":"free","request":"a"}\n' | seed prompts ops-json 2 17
trace-replay -q --cost roofline --model Llama-2-7B --gpu A100-80GB small.jsonl -o rows.tsv >/dev/null
head -5 rows.tsv | seed prompts rows 3 0
printf '{"queued_ts":1.5,"first_token_ts":2,"last_token_ts":3.25,"output_toks":7}\n' | seed prompts vllm 3 0
printf 'output_tokens,ttft_s,e2e_s\n7,0.5,1.5\n' | seed prompts vidur 3 0
seed prompts made 4 9 <small.jsonl

# ---- blocks ----
printf '%s' '{"activation_bytes":8192,"blocks":[{"id":"e","kind":"embed","bytes":1000,"us":5,"token_us":1},{"id":"a","kind":"attention","bytes":90000,"us":90,"token_us":0.7,"context_us":0.01,"kv_bytes":64},{"id":"f","kind":"ffn","bytes":5000,"us":9,"token_us":0.5,"batch":2},{"id":"g","kind":"ffn","bytes":5000,"us":9,"surrogate":{"us":2,"token_us":0.1,"accept":0.8}},{"id":"l","kind":"adapter","bytes":50,"us":1},{"id":"h","kind":"head","bytes":900,"us":3}],"apps":[{"id":"x","chain":["e","a","f","h"]},{"id":"y","chain":["e","a","l","g","h"]}],"equivalent":[["f","g"]]}' >apps.json
jq -c '.model = (if .t_ns % 2 == 0 then "x" else "y" end)' small.jsonl >asked.jsonl
for how in 0 5 22 133 250; do { cat apps.json; printf '\x1e'; cat asked.jsonl; } | seed blocks "apps$how" 0 $how; done
{ printf 'block-zoo 1\n\x1e\x01\t176\t1\tw.npy\n\x1e'; cat "$here/../data/npy/f4.npy"; } | seed blocks store 1 0
{ printf 'block-zoo 1\n\x1e\x01\t176\t0.9\tw.npy\n\x1e'; cat "$here/../data/npy/f4.npy"; printf '\x1e'; cat "$here/../data/npy/v2.npy"; } | seed blocks store-near 1 0

# ---- what comes from beside an index ----
for how in 0 2 6; do
    printf '%s\n' '{"op":"add","id":"new","vector":[1,2.5,-3e0],"attrs":{"n":7,"tags":["t1","x"]}}' '{"op":"delete","id":"r3-0"}' '{"op":"add","id":"r3-0","vector":[0,0,1],"attrs":{"n":null}}' | seed beside "named$how" 0 "$how"
done
printf '%s\n' '{"op":"add","id":12,"vector":[1,2,3],"tenant":["t0","t9"]}' '{"op":"delete","id":3}' '{"op":"grant","id":5,"tenant":"t1"}' '{"op":"revoke","id":4,"tenant":["t1"]}' | seed beside shared 0 3
printf 't0\nt2\nnobody\nt1\n' | seed beside tenants 1 14
printf '0\n1\n0\n\x1e0\t0\t5\t0.5\n0\t1\t2\t0.25\n1\t0\t9\t3\n2\t0\t5\t1\n\x1e0\t0\t7\t2\n2\t0\t5\t1\n2\t1\t6\t0.5\n' >fused
for how in 0 4 10 56 120; do seed beside "fused$how" 2 "$how" <fused; done
printf '\x1e{"query":0,"rank":0,"id":"a","score":0.5}\n{"query":1,"rank":0,"id":"b","score":2}\n' | seed beside fused-json 2 13
awk 'BEGIN { for (i = 0; i < 12; i++) print i "," i * 7 % 5 "," i % 3 - 1 }' >small.csv
vec-convert -q small.csv -o small.fvecs
touch -d @0 small.fvecs
vec-knn -q -k 3 --sketch small.vsk small.fvecs small.fvecs >/dev/null
for how in 0 1 6; do packed beside "sketch$how" small.vsk vskt 1 3 "$how"; done
