# trace-cost: the time of a batch, and cards.
load helper
load trace

card='--cost roofline --model Llama-2-7B --gpu A100-80GB'

setup() {
    enter_work
    cat >../table.csv <<'EOF'
# num_layers=10
# num_q_heads=8
# num_kv_heads=8
op,a,b,us
attn_decode,1,64,5
attn_decode,4,64,8
attn_prefill,64,0,20
attn_prefill,128,0,40
EOF
    for op in attn_pre_proj attn_post_proj attn_rope mlp_up_proj mlp_act mlp_down_proj input_layernorm add; do
        printf '%s,1,0,1\n%s,128,0,2\n' $op $op >>../table.csv
    done
}

@test "help, version, misuse" {
    helps trace-cost
    misuse trace-cost 1:10
    says cost
    misuse trace-cost --cost roofline 1:10
    says "'--cost roofline' needs cards"
    misuse trace-cost --cost roofline --gpu A100-80GB 1:10
    # shellcheck disable=SC2086 # several options
    misuse trace-cost $card 1-10
    # shellcheck disable=SC2086
    misuse trace-cost $card 0@10
    # shellcheck disable=SC2086
    misuse trace-cost $card 0:10
    for bad in '--tp -1' '--tp 0' '--tp 1.5' '--tp 1e9' '--link-gbs -1'; do
        # shellcheck disable=SC2086
        misuse trace-cost $card $bad 1:10
    done
}

@test "by hand: the shared 7B model" {
    # shellcheck disable=SC2086
    ok trace-cost $card 80:1300
    # 1 ms, 9.7 to 12.24 ms between 64 and 128 tokens, 104,000 tokens of 524,288 bytes at 1.5 TB/s
    is 'step	47685.635' "$(cut -f 1,2 "$out" | grep '^step')"
    # Each part has a name of its own, and they make the step.
    is '' "$(cut -f 1 "$out" | sort | uniq -d)"
    is '1000.000 47685.635' "$(awk -F '\t' '$1 == "constant" { c = $2 } $1 == "step" { next } { s += $2 } END { printf "%s %.3f", c, s }' "$out")"
}

@test "by hand: a table" {
    # 10 layers of 8 operations of 1 us (at 8 tokens 1 + 7/127), attention 5 us
    ok trace-cost --cost ../table.csv 1:64
    is 134.409 "$(awk -F '\t' '$1 == "step" { print $2 }' "$out")"
    ok trace-cost --cost ../table.csv 96@0
    is 300.000 "$(awk -F '\t' '$1 == "attn_prefill" { print $2 }' "$out")"
}

@test "overlap: NanoFlow's bounds and its gain, 512 tokens of prompt and of answer" {
    misuse trace-cost --overlap --cards
    # plan MODEL GPU TP: memory and network over computing; tokens a second, split and overlapped.
    plan() {
        ok trace-cost --cost roofline --model "$1" --gpu "$2" --tp "$3" --overlap 1024:768 512@0 512@0
        awk -F '\t' -v tp="$3" '{ us[$1] = $2 } END { c = us["all_compute"]
            print us["all_memory"] / c, us["all_network"] / c, 2048e6 / c / tp, us["split"] / us["step"], us["overlapped"] / us["step"] }' OFS='\t' "$out"
    }
    # 280 TFLOP/s, and twice 70 thousand million parameters: 2,000 tokens a second of a GPU.
    jq -n '{memory_gib: 80, read_gbs: 2000, tflops: 280, link_gbs: 300}' >a100.json
    plan Llama-2-70B a100.json 8 >plan
    awk '{ exit !($3 > 1980 * 70 / 68.98 && $3 < 2020 * 70 / 68.98) }' plan
    # Its products at that speed: worth it; at the 187 of A100-80GB too little is left to hide.
    for model in Llama-2-70B Llama-3.1-70B Qwen2.5-72B DeepSeek-67B; do
        plan $model A100-80GB-SXM 8 >plan
        awk '{ exit !($1 < 1 && $2 < 1 && $4 >= 1.05 && $4 <= 1.2) }' plan
    done
    plan Llama-3-8B A100-80GB-SXM 1 >plan
    awk '{ exit !($1 < 1 && $2 == 0) }' plan
    plan Llama-2-70B A100-80GB-SXM 8 >plan
    awk '{ exit !($5 >= 1 / 1.25 && $5 <= 1 / 1.05) }' plan
    plan Llama-2-70B A100-80GB 8 >plan
    awk '{ exit !($4 >= 1.05 && $4 <= 1.2 && $5 > 1 / 1.05 && $5 < 1) }' plan
    # Products alone have nothing to overlap with: only the split is left.
    ok trace-cost --cost roofline --model Llama-3-8B --gpu A100-80GB-SXM --overlap 2048@0
    awk -F '\t' '{ us[$1] = $2 } END { d = us["split"] - us["overlapped"]; exit !(d * d < 1 && us["split"] > us["step"]) }' "$out"
    ok trace-cost --cost ../table.csv --overlap 1:64
    is 0 "$(grep -c '^all_memory' "$out")"
}

