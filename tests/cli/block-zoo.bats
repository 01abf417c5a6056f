# block-zoo: models cut into blocks, and equal blocks once.
load helper

# npy FILE ROWS SEED: an array of ROWS x 64 bytes, another one for every seed.
npy() {
    {
        printf '\x93NUMPY\x01\x00\x76\x00'
        printf '%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($2, 64), }"
        seq "$3" 977 $(($3 + 977 * $2 * 32)) | head -c $(($2 * 64))
    } >"$1"
}

# A base of 8 layers, and twenty models made of it: ten by adapters, six by FFNs of their own, four
# by a last quarter of their own.
models() {
    local i k
    mkdir base
    npy base/embed.npy 500 1
    npy base/head.npy 500 2
    for i in {0..7}; do
        npy base/a$i.npy 160 1$i
        npy base/f$i.npy 330 2$i
    done
    for k in {0..9}; do
        cp -r base lora$k
        for i in {0..7}; do npy lora$k/l$i.npy 3 3$k$i; done
    done
    for k in {0..5}; do
        cp -r base ffn$k
        for i in {0..7}; do npy ffn$k/f$i.npy 330 4$k$i; done
    done
    for k in {0..3}; do
        cp -r base full$k
        for i in 6 7; do
            npy full$k/a$i.npy 160 5$k$i
            npy full$k/f$i.npy 330 6$k$i
        done
    done
}

value() {
    awk -v what="$1" '$1 == what { print $2 }' "$out"
}

@test "help, version, misuse" {
    helps block-zoo
    misuse block-zoo --add --list s
    misuse block-zoo --add s
    misuse block-zoo --get s m
    misuse block-zoo --get s -o x
    misuse block-zoo --get s m -o -
    misuse block-zoo --list s m
    misuse block-zoo s m
    misuse block-zoo --near 0.9 s
    misuse block-zoo --add --near 1.5 s m
    misuse block-zoo --add --near 2 s m
    misuse block-zoo --add --near nan s m
}

@test "twenty models of one: at most .35 of their bytes, and each comes out as it was" {
    models
    ok block-zoo --add store lora* f*
    ok block-zoo --check store
    is 20 "$(value models)"
    is "$(cat lora* f* 2>/dev/null | wc -c; cat lora*/* f*/* | wc -c)" "0
$(value bytes)"
    is "$(cat store/objects/* | wc -c)" "$(value kept_bytes)"
    awk -v share="$(value kept_share)" 'BEGIN { exit !(share > 0.2 && share <= 0.35) }'
    is "$(sha256sum lora*/* f*/* | cut -c 1-64 | sort -u | wc -l)" "$(value objects)"
    for model in lora* f*; do
        ok block-zoo --get store "$model" -o out
        diff -r "$model" out
        rm -r out
    done
    # The base adds nothing.
    ok block-zoo --add --json store base
    is 0 "$(jq .new_bytes "$out")"
    is 18 "$(jq .shared "$out")"
    is $((10 * 26 + 10 * 18 + 18)) "$(block-zoo --list store | grep -vc '^#')"
}

@test "models that have nothing in common: nothing is gained" {
    mkdir one two
    npy one/a.npy 10 1
    npy two/a.npy 10 2
    ok block-zoo --add store one two
    ok block-zoo store
    is 1.000000 "$(value kept_share)"
    is 0 "$(value saved_bytes)"
}

@test "near ones stand in only when they are asked to, and it is said" {
    mkdir one two
    npy one/a.npy 100 1
    cp one/a.npy two
    printf '\x01%.0s' {1..64} | dd of=two/a.npy bs=1 seek=1000 conv=notrunc status=none
    ok block-zoo --add exact one two
    ok block-zoo exact
    is 2 "$(value objects)"
    is 0 "$(value near_blocks)"
    exits 0 block-zoo --add --near 0.98 near one two
    says "'two': others stand in for 1 blocks"
    ok block-zoo --list near
    awk '$1 == "two" && $5 > 0.98 && $5 < 1 { found = 1 } END { exit !found }' "$out"
    exits 0 block-zoo --get near two -o out
    says '1 blocks are others that were near'
    diff -r one out
    ok block-zoo near
    is 1 "$(value objects)"
}

@test "files of any kind; hidden ones are left out; what cannot be is refused" {
    mkdir m
    echo '{"layers": 8}' >m/config.json
    : >m/empty
    echo x >m/.hidden
    echo alone >file
    ok block-zoo --add store m/ file
    ok block-zoo --get store m -o out
    rm m/.hidden
    diff -r m out
    ok block-zoo --get store file -o alone
    cmp file alone/file
    fails block-zoo --add store m
    says "has a model 'm' already"
    fails block-zoo --get store m -o out
    says 'already'
    fails block-zoo --get store none -o new
    says "no model 'none'"
    fails block-zoo --get store m -o no/such/folder
    mkdir -p deep/er empty
    fails block-zoo --add store deep
    fails block-zoo --add store empty
    says empty
    fails block-zoo --add store missing
    says missing
    fails block-zoo none
    says none
    fails block-zoo --add m out
    says 'no store'
    ok block-zoo --list store
    is 3 "$(grep -vc '^#' "$out")"
    only m file store out alone deep empty
}

