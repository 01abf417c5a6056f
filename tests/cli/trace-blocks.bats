# trace-blocks: many applications on shared blocks of models.
load helper
load trace
load blocks

setup() {
    enter_work
    cat >../two.json <<'END'
{"activation_bytes": 1000,
 "blocks": [{"id": "a", "kind": "attention", "bytes": 1000, "us": 100, "token_us": 1, "context_us": 0.5, "kv_bytes": 10},
            {"id": "f", "kind": "ffn", "bytes": 2000, "us": 50},
            {"id": "g", "kind": "ffn", "bytes": 3000, "us": 40}],
 "apps": [{"id": "x", "chain": ["a", "f"]}, {"id": "y", "chain": ["a", "g"]}]}
END
    cat >../two.jsonl <<'END'
{"id":"r","t_ns":0,"prompt":200,"output":2,"model":"x"}
{"id":"s","t_ns":0,"prompt":100,"output":1,"model":"y"}
END
}

# A device of 4 models, parameters from an SSD.
cluster='--devices 4 --device-memory 40G --kv-share 0.15 --load-gbs 3'

# blocks OPTION... TRACE: its summary into $out.
blocks() {
    # shellcheck disable=SC2086 # options
    ok trace-blocks $cluster --json "$@"
}

# holds CONDITION: of what jq finds in $out, with $a as another summary.
holds() {
    jq -e --slurpfile a "${2:-$out}" '$a[0] as $a | '"$1" "$out" >/dev/null && return
    echo "not so: $1"
    cat "$out" "${2:-$out}"
    return 1
}

@test "help, version, misuse" {
    helps trace-blocks
    misuse trace-blocks ../two.jsonl
    misuse trace-blocks - -
    for bad in '--serve all' '--choice best' '--servers 0' '--devices 0' '--servers 64 --devices 64' \
        '--device-memory 0' '--device-memory x' '--kv-share 1.5' '--kv-share nan' '--link-gbs 0' \
        '--bus-gbs -1' '--load-gbs 0' '--link-us -1' '--hop-us nan' '--stay-us -1' '--scale-ms -1' \
        '--idle-ms x' '--max-num-seqs 0' '--budget 0' '--slo what=1' '--slo ema_rate=4'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-blocks $bad ../two.jsonl ../two.json
    done
}

@test "by hand: two applications share a block" {
    ok trace-blocks --hop-us 10 -o - ../two.jsonl ../two.json
    # Both prompts in one batch of a, 300 us from 10 on; 10 later f, and then g. Meanwhile r is
    # back: 100 us, and half a us for each of 201 tokens, and f.
    tsv <<'END'
# id|arrival_ns|start_ns|first_token_ns|end_ns|prompt|output|prefix_hit_tokens|preemptions|replica|status
r|0|10000|370000|670500|200|2|0|0|0|ok
s|0|10000|410000|410000|100|1|0|0|0|ok
END
    ok trace-blocks --hop-us 10 --json ../two.jsonl ../two.json
    holds '.hops == 6 and .batches == 5 and .remote_hops == 0'
    # As models of their own: one after the other.
    ok trace-blocks --serve models -o - ../two.jsonl ../two.json
    tsv <<'END'
# id|arrival_ns|start_ns|first_token_ns|end_ns|prompt|output|prefix_hit_tokens|preemptions|replica|status
r|0|0|250000|640500|200|2|0|0|0|ok
s|0|250000|390000|390000|100|1|0|0|0|ok
END
}

@test "a request waits for others, and one that can never run is rejected" {
    echo '{"id":"t","t_ns":0,"prompt":1,"output":1,"model":"x","after":["r"],"tool_ns":1000}' |
        cat ../two.jsonl - >after.jsonl
    ok trace-blocks -o - --hop-us 10 after.jsonl ../two.json
    is 671500 "$(awk '$1 == "t" { print $2 }' "$out")"
    sed '1s/200/2000/' ../two.jsonl >large.jsonl
    exits 0 trace-blocks --device-memory 8000 --check --json large.jsonl ../two.json
    says '1 requests can never run'
    holds '.requests == 2 and .rejected == 1 and .loads > 0'
}

