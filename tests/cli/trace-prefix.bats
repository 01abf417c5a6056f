# trace-prefix: prompts in groups. Trees, groups and their savings at large, and the paper's figures on
# token ids, are in prop_prefix_tree.c.
load helper
load trace

setup() {
    enter_work
    # All begin with 1 2; three go on with 3 4 5 6, two of them the same, two with 7.
    cat >../small.ids <<'END'
1 2 3 4 5 6 8
1 2 7 9 9
1 2 3 4 5 6
5

1 2 7 8
1 2 3 4 5 6
END
}

# value NAME: of the last summary.
value() {
    awk -v name="$1" '$1 == name { print $2 }' "$out"
}

@test "help, version, misuse" {
    helps trace-prefix
    for bad in '--kv-tokens x' '--kv-tokens 1,-2' '--kv-tokens 1.5' '--from csv' '--block x' \
        '--block 2000000000'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse trace-prefix $bad ../small.ids
    done
    misuse trace-prefix ../small.ids ../small.ids
}

@test "by hand: what goes up a level, and what does not" {
    # 3 4 5 6 saves 2 x 4 of its three, more than a copy of 1 2; 7 saves 1 of its two, which is less.
    # Those two are all that is left at 1 2, so they share the 7 too, and compute the least.
    ok trace-prefix -o groups --kv-tokens 4,100 --block 2 ../small.ids
    tsv <<'END'
# what|value
prompts|6
tokens|29
computed_tokens|14
groups|2
grouped_prompts|5
saving|0.517241
first_level_saving|0.275862
all_levels_saving|0.586207
lru_4_saving|0.137931
lru_100_saving|0.551724
END
    prints_groups groups <<'END'
{"group":0,"prefix":3,"requests":2,"tokens":9,"saving":3,"members":["1","4"]}
{"group":1,"prefix":6,"requests":3,"tokens":19,"saving":12,"members":["0","2","5"]}
END
    ok trace-prefix -o - ../small.ids
    cmp groups "$out"
    ok trace-prefix --json --kv-tokens 4 --block 2 ../small.ids
    is '0.517241 0.137931' "$(jq -r '"\(.saving) \(.lru_4_saving)"' "$out")"
}

prints_groups() {
    diff - "$1"
}

@test "the same prompts in other forms, compressed, from a pipe" {
    ok trace-prefix -o groups ../small.ids
    cp "$out" summary
    awk 'NF { gsub(" ", ", "); printf "{\"id\":\"%d\",\"x\":[{}],\"prompt\":[ %s ]}\n", n++, $0 }' ../small.ids >small.jsonl
    awk 'NF { gsub(" ", ","); printf "{\"prompt\":[%s]}\n", $0 }' ../small.ids >no-ids.jsonl
    # A hash stands for the text up to its end.
    awk 'NF {
        printf "{\"id\":\"%d\",\"t_ns\":0,\"prompt\":%d,\"output\":1,\"block\":1,\"hashes\":[", n++, NF
        text = 1
        for (i = 1; i <= NF; i++) {
            text = 10 * text + $i
            printf "%s%.0f", (i > 1 ? "," : ""), text
        }
        print "]}"
    }' ../small.ids >trace.jsonl
    for file in small.jsonl no-ids.jsonl trace.jsonl; do
        ok trace-prefix -o again $file
        cmp groups again
        cmp summary "$out"
    done
    zstd -q small.jsonl -o small.zst
    ok trace-prefix -o again small.zst
    cmp groups again
    for file in ../small.ids small.jsonl; do
        ok trace-prefix -o again - <$file
        cmp groups again
    done
    ok trace-prefix --from trace - <trace.jsonl
    cmp summary "$out"
    fails trace-prefix - <trace.jsonl
    says '--from trace'
    # Blocks of two tokens: what fills none is nobody else's.
    jq -c '.block = 2 | .hashes |= [.[range(1; length; 2)]]' trace.jsonl >two.jsonl
    ok trace-prefix -o again two.jsonl
    is '6 2' "$(jq .prefix again | paste -sd ' ')"
    is 29 "$(value tokens)"
    fails trace-prefix --block 3 two.jsonl
    says 'multiple of the 2 tokens'
}

