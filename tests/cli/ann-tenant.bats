# ann-build, ann-search, ann-update, ann-stat: an index of many tenants.
load helper
load ann

# Tenants: `all`, `odd` (every second row), `few` (rows 0 to 4), and one with a name of its own.
setup() {
    ann_setup
    for ((i = 0; i < 600; i++)); do
        printf '%d\tall\n' $i
        ((i % 2)) && printf '%d\todd\n' $i
        ((i < 5)) && printf '%d\tfew\n' $i
    done >grants
    printf '599\tthe "é"\n' >>grants
    for ((i = 0; i < 600; i++)); do echo "id$i"; done >ids
    ann-build -q -t tenant --tenants grants -o good.ann base.fvecs
}

# sees INDEX TENANT [K]: the rows that are found of all queries.
sees() {
    ann-search -q -k "${3-600}" --tenant "$2" "$1" query.fvecs | awk '!/^#/ { print $3 }' | sort -un
}

# stat NAME INDEX
stat_of() {
    ann-stat "$2" | awk -v name="$1" '$1 == name { print $2 }'
}

@test "misuse" {
    misuse ann-build -t tenant -o x.ann base.fvecs
    misuse ann-build --tenants grants -o x.ann base.fvecs
    misuse ann-build -t tenant --tenants grants --lists 4 -o x.ann base.fvecs
    misuse ann-search --tenant all --tenants-file f good.ann query.fvecs
    misuse ann-search --reach 0 --tenant all good.ann query.fvecs
    fails ann-search good.ann query.fvecs
    says "good.ann is of kind tenant: '--tenant' or '--tenants-file' says whose rows are searched"
    fails ann-search --tenant all --nprobe 4 good.ann query.fvecs
    says "which takes '--reach', not '--nprobe'"
    fails ann-tune good.ann query.fvecs
    says "good.ann is of kind tenant: '--tenant' or '--tenants-file' says whose queries these are"
    ann-build -q -o graph.ann base.fvecs
    fails ann-search --tenant all graph.ann query.fvecs
    says 'graph.ann is of kind graph, which has no tenants'
    [[ ! -e x.ann ]]
}

@test "each sees what it may, and all of it" {
    diff <(seq 0 599) <(sees good.ann all)
    diff <(seq 1 2 599) <(sees good.ann odd)
    diff <(seq 0 4) <(sees good.ann few)
    is 599 "$(sees good.ann 'the "é"')"
    is 40 "$(ann-search -q --tenant few good.ann query.fvecs | grep -vc '#')"
    ok ann-search -q --tenant all --reach 1000 -k 7 good.ann query.fvecs
    cp "$out" got
    vec-knn -q -k 7 base.fvecs query.fvecs | cmp - got
}

@test "settings for a recall, of tenants" {
    awk 'BEGIN { srand(9); for (i = 0; i < 300; i++) print rand() "," rand() "," rand() "," rand() }' >many.csv
    for ((i = 0; i < 300; i++)); do [[ $((i % 3)) = 0 ]] && echo all || echo odd; done >whose
    ok ann-tune -q --recall 0.8,0.95 --tenants-file whose good.ann many.csv
    is '1 1' "$(awk '!/^#/ { print ($4 > 0) }' "$out" | xargs)"
    ok ann-search -q --recall 0.95 --tenant odd -k 10 good.ann query.fvecs
    is 80 "$(grep -vc '#' "$out")"
    exits 0 ann-stat --check good.ann
    exits 0 ann-tune -q --recall 0.9 --tenant all --sample 100 -o t.ann good.ann many.csv
    head -n 299 whose >short
    fails ann-tune --tenants-file short good.ann many.csv
    says 'short: it ends after line 299, and there are more queries'
    misuse ann-tune --tenant all --tenants-file whose good.ann many.csv
    misuse ann-tune --tenants-file - good.ann -
    cp good.ann was.ann
    fails ann-tune --recall 0.8 --tenant al good.ann many.csv
    says "good.ann has no tenant 'al'"
    yes al | head -n 300 >strangers
    fails ann-tune -q --recall 0.8 --tenants-file strangers good.ann many.csv
    says 'too few queries have a true neighbour'
    cmp was.ann good.ann
    ann-build -q -o graph.ann base.fvecs
    fails ann-tune --tenant all graph.ann many.csv
    says 'graph.ann is of kind graph, which has no tenants'
}