@test "equivalent blocks, and a surrogate" {
    # b is taken where the device has not the block itself.
    jq '.blocks += [{"id": "f2", "kind": "ffn", "bytes": 2000, "us": 50}] |
        .apps += [{"id": "z", "chain": ["a", "f2"]}] | .equivalent = [["f", "f2"]]' \
        ../two.json >alike.json
    asked 40 1000 0 1 | sed 's/"model":"[a-z]*[02468]"/"model":"x"/; s/"model":"[a-z]*[13579]"/"model":"z"/' >t.jsonl
    ok trace-blocks --devices 2 --device-memory 60000 --kv-share 0.9 --choice random --check --json t.jsonl alike.json
    holds '.equivalent_hops > 0'
    jq '.blocks[1] += {"us": 5000, "surrogate": {"us": 500, "accept": 0.8}}' ../two.json >guess.json
    sed -i 's/"model":"z"/"model":"y"/' t.jsonl
    ok trace-blocks --check --json t.jsonl guess.json
    holds '.guesses > 0 and .guesses_right < .guesses and .guesses_right > .guesses / 2'
}

@test "twenty applications: shared blocks against models, at skewed popularity" {
    apps 8 >apps.json
    for seed in 1 2 3; do
        asked 800 5 0.9 $seed >t.jsonl
        blocks --serve models t.jsonl apps.json
        cp "$out" models
        blocks t.jsonl apps.json
        holds '.blocks_gib / .applications_gib <= 0.35 and .rejected == 0'
        holds '.e2e_p95_s <= 0.75 * $a.e2e_p95_s' models
        holds '.busy_share >= $a.busy_share + 0.15' models
        # Adapters alone shared is between the two.
        blocks --serve sharing t.jsonl apps.json
        holds '.blocks_gib < $a.blocks_gib and .e2e_p95_s < $a.e2e_p95_s' models
    done
}

@test "twenty devices for twenty applications, all as popular: nothing is gained" {
    apps 8 >apps.json
    cluster='--devices 20 --device-memory 80G'
    for seed in 1 2 3; do
        asked 800 5 0 $seed >t.jsonl
        blocks --serve models t.jsonl apps.json
        cp "$out" models
        blocks --hop-us 0 t.jsonl apps.json
        holds '.e2e_p95_s >= 0.95 * $a.e2e_p95_s and .e2e_p95_s <= 1.05 * $a.e2e_p95_s' models
        blocks t.jsonl apps.json
        holds '.e2e_p95_s >= 0.95 * $a.e2e_p95_s' models
    done
}

@test "owners keep the KV: at most half of what random instances move" {
    apps 8 >apps.json
    for seed in 1 2 3; do
        asked 300 5 0.9 $seed >t.jsonl
        blocks --choice random t.jsonl apps.json
        cp "$out" random
        blocks --stay-us 2000 t.jsonl apps.json
        holds '$a.kv_moved_gib > 0 and .kv_moved_gib <= 0.5 * $a.kv_moved_gib' random
        holds '.e2e_p95_s < $a.e2e_p95_s' random
        blocks --choice planned t.jsonl apps.json
        holds '.kv_moved_gib == 0'
    done
}

@test "a hop's overhead takes the gain away" {
    apps 8 >apps.json
    asked 500 5 0.9 1 >t.jsonl
    cluster+=' --load-gbs 25'
    blocks --serve models t.jsonl apps.json
    cp "$out" models
    last=0
    for hop in 0 100 200 500 1000; do
        blocks --hop-us $hop t.jsonl apps.json
        p95=$(jq .e2e_p95_s "$out")
        awk -v a="$last" -v b="$p95" 'BEGIN { exit !(a < b) }'
        last=$p95
        [[ $hop != 0 ]] || holds '.e2e_p95_s < 0.8 * $a.e2e_p95_s' models
    done
    holds '.e2e_p95_s > $a.e2e_p95_s' models
}

@test "the same bytes again; a chain that no device has room for" {
    apps 8 >apps.json
    asked 60 5 0.9 1 >t.jsonl
    blocks --device-memory 12G --servers 4 t.jsonl apps.json
    holds '.remote_hops > 0 and .rejected == 0'
    cp "$out" first
    blocks --device-memory 12G --servers 4 t.jsonl apps.json
    cmp first "$out"
}