@test "what a killed writer left is no harm" {
    mkdir m
    npy m/a.npy 10 1
    mkdir -p store/objects store/models
    ok block-zoo --add store m
    # An object that no model has; half an object; half a folder.
    cp store/objects/* keep
    rm store/models/m
    echo half >store/objects/.0123456789abcdef.new
    ok block-zoo --check --add --json store m
    is 0 "$(jq .new_bytes "$out")"
    mkdir .out.new
    echo half >.out.new/a.npy
    ok block-zoo --get store m -o out
    diff -r m out
    only m keep store out
    # No room: nothing is there.
    no_room 0 block-zoo --get store m -o other
    only m keep store out
    npy m/b.npy 100 7
    mv m n
    no_room 1 block-zoo --add store n
    ok block-zoo --check store
    is 1 "$(value models)"
}

# interrupted DELAY: a model is asked for, and a signal comes after so many seconds.
interrupted() {
    block-zoo --get store m -o out 2>/dev/null &
    local pid=$!
    sleep "$1"
    kill -TERM $pid 2>/dev/null || true # it may be done
    status=0
    wait $pid || status=$?
}

@test "a signal leaves the whole model, or nothing" {
    local i status none=0
    mkdir m
    for ((i = 0; i < 200; i++)); do
        npy m/$i.npy 1000 $i
    done
    mkdir -p store/objects store/models
    ok block-zoo --add store m
    for ((i = 0; i < 40; i++)); do
        interrupted .0$((i / 10))$((i % 10))
        if [[ -e out ]]; then
            diff -r m out
            rm -r out
        else
            is 143 $status
            none=$((none + 1))
        fi
        only m store
    done
    [[ $none -gt 0 ]]
}

@test "a folder that another one is writing stays as it is" {
    mkdir m
    npy m/a.npy 10 1
    mkdir -p store/objects store/models .out.new
    ok block-zoo --add store m
    echo other >.out.new/b.npy
    exec 9<.out.new
    flock 9
    fails block-zoo --get store m -o out
    says "another process is writing '.out.new'"
    is other "$(<.out.new/b.npy)"
    exec 9<&-
    ok block-zoo --get store m -o out
    diff -r m out
    only m store out
    # What a link of that name leads to is nobody's.
    mkdir apart
    echo other >apart/b.npy
    ln -s apart .new.new
    fails block-zoo --get store m -o new
    is other "$(<apart/b.npy)"
}

@test "damage is found" {
    mkdir m
    npy m/a.npy 10 1
    ok block-zoo --add store m
    object=$(echo store/objects/*)
    chmod u+w "$object"
    printf X | dd of="$object" bs=1 seek=500 conv=notrunc status=none
    ok block-zoo store
    fails block-zoo --check store
    says 'damaged'
    fails block-zoo --get store m -o out
    says 'damaged'
    only m store
    sed -i 's/a.npy/b.npy/' store/models/m
    fails block-zoo store
    says 'store/models/m'
}

@test "an object that is missing is an error; one that is left over counts apart" {
    mkdir m
    npy m/a.npy 10 1
    npy m/b.npy 10 2
    ok block-zoo --add store m
    cp -r store all
    rm "$(echo store/objects/* | cut -d ' ' -f 1)"
    for option in '' --list --json --check; do
        # shellcheck disable=SC2086 # an option or none
        fails block-zoo $option store
        says "store/models/m"
    done
    ok block-zoo --add store all/objects # the same bytes again
    ok block-zoo store
    is 2 "$(value objects)"
    is 0 "$(value left_objects)"
    rm all/models/m
    npy two 20 3
    ok block-zoo all
    is '0 0 0 2' "$(value objects) $(value kept_bytes) $(value saved_bytes) $(value left_objects)"
    is "$(cat all/objects/* | wc -c)" "$(value left_bytes)"
    ok block-zoo --add all two
    ok block-zoo all
    is '1 0 2' "$(value objects) $(value saved_bytes) $(value left_objects)"
}

@test "output: whole or not at all, and never lost without a word" {
    mkdir ../m
    npy ../m/a.npy 10 1
    ok block-zoo --add ../store ../m
    writes_whole_or_not block-zoo --list ../store
    reports_lost_output block-zoo ../store
}