@test "a byte order mark and CR LF" {
    ok trace-prefix ../small.ids
    cp "$out" summary
    { printf '\xef\xbb\xbf'; sed 's/$/\r/' ../small.ids; } >mark.ids
    ok trace-prefix -o groups mark.ids
    cmp summary "$out"
    awk 'NF { gsub(" ", ","); printf "{\"prompt\":[%s]}\r\n", $0 }' ../small.ids >plain.jsonl
    { printf '\xef\xbb\xbf'; cat plain.jsonl; } >mark.jsonl
    ok trace-prefix mark.jsonl
    cmp summary "$out"
}

@test "no prompt, one, the same ones, those that share nothing" {
    : >nothing.ids
    ok trace-prefix -o groups nothing.ids
    is 0 "$(value prompts)"
    is 0.000000 "$(value saving)"
    empty groups
    echo 18446744073709551615 >one.ids
    ok trace-prefix -o groups one.ids
    empty groups
    printf '4 5\n4 5\n4 5\n' >same.ids
    ok trace-prefix -o groups same.ids
    prints_groups groups <<'END'
{"group":0,"prefix":2,"requests":3,"tokens":6,"saving":4,"members":["0","1","2"]}
END
    seq 500 >apart.ids
    ok trace-prefix --kv-tokens 1000 --block 1 apart.ids
    is 0.000000 "$(value saving)" "$(value all_levels_saving)" "$(value lru_1000_saving)"
}

@test "what is no prompt" {
    refused() {
        printf '%b' "$1" >bad
        fails trace-prefix "${@:3}" bad
        says "$2"
    }
    refused '1 2\n\n3 x4\n' "bad: line 3: 'x4' is no token id"
    refused '1 -2\n' "line 1: '-2' is no token id"
    refused '18446744073709551616\n' 'is no token id'
    refused '{"prompt":[1,2]}\n{"prompt":[1,2.5]}\n' "line 2: '2.5' is no token id"
    refused '{"prompt":[1,[2]]}\n' "'[2]' is no token id"
    refused '{"prompt":[]}\n' 'a prompt has 1 to'
    refused '{"prompt":[1]}\n{"prompt":7}\n' "'prompt' is no list"
    refused '{"prompt":[1]}\n{}\n' "'prompt' is no list"
    refused '{"prompt":[1],"id":[2]}\n' "'id' is no string"
    refused '{"prompt":[1]}\n{"prompt":[1}\n' 'line 2:'
    refused 'what\n' 'bad'
    refused '{"id":"a","t_ns":0,"prompt":5,"output":1}\n' 'no hashes'
    refused '1 2\n' bad --from jsonl
    fails trace-prefix none
    fails trace-prefix .
}

@test "groups whole or not at all; lost output is reported" {
    seq 3000 | sed 's/.*/7 & & 8/' >many.ids
    reports_lost_output trace-prefix many.ids
    reports_lost_output trace-prefix -o - many.ids
    ok trace-prefix -o new many.ids
    echo old >old
    no_room 0 trace-prefix -o old ../small.ids
    is old "$(<old)"
    fails trace-prefix -o no/such/file many.ids
    says no/such/file
    fails trace-prefix -o /dev/full many.ids
    only many.ids new old
}

# The paper's 6,400 prompts, by 16 tokens.
@test "BatchLLM's figures: prefixes of 2,000 tokens, 200 others, 16 or 4 of each in random order" {
    for seed in 1 2 3; do
        for many in 16 4; do
            trace-gen -n 6400 --arrivals none --sharing $many --prefix-tokens 2000 --prompt 200 \
                --answer 100 --seed $seed -o t.jsonl
            ok trace-prefix --kv-tokens 430000 t.jsonl
            case $many in
            16) is '0.852273 1' "$(value saving) $(value lru_430000_saving | awk '{ print ($1 >= .35 && $1 <= .45) }')" ;;
            4) is '0.681818 1' "$(value saving) $(value lru_430000_saving | awk '{ print ($1 <= .15) }')" ;;
            esac
        done
    done
    # A system prompt before them all: one level is as good as many, but not the first.
    trace-gen -n 6400 --arrivals none --sharing 16 --prefix-tokens 2000 --common-tokens 96 --prompt 200 -o t.jsonl
    ok trace-prefix t.jsonl
    awk '{ v[$1] = $2 } END { exit !(v["saving"] >= .98 * v["all_levels_saving"] && v["first_level_saving"] < .5 * v["all_levels_saving"]) }' "$out"
}
