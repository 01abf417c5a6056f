# kv-alloc: allocators of KV blocks. What each gives, block by block, is in prop_kv_alloc.c.
load helper
load trace

setup() {
    enter_work
    printf '# t\top\trequest\tblocks\n0\talloc\ta\t3\n0\talloc\tb\t2\n1\tgrow\ta\t1\n2\tfree\tb\t0\n3\talloc\tb\t3\n4\tfree\ta\t0\n5\tfree\tb\t0\n' >ops.tsv
}

# cell ALLOC COLUMN
cell() {
    awk -F '\t' -v alloc="$1" -v name="$2" \
        'NR == 1 { sub(/^# /, ""); for (i = 1; i <= NF; i++) if ($i == name) c = i } $1 == alloc { print $c }' "$out"
}

@test "help, version, misuse" {
    helps kv-alloc
    misuse kv-alloc
    misuse kv-alloc ops.tsv ops.tsv
    misuse kv-alloc --lengths t.jsonl ops.tsv
    misuse kv-alloc --blocks 0 ops.tsv
    says "'--blocks' is 1 to "
    misuse kv-alloc --spare 2 ops.tsv
    says "'--spare' is 0 to 1"
    for bad in '--blocks 0' '--blocks 4000000000' '--group 0' '--spare 1.1' '--occupancy 0' \
        '--from 2' '--every 0' '--block-size 0' '--write x' '--alloc pages' '--alloc group,'; do
        # shellcheck disable=SC2086 # an option and its argument
        misuse kv-alloc $bad ops.tsv
    done
}

@test "operations and rows to one place" {
    echo '{"id":"a","t_ns":0,"prompt":20,"output":5}' >one.jsonl
    misuse kv-alloc --lengths one.jsonl --write -
    misuse kv-alloc --lengths one.jsonl --write same -o same
    misuse kv-alloc --lengths one.jsonl --write one.jsonl
    misuse kv-alloc -o ops.tsv ops.tsv
    says "'ops.tsv' is read"
    ok kv-alloc --lengths one.jsonl --write - -o rows
    is '# t' "$(head -n 1 "$out" | cut -f 1)"
}

@test "by hand: seven operations" {
    ok kv-alloc --blocks 8 --every 1 --group 1 ops.tsv
    is 'group block buddy' "$(column 1 "$out" | paste -sd ' ')"
    is '7 7 7' "$(column 2 "$out" | paste -sd ' ')"
    is '0 0 0' "$(column 3 "$out" | paste -sd ' ')"
    # Of a the blocks 0 to 2, of b 3 and 4; a goes on at 5; then b's three are 3, 4 and 6. After
    # each 3 5 6 4 7 3 0 blocks are held, in 1 2 3 2 4 2 0 runs of 1 2 2 1 2 1 0 requests; 1, 2 and
    # 2 groups are given back.
    is 0.5000 "$(cell group occupancy)"
    is 2.12 "$(cell group mean_run)"
    is 1.583 "$(cell group runs_per_request)"
    is 1.667 "$(cell group copies_per_swap)"
    is 3.000 "$(cell block copies_per_swap)"
    is '0.0000 0.0000' "$(cell group waste) $(cell block waste)"
    ok kv-alloc --blocks 6 --every 1 --group 1 --alloc block,group ops.tsv
    is '1 1' "$(column 3 "$out" | paste -sd ' ')"
    # Pieces of four: a has one, and needs no other.
    ok kv-alloc --blocks 16 --every 1 --group 4 --alloc buddy ops.tsv
    is 1.000 "$(cell buddy copies_per_swap)"
    ok kv-alloc --blocks 8 --every 1 --from 1 --json ops.tsv
    jq -e -s 'all(.occupancy == null and .mean_run == null and .waste == null)' "$out" >/dev/null
}

@test "moments: after every N operations, the last and empty ones too" {
    printf '# t\top\trequest\tblocks\n0\talloc\ta\t5\n1\tgrow\ta\t1\n2\tfree\ta\t0\n3\talloc\tb\t2\n' >few.tsv
    at() {
        ok kv-alloc --blocks 10 --every "$1" "${@:3}"
        is "$2" "$(column 5 "$out" | sort -u)"
    }
    at 1 0.3250 few.tsv
    at 2 0.4000 few.tsv
    at 3 0.0000 few.tsv
    is nan "$(column 6 "$out" | sort -u)"
    is nan "$(column 7 "$out" | sort -u)"
    at 4 0.2000 few.tsv
    at 5 nan few.tsv
    at 18446744073709551615 nan few.tsv
    at 1 0.4333 --from 0.1 few.tsv
    head -n 2 few.tsv >one.tsv
    at 1 0.5000 one.tsv
}