@test "output: whole or not at all, and never lost without a word" {
    ok trace-blocks -o - ../two.jsonl ../two.json
    cp "$out" ../expected
    ok trace-blocks -o new ../two.jsonl ../two.json
    cmp ../expected new
    echo old >old
    no_room 0 trace-blocks -o old ../two.jsonl ../two.json
    is old "$(<old)"
    fails trace-blocks -o no/such/file ../two.jsonl ../two.json
    only new old
    reports_lost_output trace-blocks ../two.jsonl ../two.json
}

@test "a byte order mark before the applications" {
    { printf '\xef\xbb\xbf'; cat ../two.json; } >mark.json
    ok trace-blocks -o - ../two.jsonl ../two.json
    cp "$out" plain
    ok trace-blocks -o - ../two.jsonl mark.json
    cmp plain "$out"
}

@test "what is wrong with the applications is said" {
    fails trace-blocks none.jsonl ../two.json
    says none.jsonl
    fails trace-blocks ../two.jsonl none.json
    says none.json
    echo '{"id":"q","t_ns":0,"prompt":1,"output":1,"model":"z"}' >other.jsonl
    fails trace-blocks other.jsonl ../two.json
    says "other.jsonl: request 'q': its model is no application: z"
    sed -i 's/,"model":"z"//' other.jsonl
    fails trace-blocks other.jsonl ../two.json
    says "other.jsonl: request 'q': its model is not given"
    while IFS='|' read -r edit sentence; do
        jq "$edit" ../two.json >bad.json
        fails trace-blocks ../two.jsonl bad.json
        says "bad.json: $sentence"
    done <<'END'
[]|'blocks' and 'apps' are lists
.apps = []|'blocks' and 'apps' are lists
.activation_bytes = -1|'activation_bytes' is a number
del(.blocks[1].id)|block 1 has no 'id'
.blocks[1].id = "a"|two blocks are called 'a'
.blocks[1].kind = "x"|block 'f': 'kind' is
del(.blocks[1].us)|block 'f': 'bytes' and 'us' are numbers
.blocks[1].bytes = "1"|block 'f': 'bytes' and 'us' are numbers
.blocks[1].bytes = 1e300|block 'f': 'bytes' and 'us' are numbers
.blocks[1].kv_bytes = 1|block 'f': only attention has 'kv_bytes'
.blocks[0].surrogate = {}|block 'a': a surrogate has
.blocks[0].token_uss = 1|block 'a': 'token_uss' is not known
.blocks[0].surrogate = {"us":1,"accept":1,"bytes":1}|surrogate of block 'a': 'bytes' is not known
.apps[0].model = "m"|application 'x': 'model' is not known
.apps[1].id = "x"|two applications are called 'x'
.apps[1].chain = []|application 'y': 'chain' is a list
.apps[1].chain[1] = "q"|application 'y': item 2 of 'chain' is no block
.equivalent = [["f", "q"]]|'equivalent' lists blocks
.equivalent = [["f", "f"]]|'equivalent' lists blocks
.equivalent = [["a", "f"]]|equivalent blocks keep equally much KV
END
}

@test "numbers beyond all bounds" {
    echo '{"id":"q","t_ns":0,"prompt":1000000000,"output":1000000000,"model":"x"}' >q.jsonl
    jq '.blocks[1].token_us = 1e6' ../two.json >slow.json
    fails trace-blocks --device-memory 1T q.jsonl slow.json
    says 'takes more than an hour'
    jq '.blocks[0].kv_bytes = 1073741824' ../two.json >wide.json
    for serve in blocks models; do
        exits 0 trace-blocks --serve $serve --json q.jsonl wide.json
        says 'can never run'
    done
    jq '.blocks[].bytes = 1125899906842624' ../two.json >large.json
    exits 0 trace-blocks --json ../two.jsonl large.json
    holds '.rejected == 2 and .blocks_gib == 3 * 1048576'
    jq '.blocks[].us = 1e9' ../two.json >hour.json
    ok trace-blocks --json ../two.jsonl hour.json
    jq '.blocks[0].us = 5e9' ../two.json >more.json
    fails trace-blocks ../two.jsonl more.json
    says "block 'a'"
    sed 's/"t_ns":0/"t_ns":4611686018427387904/' ../two.jsonl >late.jsonl
    ok trace-blocks --json late.jsonl ../two.json
}
