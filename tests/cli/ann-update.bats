# ann-update: rows of an index come and go.
load helper
load ann

setup() {
    ann_setup
    for ((i = 0; i < 600; i++)); do echo "id$i"; done >ids
    ann-build -q -R 8 -L 20 -o good.ann base.fvecs
    ann-build -q -R 8 -L 20 --ids ids -o named.ann base.fvecs
}

# updates ARGUMENT...
updates() {
    ok ann-update -q "$@"
    empty "$out"
}

# stat NAME INDEX
stat_of() {
    ann-stat "$2" | awk -v name="$1" '$1 == name { print $2 }'
}

# finds INDEX [K]: the ids that are found of all queries.
finds() {
    ann-search -q -k "${2-600}" --ef 600 "$1" query.fvecs | awk '!/^#/ { print $3 }' | sort -u
}

@test "help, version, misuse" {
    helps ann-update
    misuse ann-update good.ann changes changes
    misuse ann-update -
    misuse ann-update -o - good.ann
    misuse ann-update --ids ids good.ann
    misuse ann-update --map map good.ann
    cp good.ann was.ann
    ln -s good.ann link.ann
    misuse ann-update --compact --map good.ann good.ann
    misuse ann-update --compact --map ./good.ann good.ann
    misuse ann-update --compact --map link.ann good.ann
    misuse ann-update --compact --map good.ann -o m2.ann good.ann
    misuse ann-update --compact --map x -o x good.ann
    misuse ann-update --add base.fvecs -o base.fvecs good.ann
    cmp good.ann was.ann
    misuse ann-update --add - good.ann -
    misuse ann-update --from what good.ann
}

@test "what is deleted is not found, what is added is" {
    printf '{"op":"delete","id":%d}\n' {0..299} >changes
    echo '{"op":"add","vector":[0.5,0.5,0.5,0.5]}' >>changes
    exits 0 ann-update good.ann changes
    diff - <(head -n 2 "$err") <<'END'
ann-update: added 1 rows, numbers 600 to 600
ann-update: deleted 300 rows
END
    says '301 rows are live'
    diff <(seq 300 600 | sort) <(finds good.ann)
    is 601 "$(stat_of rows good.ann)"
    is 301 "$(stat_of live good.ann)" "$(stat_of reached good.ann)"
    is 300 "$(stat_of deleted good.ann)"
    exits 0 ann-stat --check good.ann
    echo '0.5,0.5,0.5,0.5' >near.csv
    ok ann-search -k 1 good.ann near.csv
    is "0 0 600 0" "$(tail -n 1 "$out" | tr '\t' ' ')"
    only base.csv base.fvecs query.csv query.fvecs ids good.ann named.ann changes near.csv
}

@test "ids: unknown, there already, deleted, and again" {
    cat >changes <<'END'
{"op":"delete","id":"id7"}
{"id":"id7","vector":[1,2,3,4],"op":"add"}

{"op":"add","id":"a\tb\\\n\u00e9","vector":[1, 2, 3, 4.5e0],"more":{"of":[1]}}
{"op":"delete","id":"id8"}
END
    updates -o new.ann named.ann changes
    is 602 "$(stat_of rows new.ann)"
    is 600 "$(stat_of live new.ann)"
    is yes "$(stat_of ids new.ann)"
    diff <(grep -vx 'id8' ids | cat - <(printf '%s\n' 'a\tb\\\né') | sort) <(finds new.ann)
    echo '1,2,3,4.5' >near.csv
    ok ann-search --json -k 2 new.ann near.csv
    prints <<'END'
{"query":0,"rank":0,"id":"a\tb\\\né","score":0}
{"query":0,"rank":1,"id":"id7","score":0.25}
END
    ok ann-search -k 2 --to ivecs -o near.ivecs new.ann near.csv
    is "2 601 600" "$(od -An -td4 near.ivecs | xargs)"

    for line in '{"op":"delete","id":"id600"}' '{"op":"add","id":"id3","vector":[1,2,3,4]}' \
        '{"op":"delete","id":7}' '{"op":"add","vector":[1,2,3,4]}' '{"op":"delete"}' \
        '{"op":"add","id":"","vector":[1,2,3,4]}' '{"op":"add","id":"\ud800","vector":[1,2,3,4]}'; do
        echo "$line" >line
        fails ann-update -q named.ann line
        says 'line:1: '
    done
    printf '{"op":"delete","id":"id3"}\n{"op":"delete","id":"id3"}\n' >twice
    fails ann-update named.ann twice
    says "twice:2: there is no row of the id 'id3'"
}