@test "a tenant a query; strangers see nothing, and that is said" {
    printf '%s\n' few odd 'the "é"' nobody all few someone odd >whose
    exits 0 ann-search -k 600 --tenants-file whose good.ann query.fvecs
    says "good.ann has no tenant 'nobody', who sees nothing"
    says '2 queries are of tenants whom good.ann does not know'
    cp "$out" got
    is "5 300 1 600 5 300" "$(awk '!/#/ { n[$1]++ } END { print n[0], n[1], n[2], n[4], n[5], n[7] }' got)"
    is "" "$(awk '$1 == 3 || $1 == 6' got)"
    exits 0 ann-search --tenant nobody good.ann query.fvecs
    says "good.ann has no tenant 'nobody'"
    is 0 "$(grep -vc '#' "$out")"
    ok ann-search -q --tenants-file - good.ann query.fvecs <whose
    cp "$out" got
    { printf '\xef\xbb\xbf' && sed 's/$/\r/' whose; } >dos
    ok ann-search -q --tenants-file dos good.ann query.fvecs
    cmp got "$out"
    fails ann-search -q --tenants-file - good.ann query.fvecs < <(head -n 7 whose)
    says 'stdin: it ends after line 7'
    fails ann-search -q --tenants-file - good.ann query.fvecs < <(cat whose whose)
    says 'stdin:9: a tenant more'

    head -n 7 whose >short
    fails ann-search -q --tenants-file short good.ann query.fvecs
    says 'short: it ends after line 7, and there are more queries'
    echo all >>whose
    fails ann-search -q --tenants-file whose good.ann query.fvecs
    says 'whose:9: a tenant more than the 8 queries'
    fails ann-search -q --tenants-file missing good.ann query.fvecs
}

@test "rights as text and as JSON Lines, by number and by id" {
    sed 's/$/\r/' grants >dos
    ok ann-build -q -t tenant --tenants dos -o got.ann base.fvecs
    cmp good.ann got.ann
    jq -Rc 'split("\t") | {id: (.[0] | tonumber), tenant: .[1]}' grants >grants.jsonl
    ok ann-build -q -t tenant --tenants grants.jsonl -o got.ann base.fvecs
    cmp good.ann got.ann
    jq -sc 'group_by(.id)[] | {id: .[0].id, tenant: [.[].tenant]}' grants.jsonl | zstd -q >a.zst
    ok ann-build -q -t tenant --tenants a.zst -o got.ann base.fvecs
    for tenant in all odd few; do
        cmp <(sees good.ann $tenant) <(sees got.ann $tenant)
    done
    sed 's/^/id/' grants >named
    ok ann-build -q -t tenant --ids ids --tenants named -o named.ann base.fvecs
    diff <(seq 1 2 599 | sed 's/^/id/' | sort) \
        <(ann-search -q -k 600 --tenant odd named.ann query.fvecs | awk '!/#/ { print $3 }' | sort -u)

    while IFS='|' read -r line why; do
        printf '1\tall\n%b\n' "$line" >bad
        fails ann-build -q -t tenant --tenants bad -o x.ann base.fvecs
        says "bad:2: "
        says "$why"
    done <<'END'
600\tall|there is no row 600
x\tall|'x' is no row number
1 all|not one tab
1\ta\tb|not one tab
1\t|name is empty
1\t\xff|not UTF-8
END
    fails ann-build -q -t tenant --ids ids --tenants grants -o x.ann base.fvecs
    says "grants:1: there is no row of the id '0'"
    [[ ! -e x.ann ]]
}