@test "beyond a table is an error, unless it may be extrapolated" {
    fails trace-cost --cost ../table.csv 5:64
    says 'beyond'
    fails trace-cost --cost ../table.csv 256@0
    says 'beyond'
    ok trace-cost --cost ../table.csv --extrapolate 256@0
    is 800.000 "$(awk -F '\t' '$1 == "attn_prefill" { print $2 }' "$out")"
}

@test "bad tables" {
    grep -v num_layers ../table.csv >layers.csv
    fails trace-cost --cost layers.csv 1:64
    says num_layers
    grep -v '^mlp_act' ../table.csv >act.csv
    fails trace-cost --cost act.csv 1:64
    says mlp_act
    { cat ../table.csv && echo 'add,1,x,3'; } >word.csv
    fails trace-cost --cost word.csv 1:64
    says 'word.csv: line 25'
    { cat ../table.csv && echo 'add,1'; } >short.csv
    fails trace-cost --cost short.csv 1:64
    says 'short.csv: line 25'
    { cat ../table.csv && echo 'add,1,0,-3'; } >negative.csv
    fails trace-cost --cost negative.csv 1:64
    says 'negative.csv: line 25: a size or time is below 0'
    while IFS='|' read -r line sentence; do
        { cat ../table.csv && echo "$line"; } >bad.csv
        fails trace-cost --cost bad.csv 1:64
        says "bad.csv: line 25: $sentence"
    done <<'END'
add,1,0,3,4|there are 5 fields, and op,a,b,us are 4
op,b,a,us|the columns of a cost table are op,a,b,us, in this order
op,a,b|the columns of a cost table are op,a,b,us
# num_layers=10|'num_layers' is there twice
# num_layers =10|'num_layers' is there twice
# tp=1.5|'tp' is no whole number: '1.5'
# head_dim=many|'head_dim' is no number of 0 or more: 'many'
# gpu_mem_gib=-1|'gpu_mem_gib' is no number of 0 or more: '-1'
END
    sed 's/num_layers=10/num_layers=1.5/' ../table.csv >bad.csv
    fails trace-cost --cost bad.csv 1:64
    says "bad.csv: line 1: 'num_layers' is no whole number: '1.5'"
    # What is wrong with a table as a whole says what to do.
    grep -v '^add' ../table.csv >bad.csv
    fails trace-cost --cost bad.csv 1:64
    says "there are no rows of add; if another operation's times have it, a row 'add,1000000,0,0'"
    echo add,1000000,0,0 >>bad.csv
    ok trace-cost --cost bad.csv 128@0
    is 0.000 "$(awk -F '\t' '$1 == "add" { print $2 }' "$out")"
    { cat ../table.csv && echo attn_decode,40000,16384,9; } >bad.csv
    fails trace-cost --cost bad.csv 1:64
    says "40000 decodes at up to 16384 tokens of context, by 64, are more than 4194304 times: a larger '# kv_rounding='"
    { cat bad.csv && echo '# kv_rounding = 1024'; } >good.csv
    ok trace-cost --cost good.csv 1:64
    sed '/,0,2$/s/128/90000000/' ../table.csv >bad.csv
    fails trace-cost --cost bad.csv 1:64
    says "steps of up to 9e+07 tokens, by 8, are more than 4194304 times: a larger '# token_rounding='"
    # Other operations, and points that are there twice: nothing, and their mean.
    { cat ../table.csv && printf 'emb,1,0,500\nadd,1,0,3\n'; } >more.csv
    ok trace-cost --cost more.csv 1:64
    is 20.000 "$(awk -F '\t' '$1 == "add" { print $2 }' "$out")"
    { cat ../table.csv && printf 'add,1,0,3\0\n'; } >nul.csv
    fails trace-cost --cost nul.csv 1:64
    says 'nul.csv: line 25: there is a NUL byte'
    { cat ../table.csv && echo '"add,1,0,3'; } >quote.csv
    fails trace-cost --cost quote.csv 1:64
    says 'quote.csv: line 25: a quote in field 1'
    # Quotes, CR LF and a byte order mark change nothing.
    ok trace-cost --cost ../table.csv 1:64
    cp "$out" plain
    { printf '\xef\xbb\xbf' && sed '/^#/!s/[^,]*/"&"/g; s/$/\r/' ../table.csv; } >windows.csv
    ok trace-cost --cost windows.csv 1:64
    cmp plain "$out"
    fails trace-cost --cost missing.csv 1:64
    says missing.csv
    mkdir folder
    fails trace-cost --cost folder 1:64
    says folder
    fails trace-cost --cost roofline --model Llama-2-7B --gpu nothing 1:64
    says nothing
}