@test "bad lines stop, or are counted" {
    cp good.ann was.ann
    while IFS='|' read -r line why; do
        printf '{"op":"delete","id":1}\n%s\n{"op":"delete","id":2}\n' "$line" >bad
        fails ann-update -q good.ann bad
        says "bad:2: "
        says "$why"
        fails ann-update -q good.ann - <bad
        says "stdin:2: "
        cmp was.ann good.ann
        exits 0 ann-update --skip-bad -o new.ann good.ann bad
        says '1 bad lines were passed over'
        is 598 "$(stat_of live new.ann)"
    done <<'END'
nothing|at byte 1
{"op":"add","vector":[1,2,3,4]|at byte
{"op":"ad","vector":[1,2,3,4]}|'op' is not
{"vector":[1,2,3,4]}|'op' is not
{"op":"add","vector":[1,2,3]}|3 components
{"op":"add","vector":[1,2,3,4,5]}|5 components
{"op":"add","vector":[]}|0 components
{"op":"add","vector":[1,2,"3",4]}|component 2
{"op":"add","vector":[1,2,null,4]}|component 2
{"op":"add","vector":[1,2,[3],4]}|component 2
{"op":"add","vector":[1,2,3e99,4]}|component 2 is not finite
{"op":"add","vector":"1,2,3,4"}|no array
{"op":"add"}|no array
{"op":"add","id":599,"vector":[1,2,3,4]}|number 600, not 599
{"op":"add","id":"x","vector":[1,2,3,4]}|no row number
{"op":"delete","id":600}|no row 600
{"op":"delete","id":-1}|no row number
{"op":"delete","id":1.0}|no row number
{"op":"delete","id":"1"}|no row number
{"op":"delete","id":1}|row 1 was deleted already
{"op":"delete"}|no row number
END
}

@test "what the index cannot do is refused, whatever is skipped" {
    cp good.ann was.ann
    for line in '{"op":"grant","id":1,"tenant":"a"}' '{"op":"revoke","id":1,"tenant":"a"}' \
        '{"op":"add","vector":[1,2,3,4],"tenant":"a"}'; do
        printf '{"op":"delete","id":1}\n%s\n' "$line" >line
        fails ann-update --skip-bad good.ann line
        says 'line:2: this index has no tenants'
        cmp was.ann good.ann
    done
}

@test "vectors of a file" {
    updates --add query.fvecs -o new.ann good.ann
    is 608 "$(stat_of live new.ann)"
    ok ann-search -q -k 1 new.ann query.fvecs
    diff <(seq 600 607) <(column 3 "$out")
    printf 'q%d\n' {0..7} >qids
    updates --add query.csv --ids qids -o new.ann named.ann
    ok ann-search -q -k 1 new.ann query.fvecs
    diff qids <(column 3 "$out")
    printf '{"op":"delete","id":"id5"}\n' | updates --add query.csv --ids qids -o new.ann named.ann -
    is 607 "$(stat_of live new.ann)"

    fails ann-update --add query.csv named.ann
    says 'need some'
    fails ann-update --add query.csv --ids qids good.ann
    printf 'q%d\n' {0..6} >few
    fails ann-update --add query.csv --ids few named.ann
    says 'few: it ends after line 7, and there are 8 vectors'
    printf '%s\n' q0 q1 q2 id9 q4 q5 q6 q7 >same
    fails ann-update --add query.csv --ids same named.ann
    says "query.csv: row 3: the id 'id9' is there already"
    echo '1,2,3' >short.csv
    fails ann-update --add short.csv good.ann
    says 'short.csv has 3 components a vector, the index 4'
    printf '1,2,3,4\n1,2,nan,4\n' >nan.csv
    fails ann-update --add nan.csv good.ann
    says 'nan.csv:2'
}

@test "bad vectors of a file are passed over, and their ids" {
    printf '1,2,3,4\n1,2,nan,4\n5,6,7,8\n1,2,3\n0,0,0,0\n9,9,9,9\n2,2,2,inf\n' >bad.csv
    printf '%s\n' a b id3 d e f g >bids
    exits 0 ann-update --skip-bad --add bad.csv --ids bids -o new.ann named.ann
    says 'added 3 rows, numbers 600 to 602'
    says '4 bad vectors were passed over'
    printf '1,2,3,4\n0,0,0,0\n9,9,9,9\n' >good.csv
    ok ann-search -q -k 1 new.ann good.csv
    diff <(printf '%s\n' a e f) <(column 3 "$out")
    exits 0 ann-update --skip-bad --add bad.csv -o new.ann good.ann
    says 'added 4 rows'
    says '3 bad vectors were passed over'
    ann-build -q --metric cosine -o cosine.ann base.fvecs
    exits 0 ann-update --skip-bad --add bad.csv -o new.ann cosine.ann
    says '4 bad vectors were passed over'

    printf '%s\n' a b c d e f >few
    fails ann-update --skip-bad --add bad.csv --ids few named.ann
    says 'few: it ends after line 6, and there are 7 vectors'
    head -n 3 bids >few
    fails ann-update --skip-bad --add bad.csv --ids few named.ann
    says 'few: it ends after line 3, and there are 7 vectors'
    seq 8 >many
    fails ann-update --skip-bad --add bad.csv --ids many named.ann
    says 'many:8: an id more than the 7 vectors'
    fails ann-update --add bad.csv --ids bids named.ann
    says 'bad.csv:2'
    fails ann-update --add query.csv --ids many -o new.ann good.ann
}

@test "bytes stay bytes" {
    awk -F , '{ print int($1 * 200) "," int($2 * 200) "," int($3 * 200) "," int($4 * 200) }' base.csv >bytes.csv
    vec-convert -q bytes.csv -o bytes.u8bin
    ann-build -q -o bytes.ann bytes.u8bin
    echo '{"op":"add","vector":[1,2,255,4]}' >line
    updates -o new.ann bytes.ann line
    for v in 256 -1 2.5; do
        echo "{\"op\":\"add\",\"vector\":[1,2,$v,4]}" >line
        fails ann-update bytes.ann line
        says "line:1: component 2 is $v, and the index holds u8"
    done
}

@test "a compacted index, and where rows have gone" {
    printf '{"op":"delete","id":%d}\n' 0 2 599 >changes
    echo '{"op":"add","vector":[9,9,9,9]}' >>changes
    updates good.ann changes
    updates --compact --map map.tsv -o small.ann good.ann
    is 598 "$(stat_of rows small.ann)" "$(stat_of live small.ann)"
    is 601 "$(wc -l <map.tsv)"
    is "-1 0 -1 1" "$(head -n 4 map.tsv | xargs)"
    is "596 -1 597" "$(tail -n 3 map.tsv | xargs)"
    [[ $(stat -c %s small.ann) -lt $(stat -c %s good.ann) ]]
    ok ann-search -q -k 1 --ef 600 small.ann base.fvecs
    grep -v '#' "$out" | awk -F '\t' '$4 == 0 { print $3 }' >got
    diff got <(awk '$1 >= 0' map.tsv | head -n 597)
    updates --compact --map map.ivecs -o small2.ann good.ann
    cmp small.ann small2.ann
    updates --compact named.ann
    is 600 "$(stat_of rows named.ann)"
    printf '{"op":"delete","id":%d}\n' {0..597} >all
    updates small.ann all
    finds small.ann >got
    empty got
    updates --compact small.ann
    is 0 "$(stat_of rows small.ann)"
    printf '{"op":"add","vector":[%d,2,3,4]}\n' 1 2 3 >three
    updates small.ann three
    diff <(seq 0 2) <(finds small.ann)
}

# same_bytes INDEX
same_bytes() {
    printf '{"op":"delete","id":%d}\n' {0..599..3} >changes
    updates -T 1 -o 1.ann --add query.fvecs "$1" changes
    for threads in 2 7; do
        updates -T $threads -o t.ann --add query.fvecs "$1" changes
        cmp 1.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-update -q -o t.ann --add query.fvecs "$1" changes
        cmp 1.ann t.ann
    done
}

@test "the same bytes for all threads and CPU levels" {
    same_bytes good.ann
    ann-build -q -t ivf -o good.ann base.fvecs
    same_bytes good.ann
    ann-build -q -t ivf --no-vectors -o good.ann base.fvecs
    same_bytes good.ann
}

@test "ivf: what is deleted is not found, what is added is" {
    ann-build -q -t ivf --lists 20 --ids ids -o i.ann base.fvecs
    for ((i = 0; i < 200; i++)); do echo "{\"op\":\"delete\",\"id\":\"id$i\"}"; done >changes
    printf 'q%d\n' {0..7} >qids
    updates --add query.fvecs --ids qids i.ann changes
    ok ann-stat -q --check i.ann
    is 608 "$(stat_of rows i.ann)"
    is 408 "$(stat_of live i.ann)"
    is 20 "$(stat_of lists i.ann)"
    ann-search -q -k 600 --nprobe 20 i.ann query.fvecs | awk '!/^#/ { print $3 }' | sort -u >got
    diff <({ cat qids; sed -n '201,$p' ids; } | sort) got
    ok ann-search -q -k 1 --nprobe 1 i.ann query.fvecs
    diff qids <(column 3 "$out")
    updates --compact --map map.tsv i.ann
    ok ann-stat -q --check i.ann
    is 408 "$(stat_of rows i.ann)" "$(stat_of live i.ann)"
    is "-1 0 407" "$(sed -n '200p;201p;608p' map.tsv | xargs)"
    ok ann-search -q -k 1 --nprobe 1 i.ann query.fvecs
    diff qids <(column 3 "$out")
}

# anon COMMAND...: runs it; the most memory of its own that it was seen to have, in KB.
anon() {
    local pid now most=0

    "$@" &
    pid=$!
    while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null); [ -n "$now" ]; do
        ((now <= most)) || most=$now
    done
    wait "$pid" || return
    echo "$most"
}