@test "grant, revoke, add, delete, compact" {
    cat >changes <<'END'
{"op":"grant","id":7,"tenant":"few"}
{"op":"grant","id":7,"tenant":["few","new one"]}
{"op":"revoke","id":1,"tenant":["odd","few"]}
{"op":"delete","id":3}
{"op":"add","vector":[9,9,9,9],"tenant":["few","odd"]}
{"op":"add","vector":[9,9,9,8]}
{"op":"grant","id":601,"tenant":"all"}
{"op":"revoke","id":599,"tenant":["the \"é\"","the \"\u00e9\""]}
END
    exits 0 ann-update good.ann changes
    says 'granted 5 rights, revoked 3'
    is "0 2 4 7 600" "$(sees good.ann few | xargs)"
    is "7" "$(sees good.ann 'new one' | xargs)"
    diff <(seq 5 2 599 && echo 600) <(sees good.ann odd)
    diff <(seq 0 599 | grep -vx 3 && echo 601) <(sees good.ann all)
    exits 0 ann-search --tenant 'the "é"' good.ann query.fvecs # no stranger, though it has nothing
    empty "$err"
    exits 0 ann-stat --check good.ann
    is 5 "$(stat_of tenants good.ann)"
    ok ann-update -q --compact -o small.ann good.ann
    is "0 2 3 6 599" "$(sees small.ann few | xargs)"
    is 601 "$(stat_of rows small.ann)"
    exits 0 ann-stat --check small.ann

    cp good.ann was.ann
    while IFS='|' read -r line why; do
        printf '{"op":"grant","id":5,"tenant":"few"}\n%s\n' "$line" >bad
        fails ann-update -q good.ann bad
        says 'bad:2: '
        says "$why"
        cmp was.ann good.ann
        exits 0 ann-update --skip-bad -o new.ann good.ann bad
        says '1 bad lines were passed over'
        is "0 2 4 5 7 600" "$(sees new.ann few | xargs)"
    done <<'END'
{"op":"revoke","id":1,"tenant":"few"}|the tenant 'few' does not have row 1
{"op":"revoke","id":2,"tenant":"fwe"}|the tenant 'fwe' does not have row 2
{"op":"revoke","id":0,"tenant":["few","fwe"]}|the tenant 'fwe' does not have row 0
{"op":"grant","id":3,"tenant":"few"}|row 3 was deleted
{"op":"grant","id":602,"tenant":"few"}|no row 602
{"op":"grant","id":5}|no string
{"op":"grant","id":5,"tenant":["a",""]}|name is empty
{"op":"add","vector":[1,2,3,4],"tenant":[1]}|no string
END
}

@test "what there is" {
    is tenant "$(stat_of kind good.ann)"
    is "4 906" "$(stat_of tenants good.ann) $(stat_of grants good.ann)"
    [[ $(stat_of short_list_most good.ann) -le $(stat_of leaf_most good.ann) ]]
    [[ $(stat_of depth good.ann) -ge 1 && $(stat_of nodes good.ann) -gt $(stat_of leaves good.ann) ]]
    [[ $(stat_of bloom_bits good.ann) -gt 0 ]]
    ok ann-stat --json good.ann
    is 906 "$(jq .grants "$out")"
    exits 0 ann-stat --check good.ann
    fails ann-stat --degrees good.ann
    refuses_bad_ann ann-search --tenant all @ query.fvecs
    refuses_bad_ann ann-stat --check @
}

@test "the same for all threads and CPU levels" {
    for threads in 1 2 7; do
        ok ann-build -q -T $threads -t tenant --tenants grants -o t.ann base.fvecs
        cmp good.ann t.ann
    done
    for level in portable avx2 avx512; do
        ok env SLUICE_CPU=$level ann-build -q -t tenant --tenants grants -o t.ann base.fvecs
        cmp good.ann t.ann
    done
    same_for_all_threads ann-search -q --tenant all good.ann base.fvecs
    same_for_all_levels ann-search -q --tenant odd good.ann base.fvecs
}

@test "output whole or not at all; lost output is reported" {
    mkdir whole
    cd whole
    writes_whole_or_not ann-search -q --tenant all ../good.ann ../query.fvecs
    reports_lost_output ann-search -q --tenant all ../good.ann ../query.fvecs
}

@test "killed at any time, or without room, an update leaves the index as it was" {
    printf '{"op":"revoke","id":%d,"tenant":"all"}\n' {0..599..3} >changes
    cp good.ann was.ann
    ok ann-update -q -o want.ann good.ann changes
    for wait in 0 .002 .004 .006 .008 .01 .015 .02; do
        ann-update -q good.ann changes &
        sleep $wait
        kill -9 $! 2>../killed || true
        wait $! 2>../killed || true
        cmp -s was.ann good.ann || cmp want.ann good.ann
        rm -f .good.ann.new # of a kill between link and rename
        cp was.ann good.ann
    done
    no_room 1 ann-update -q good.ann changes
    says "'good.ann'"
    no_room 1 ann-build -q -t tenant --tenants grants -o good.ann base.fvecs
    cmp was.ann good.ann
    fails ann-update -q -o /dev/full good.ann changes
    only base.csv base.fvecs query.csv query.fvecs ids grants good.ann was.ann want.ann changes
}