@test "bad layer tables" {
    needs costmodel/llmservingsim
    layers=$(echo "$shared"/costmodel/llmservingsim/*8B*)
    ok trace-cost --cost "$layers" 3:100 20@10
    cp "$out" plain
    while read -r file line expression sentence; do
        rm -rf bad_tp1
        cp -r "$layers" bad_tp1
        chmod -R u+w bad_tp1
        sed -i "$line$expression" "bad_tp1/$file"
        fails trace-cost --cost bad_tp1 3:100
        says "bad_tp1/$file: $sentence"
    done <<'END'
dense.csv 5 s/,[^,]*$/,-5/ line 5: field 3 is below 0
dense.csv 5 s/,[^,]*$// line 5: there are 2 fields
dense.csv 2,$ {/^qkv_proj/d} there are no rows of qkv_proj
per_sequence.csv 3 s/,[^,]*,/,-1,/ line 3: field 2 is below 0
attention.csv 5 s/^[^,]*/-1/ line 5: field 1 is below 0
attention.csv 5 s/,[^,]*$/,nan/ line 5: field 5 is no number
skew_fit.csv 3 s/n<=[^,]*/n<=x/ line 3: field 2 is no class
skew_fit.csv 3 s/%/q/ line 3: field 3 is no class
meta.yaml 1,$ s/alpha_default:.*/alpha_default:/ line 68: 'alpha_default' is no number
END
    rm -rf bad_tp1
    cp -r "$layers" bad_tp1
    chmod -R u+w bad_tp1
    sed -i 's/$/\r/' bad_tp1/*
    ok trace-cost --cost bad_tp1 3:100 20@10
    cmp plain "$out"
}

@test "cards: known ones, and one's own" {
    ok trace-cost --cards
    grep -q $'^model\tLlama-3.1-8B\t' "$out"
    ok trace-cost --model-card meta-llama/Llama-3.1-8B
    is 32 "$(jq .layers "$out")"
    jq '.layers = 16 | .name = "half"' "$out" >half.json
    ok trace-cost --cost roofline --gpu H100 --model half.json 1:100000
    cp "$out" half
    ok trace-cost --cost roofline --gpu H100 --model Llama-3.1-8B 1:100000
    is 2 "$(paste half "$out" | awk '$1 == "attn_decode" { printf "%.0f", $5 / $2 }')"
    jq 'del(.dim)' half.json >no.json
    fails trace-cost --cost roofline --gpu H100 --model no.json 1:10
    says "no.json: 'dim'"
    jq '.name = "my \"half\", ü"' half.json >quoted.json
    ok trace-cost --model-card quoted.json
    is 'my "half", ü' "$(jq -r .name "$out")"
    jq '.name = "a\n# num_layers=1"' half.json >lines.json
    fails trace-cost --model-card lines.json
    says "lines.json: a 'name' has no control characters"
    echo '{' >broken.json
    fails trace-cost --model-card broken.json
    says broken.json
}

# steps TRACE: what the shared 7B model takes for each step of it.
steps() {
    # shellcheck disable=SC2086 # several options
    trace-replay -q $card --sched sarathi --steps steps.tsv "$1" >/dev/null
}

# held TABLE...: TTFT and TPOT of a replay with it.
held() {
    trace-replay -q "$@" --sched sarathi --kv-blocks 7000 held.jsonl |
        awk -F '\t' '$1 ~ /^(ttft|tpot)_(mean|p50|p90)_s/ { print $2 }'
}

# near SHARE A B: each number of A is that near to B's.
near() {
    paste "$2" "$3" | awk -v most="$1" '{ d = $1 / $2 - 1; if (d > most || -d > most) exit 1 }' && return
    paste "$2" "$3"
    return 1
}

@test "a fitted table gives a trace that it has not seen the same times" {
    trace-gen -n 1500 --rate 4 --seed 2 --prompt lognormal:900,700 -o train.jsonl
    trace-gen -n 800 --rate 3 --seed 9 --prompt lognormal:700,500 -o held.jsonl
    steps train.jsonl
    ok trace-cost --fit steps.tsv -o fit.csv
    awk -F '\t' '$1 == "all" && $3 < .01 { good = 1 } END { exit !good }' "$out"
    # shellcheck disable=SC2086
    held $card >true
    held --cost fit.csv >fitted
    near .02 fitted true
    # A tenth of noise, and a step in fifty ten times too long.
    awk -F '\t' 'BEGIN { srand(4); print "us\tdecodes\tkv_sum\tpieces" }
        !/^#/ { us = ($2 - $1) / 1000 * (.9 + .2 * rand()); if (rand() < .02) us *= 10
                print us, $4, $5, $11 }' OFS='\t' steps.tsv >noisy.tsv
    ok trace-cost --fit noisy.tsv -o noisy.csv
    held --cost noisy.csv >fitted
    near .04 fitted true
    # What was waited for blocks to move is not the batch's.
    awk -F '\t' 'BEGIN { srand(5) } /^#/ { print; next }
        { moved = rand() < .3 ? int(5e7 * rand()) : 0; $2 += moved; $12 = moved; print }' OFS='\t' steps.tsv >moved.tsv
    differ steps.tsv moved.tsv
    ok trace-cost --fit moved.tsv -o moved.csv
    held --cost moved.csv >fitted
    near .02 fitted true
    sed 's/transfer_ns/transferred/' moved.tsv >untold.tsv
    ok trace-cost --fit untold.tsv -o untold.csv
    differ moved.csv untold.csv
    printf 'us,batch,transfer_ns\n5,1:10,5000\n' >all.csv
    fails trace-cost --fit all.csv -o none.csv
    says 'a step of 0 us is none'
}

@test "a fitted table: its form, the cards, where it goes, the same bytes" {
    trace-gen -n 300 --rate 4 --prompt uniform:10,1500 -o train.jsonl
    steps train.jsonl
    ok trace-cost --fit steps.tsv
    cp "$out" bare
    grep -q '^linear,1,0,' bare
    trace-cost --fit - -o here.csv <steps.tsv >/dev/null
    cmp bare here.csv
    ok trace-cost --fit steps.tsv --model Llama-2-7B --gpu A100-80GB --json -o cards.csv
    is 4 "$(jq '.errors | length' "$out")"
    is "$(grep -vc '^#' steps.tsv)" "$(jq '.errors[-1].steps' "$out")" "$(jq .steps "$out")"
    # shellcheck disable=SC2086
    is "$(trace-replay -q $card train.jsonl | grep kv_blocks)" \
        "$(trace-replay -q --cost cards.csv --sched sarathi train.jsonl | grep kv_blocks)"
    fails trace-replay --cost bare train.jsonl
    says memory
    # A batch takes the same by both.
    a=$(trace-cost --cost bare 20:1000 100@0 | awk '/^step/ { print int($2) }')
    b=$(trace-cost --cost cards.csv 20:1000 100@0 | awk '/^step/ { print int($2) }')
    is "$a" "$b"
    reports_lost_output trace-cost --fit "$PWD/steps.tsv"
    echo old >old
    no_room 0 trace-cost --fit steps.tsv -o old
    says "'old'"
    is old "$(<old)"
    fails trace-cost --fit steps.tsv -o no/such/file
    says no/such/file
    fails trace-cost --fit steps.tsv -o /dev/full
    says 'No space left'
}

@test "measured batches that are none, or too few, or tell nothing" {
    misuse trace-cost --fit x 1:10
    misuse trace-cost --fit x --cost ../table.csv
    fails trace-cost --fit missing
    says missing
    : >empty
    fails trace-cost --fit empty
    says empty
    echo 'batch,us' >header
    fails trace-cost --fit header
    says 'no steps'
    echo 'a,b' >strange
    fails trace-cost --fit strange
    says 'strange: line 1'
    for bad in '1:10,-1' '1:10,0' '1:10,nan' '1:10' '1-10,5' '0@10,5' ',5' '1:10,' '1:10,5,6' '0:5,4' \
        '1:99999999999,5' '1:10,1e300'; do
        { echo batch,us && printf '1:10,100\n%s\n' "$bad"; } >bad.csv
        fails trace-cost --fit bad.csv
        says 'bad.csv: line 3'
    done
    printf 'us,decodes,kv_sum,pieces\n5,1,3\0x,-\n' >nul.csv
    fails trace-cost --fit nul.csv
    says "nul.csv: line 2: 'kv_sum' has a NUL byte"
    # The same said twice, in any order.
    printf 'us,kv_sum,batch\n5,1,1:10\n' >twice.csv
    fails trace-cost --fit twice.csv
    says "line 2: there is 'batch', and its parts too"
    for bad in '"kv_sum":3,"decodes":[1,2]' '"decodes":[1,2],"kv_sum":3'; do
        echo "{\"us\":5,$bad}" >twice.jsonl
        fails trace-cost --fit twice.jsonl
        says "line 1: 'kv_sum' is there twice"
    done
    { echo batch,us && echo 1:10,100; } >few.csv
    fails trace-cost --fit few.csv
    says 'too few'
    { echo batch,us && for i in {1..50}; do echo "$i:1$i,$((100 + i))"; done; } >decodes.csv
    fails trace-cost --fit decodes.csv
    says 'chunk of a prompt'
    { echo batch,us && for i in {1..50}; do echo "$i@0,$((100 + i))"; done; } >chunks.csv
    fails trace-cost --fit chunks.csv
    says 'a decode'
    # All contexts the same length: attention cannot be told from decodes.
    { echo batch,us && for i in {1..50}; do printf '%d:0,%d\n%d@0,%d\n' $i $i $i $i; done; } >same.csv
    fails trace-cost --fit same.csv
    says 'do not tell attention over the context'
    cat chunks.csv >all.csv && tail -n +2 decodes.csv >>all.csv
    for bad in 1000000:10 1000:1000000000; do
        { cat all.csv && echo "$bad,5000"; } >large.csv
        fails trace-cost --fit large.csv
        says "large.csv: steps of up to ${bad%:*} decodes"
    done
    ok trace-cost --fit all.csv
    cp "$out" plain
    { printf '\xef\xbb\xbf' && sed 's/$/\r/' all.csv; } >marked.csv
    ok trace-cost --fit marked.csv
    cmp plain "$out"
}

@test "output whole or not at all; lost output is reported" {
    # shellcheck disable=SC2086
    writes_whole_or_not trace-cost $card 1:10
    # shellcheck disable=SC2086
    reports_lost_output trace-cost $card 1:10
}