# bounded INDEX: takes no more than -m allows, and refuses to begin, or to go on, with less.
bounded() {
    local base least peak

    cp "$1" was.ann
    fails ann-update -q -m 4K "$1" change.jsonl
    says 'with 12000 rows the update needs about'
    least=$(sed -E 's/.*about ([0-9]+)\.([0-9]) MiB.*/\1\2/' "$err")
    base=$(((least * 1024 + 9) / 10 + 103)) # it is enough to begin with
    fails ann-update -q -m "${base}K" --add more.fbin "$1" change.jsonl
    says 'rows the update needs about'
    [[ $(<"$err") != *'with 12000 rows'* ]]
    cmp was.ann "$1"
    ok ann-update -q -T 1 -m "${base}K" -o to.ann "$1" change.jsonl
    peak=$(anon ann-update -q -T 1 -m "${base}K" -o to.ann "$1" change.jsonl)
    [[ $bin == *[at]san* ]] || ((peak <= base + 2048)) # the program and its libraries
}

@test "memory is bounded" {
    awk 'BEGIN { srand(5); for (i = 0; i < 16000; i++) { for (k = 0; k < 31; k++) printf "%.3f,", rand(); print rand() } }' >all.csv
    vec-convert -q --rows 0:12000 -o large.fbin all.csv
    vec-convert -q --rows 12000:16000 -o more.fbin all.csv
    for ((i = 0; i < 12000; i++)); do echo "the name of row $i"; done >ids
    for ((i = 0; i < 12000; i++)); do printf '%d\tten%d\n' $i $((i % 9)); done >grants
    printf '{"op":"delete","id":%d}\n' {100..2100} >change.jsonl
    ann-build -q -R 8 -L 20 -o large.ann large.fbin
    bounded large.ann
    ann-build -q -t ivf --no-vectors -o large.ann large.fbin
    bounded large.ann
    ann-build -q -t tenant --tenants grants -o large.ann large.fbin
    bounded large.ann
    printf '{"op":"delete","id":"the name of row %d"}\n' {100..2100} >change.jsonl
    ann-build -q -t ivf --ids ids -o large.ann large.fbin
    cp large.ann was.ann
    fails ann-update -q -m 4K large.ann change.jsonl
    ok ann-update -q -m 16M large.ann change.jsonl
}

