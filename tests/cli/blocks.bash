# shellcheck shell=bash
# blocks.bash - twenty applications made of one model of 7 billion parameters: ten by adapters, six
# by other FFNs, four by a last quarter of their own; and traces of requests to them.

# apps LAYERS: times are an A100's, 9.2 ms to read all parameters, which 144 tokens take to compute.
apps() {
    jq -n --argjson n "$1" '
        (32 / $n) as $fat | (134217728 * $fat) as $attention | (270532608 * $fat) as $ffn |
        (9200 / (32 * (134217728 + 270532608))) as $us |
        def timed($bytes): {bytes: $bytes, us: ($bytes * $us), token_us: ($bytes * $us / 144)};
        def attention: {kind: "attention", context_us: (0.011 * $fat), kv_bytes: (16384 * $fat)} +
            timed($attention);
        def ffn: {kind: "ffn"} + timed($ffn);
        def adapter: {kind: "adapter", bytes: ($attention / 100 | floor), us: (15 * $fat),
            token_us: (0.1 * $fat)};
        def ends($middle): ["embed"] + $middle + ["head"];
        [range($n)] as $layers | [$layers[] | select(. >= $n - $n / 4)] as $last |
        {
            activation_bytes: 8192,
            blocks: (
                [{id: "embed", kind: "embed", bytes: 262144000, us: 20, token_us: 0.05},
                 {id: "head", kind: "head"} + timed(262144000)] +
                [$layers[] | ({id: "a\(.)"} + attention), ({id: "f\(.)"} + ffn)] +
                [range(10) as $k | $layers[] | {id: "l\($k).\(.)"} + adapter] +
                [range(6) as $k | $layers[] | {id: "t\($k).\(.)"} + ffn] +
                [range(4) as $k | $last[] | ({id: "u\($k).\(.)"} + attention), ({id: "v\($k).\(.)"} + ffn)]),
            apps: (
                [range(10) as $k | {id: "lora\($k)",
                    chain: ends([$layers[] | "a\(.)", "f\(.)", "l\($k).\(.)"])}] +
                [range(6) as $k | {id: "ffn\($k)", chain: ends([$layers[] | "a\(.)", "t\($k).\(.)"])}] +
                [range(4) as $k | {id: "full\($k)", chain: ends([$layers[] |
                    if . >= $n - $n / 4 then "u\($k).\(.)", "v\($k).\(.)" else "a\(.)", "f\(.)" end])}])
        }'
}

# asked N RATE ZIPF SEED: N requests, the k-th application (in an order of the seed) as often as
# k^-ZIPF says.
asked() {
    trace-gen -q -n "$1" --rate "$2" --prompt exp:300 --answer exp:100 --seed "$4" |
        awk -v zipf="$3" -v seed="$4" '
            function random() { # Park and Miller: the same in every awk
                seed = (seed * 16807) % 2147483647
                return seed / 2147483647
            }
            BEGIN {
                seed += 1000
                for (i = 0; i < 10; i++) random()
                for (k = 0; k < 20; k++)
                    app[k] = k < 10 ? "lora" k : k < 16 ? "ffn" (k - 10) : "full" (k - 16)
                for (k = 19; k > 0; k--) {
                    other = int(random() * (k + 1))
                    swap = app[k]; app[k] = app[other]; app[other] = swap
                }
                for (k = 0; k < 20; k++) all += (k + 1) ^ -zipf
            }
            {
                left = random() * all
                for (k = 0; k < 19 && left > (k + 1) ^ -zipf; k++) left -= (k + 1) ^ -zipf
                sub(/}$/, ",\"model\":\"" app[k] "\"}")
                print
            }'
}
