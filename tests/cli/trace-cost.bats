# trace-cost: the time of a batch, and cards.
load helper

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
    # shellcheck disable=SC2086 # several options
    misuse trace-cost $card 1-10
    # shellcheck disable=SC2086
    misuse trace-cost $card 0@10
}

@test "by hand: the shared 7B model" {
    # shellcheck disable=SC2086
    ok trace-cost $card 80:1300
    # 1 ms, 9.7 to 12.24 ms between 64 and 128 tokens, 104,000 tokens of 524,288 bytes at 1.5 TB/s
    is 'step	47685.635' "$(awk -F '\t' '$1 == "step" { us = $2 } END { print "step\t" us }' OFS='\t' CONVFMT=%.3f "$out")"
}

@test "by hand: a table" {
    # 10 layers of 8 operations of 1 us (at 8 tokens 1 + 7/127), attention 5 us
    ok trace-cost --cost ../table.csv 1:64
    is 134.409 "$(awk -F '\t' '$1 == "step" { n++; if (n == 1) print $2 }' "$out")"
    ok trace-cost --cost ../table.csv 96@0
    is 300.000 "$(awk -F '\t' '$1 == "attn_prefill" { print $2 }' "$out")"
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
    fails trace-cost --cost missing.csv 1:64
    says missing.csv
    mkdir folder
    fails trace-cost --cost folder 1:64
    says folder
    fails trace-cost --cost roofline --model Llama-2-7B --gpu nothing 1:64
    says nothing
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
    echo '{' >broken.json
    fails trace-cost --model-card broken.json
    says broken.json
}

@test "output whole or not at all; lost output is reported" {
    # shellcheck disable=SC2086
    writes_whole_or_not trace-cost $card 1:10
    # shellcheck disable=SC2086
    reports_lost_output trace-cost $card 1:10
}