@test "killed at any time, or without room, it leaves the index as it was" {
    killed
    ann-build -q -t ivf -o good.ann base.fvecs
    killed
}

killed() {
    printf '{"op":"delete","id":%d}\n' {0..599..3} >changes
    cp good.ann was.ann
    updates -o want.ann good.ann changes
    for wait in 0 .001 .002 .004 .006 .008 .01 .012 .015 .02 .03; do
        ann-update -q good.ann changes &
        sleep $wait
        kill -9 $! 2>../killed || true
        wait $! 2>../killed || true
        cmp -s was.ann good.ann || cmp want.ann good.ann
        rm -f .good.ann.new # of a kill between link and rename
        only base.csv base.fvecs query.csv query.fvecs ids good.ann named.ann was.ann want.ann changes
        cp was.ann good.ann
    done
    no_room 1 ann-update -q good.ann changes
    says "'good.ann'"
    cmp was.ann good.ann
    fails ann-update -q -o no/such/file good.ann changes
    fails ann-update -q --compact --map no/such/map good.ann changes
    cmp was.ann good.ann
    fails ann-update -q -o /dev/full good.ann changes
}

@test "readers keep what they opened" {
    mkfifo queries
    ann-search -q --from csv -k 1 good.ann - <queries >found &
    exec 8>queries
    head -n 1 base.csv >&8
    opened $! good.ann
    printf '{"op":"delete","id":%d}\n' {0..599} >changes
    updates good.ann changes
    exec 8>&-
    wait $!
    is "0 0 0 0" "$(tail -n 1 found | tr '\t' ' ')"
}

