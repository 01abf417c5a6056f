# shellcheck shell=bash
# trace.bash - what the tests of the trace- tools share: small traces, a cost table that can be
# reckoned by hand, the public traces where they lie: SHARED_DATA, or beside the tree.

# shellcheck disable=SC2154 # helper.bash has it
shared=${SHARED_DATA:-$root/../shared/data}
[[ -d $shared ]] || shared=/work/shared/data

# needs FILE: skips the test where the public data is not.
needs() {
    [[ -e $shared/$1 ]] || skip "no $1"
}

# requests N: N requests, some at the same time, of prompts of 1 to 100 tokens, outputs of 1 to 20.
requests() {
    awk -v n="$1" 'BEGIN {
        srand(5)
        for (i = 0; i < n; i++) {
            printf "{\"id\":\"r%d\",\"t_ns\":%d,\"prompt\":%d,\"output\":%d}\n", i, t, \
                1 + rand() * 100, rand() < .2 ? 1 : 1 + rand() * 20
            if (rand() < .7) t += int(rand() * 40000000)
        }
    }'
}

# table: a step of 1 to 8 tokens takes 1 ms, of 800 to 808 101 ms, and so on in between; decodes
# and prompts nothing more.
table() {
    printf '# %s\n' num_layers=1 embedding_dim=64 num_q_heads=1 num_kv_heads=1 head_dim=64 tp=1 \
        gpu_mem_gib=1 params_per_gpu=1000 kv_bytes_per_token_per_gpu=1024
    echo op,a,b,us
    for op in attn_pre_proj attn_post_proj attn_rope attn_kv_cache_save mlp_up_proj mlp_act \
        mlp_down_proj input_layernorm post_attention_layernorm; do
        printf '%s,8,0,0\n%s,4096,0,0\n' $op $op
    done
    printf 'add,8,0,1000\nadd,808,0,101000\nadd,4096,0,512000\n'
    printf 'attn_decode,1,0,0\nattn_decode,64,0,0\nattn_decode,1,4096,0\nattn_decode,64,4096,0\n'
    printf 'attn_prefill,1,0,0\nattn_prefill,4096,0,0\nattn_prefill,1,4096,0\nattn_prefill,4096,4096,0\n'
}