@test "operations as JSON Lines, from a pipe, compressed, and written" {
    awk -F '\t' 'NR > 1 { printf "{\"t\":%s,\"op\":\"%s\",\"request\":\"%s\",\"blocks\":%s}\n", $1, $2, $3, $4 }' \
        ops.tsv >ops.jsonl
    steady() { cut -f 1-3,5- "$1"; }
    ok kv-alloc --blocks 8 --every 1 ops.tsv
    steady "$out" >want
    for from in ops.jsonl -; do
        ok kv-alloc --blocks 8 --every 1 $from <ops.tsv
        steady "$out" | cmp want -
    done
    zstd -q ops.tsv -o ops.zst
    ok kv-alloc --blocks 8 --every 1 ops.zst
    steady "$out" | cmp want -
    requests 100 >t.jsonl
    ok kv-alloc --blocks 40 --lengths t.jsonl --write made.tsv
    steady "$out" >want
    ok kv-alloc --blocks 40 made.tsv
    steady "$out" | cmp want -
    # All that is asked for is given back, and never more is held than may be.
    awk -F '\t' '!/^#/ { n -= $2 == "free" ? h[$3] : -$4; h[$3] = $2 == "free" ? 0 : h[$3] + $4; most = n > most ? n : most } END { exit n != 0 || most != 36 }' made.tsv
    is 100 "$(awk -F '\t' '!/^#/ { print $3 }' made.tsv | sort -u | wc -l)"
}

@test "bad operations name file and line" {
    bad() {
        printf '# t\top\trequest\tblocks\n0\talloc\ta\t3\n%s\n' "$1" | tr '|' '\t' >bad.tsv
        fails kv-alloc bad.tsv
        says "bad.tsv: line 3"
    }
    bad '1|grow|b|1'
    bad '1|alloc|a|1'
    bad '1|free|b|'
    bad '1|move|a|1'
    bad '1|grow|a|x'
    bad '1|grow|a|-1'
    bad '1|grow|a|2000000000'
    bad '1|grow||1'
    bad 'x|grow|a|1'
    bad '1|grow|a'
    bad '1|grow|a|1|1'
    printf '# t\top\trequest\tblocks\n5\talloc\ta\t3\n4\tgrow\ta\t1\n' >bad.tsv
    fails kv-alloc bad.tsv
    says "'t' goes back"
    printf 'a\tb\n' >bad.tsv
    fails kv-alloc bad.tsv
    says 'no header'
    : >bad.tsv
    fails kv-alloc bad.tsv
    says 'no operations'
    echo '{"t":1,"op":"alloc","request":"a"' >bad.jsonl
    fails kv-alloc bad.jsonl
    says 'line 1'
    fails kv-alloc nowhere
    requests 5 >t.jsonl
    fails kv-alloc --lengths t.jsonl --blocks 1
    says 'none of the trace'
}

@test "the claim: at nine tenths, runs of 8 blocks and more, 5 % waste at most" {
    for seed in 1 2 3; do
        trace-gen -n 2000 --prompt lognormal:900,700 --answer lognormal:250,250 --seed $seed >t.jsonl
        ok kv-alloc --lengths t.jsonl --blocks 3400 --occupancy 0.91 --from 0.9 --alloc group,block
        awk -v run="$(cell group mean_run)" -v waste="$(cell group waste)" \
            -v held="$(cell group occupancy)" -v copies="$(cell group copies_per_swap)" \
            -v single="$(cell block copies_per_swap)" -v apart="$(cell block mean_run)" \
            'BEGIN { exit !(run >= 8 && waste <= .05 && held >= .9 && copies <= single / 10 && apart < 2) }'
        is '0 0' "$(column 3 "$out" | paste -sd ' ')"
    done
}

@test "files appear whole or not at all, and lost output is reported" {
    mkdir in && cd in
    requests 20 >../t.jsonl
    ok kv-alloc --blocks 8 -o new ../ops.tsv
    empty "$out"
    is 4 "$(wc -l <new)"
    echo old >old
    for option in -o --write; do
        no_room 0 kv-alloc --blocks 40 --lengths ../t.jsonl $option old
        is old "$(<old)"
        fails kv-alloc --blocks 40 --lengths ../t.jsonl $option no/such/file
        says no/such/file
        fails kv-alloc --blocks 40 --lengths ../t.jsonl $option /dev/full
    done
    only new old
    reports_lost_output kv-alloc --blocks 8 "$PWD/../ops.tsv"
}