# second_is_refused WHERE COMMAND...: a command that reads standard input, into which what stands in
# the file WHERE is put once another process has changed good.ann.
second_is_refused() {
    local got=0 input="$1"
    shift
    mkfifo held
    "$@" <held 2>"$err" &
    exec 8>held
    opened $! good.ann
    echo '{"op":"delete","id":2}' | ann-update -q good.ann
    cp good.ann was.ann
    cat "$input" >&8
    exec 8>&-
    wait $! || got=$?
    rm held
    is 1 "$got"
    one_sentence
    says 'good.ann was changed by another meanwhile'
    cmp was.ann good.ann
}

@test "of two at the same time the second is refused" {
    echo '{"op":"delete","id":1}' >changes
    second_is_refused changes ann-update -q good.ann -
    ann-build -q -o good.ann base.fvecs
    second_is_refused changes ann-update -q -o "../${PWD##*/}/good.ann" good.ann -
    ann-build -q -o good.ann base.fvecs
    { echo year && seq 600; } >year.tsv
    second_is_refused year.tsv ann-update -q --attrs - good.ann
    ann-build -q -o good.ann base.fvecs
    second_is_refused query.csv ann-tune -q --from csv good.ann -
}

@test "compacted until nothing is left" {
    for ((i = 0; i < 600; i++)); do echo "{\"op\":\"delete\",\"id\":$i}"; done >changes
    exits 0 ann-update --compact good.ann changes
    says 'no rows are left'
    is 0 "$(ann-stat good.ann | awk '$1 == "rows" { print $2 }')"
}

@test "bad indexes are refused" {
    echo '{"op":"delete","id":1}' >changes
    refuses_bad_ann ann-update @ changes
    cp good.ann bad.ann
    printf 'x' | dd of=bad.ann bs=1 seek=5000 conv=notrunc status=none
    cp bad.ann was.ann
    fails ann-update bad.ann changes
    says "section 'CODE'"
    cmp was.ann bad.ann
}
