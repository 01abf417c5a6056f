# fm-stat: what is in an index, and whether it is whole.
load helper

setup_file() {
    build_sample
    build_everything
}

# An index with every section there is: all byte values, normalised text kept beside the raw.
build_everything() {
    awk 'BEGIN {
        for (d = 0; d < 40; d++) {
            printf "{\"text\":\"Document %d,  THE %d. ", d, d * d
            for (i = 128; i < 256; i++) printf "%c", i
            for (i = 1; i < 128; i++) printf "\\u%04x", (i * 7 + d) % 128
            printf "\",\"id\":\"d%d\",\"n\":%d}\n", d % 30, d
        }
    }' >"$BATS_FILE_TMPDIR/everything.jsonl"
    fm-build -o "$BATS_FILE_TMPDIR/all.fmi" "$BATS_FILE_TMPDIR/everything.jsonl"
    fm-build --normalize gpt3 -o "$BATS_FILE_TMPDIR/gpt3.fmi" "$BATS_FILE_TMPDIR/everything.jsonl"
}

# numbers FILE OFFSET BYTES: its 64-bit numbers from there, a line each.
numbers() {
    od -An -v -t u8 -w8 -j "$2" -N "$3" "$1" | tr -d ' '
}

# sections FILE: "id offset length" of each, as the table in the file has them (fm-index(5)).
sections() {
    local table count
    table=$(numbers "$1" 24 8)
    count=$(od -An -t u4 -j 32 -N 4 "$1" | tr -d ' ')
    od -An -v -c -w32 -j "$table" -N $((32 * count)) "$1" | awk '{ print $1 $2 $3 $4 }' |
        paste -d ' ' - <(numbers "$1" "$table" $((32 * count)) | awk 'NR % 4 == 2 { at = $0 } NR % 4 == 3 { print at, $0 }')
}

# damaged INDEX OFFSET [BYTES]: makes x.fmi of it with every bit turned there, in one byte unless
# BYTES says otherwise.
damaged() {
    local turned=$BATS_FILE_TMPDIR/${1##*/}.turned
    [[ -e $turned ]] || od -An -v -t u1 -w1 "$1" | awk '{ printf "%c", 255 - $1 }' >"$turned"
    cp "$1" x.fmi
    dd if="$turned" of=x.fmi iflag=skip_bytes,count_bytes oflag=seek_bytes \
        skip="$2" seek="$2" count="${3:-1}" conv=notrunc status=none
}

# survives COMMAND...: done or a failure with a sentence, whatever the answer.
survives() {
    local got=0
    timeout 5 "$@" >"$out" 2>"$err" || got=$?
    [[ $got == 0 ]] || { [[ $got == 1 ]] && one_sentence; } && return
    echo "exit $got: $*"
    head -c 2000 "$err"
    return 1
}

# every_tool_survives INDEX
every_tool_survives() {
    survives fm-count -T 1 --docs "$1" e the ' ' $'\xff' lamp
    survives fm-find -T 1 -i "$1" the
    survives fm-find -T 1 --sample 5 "$1" a
    survives fm-cat --all "$1"
    survives fm-cat --all --meta "$1"
    survives fm-cat --id "$1" d3 twice
    survives fm-contam -T 1 --bench "$data/sample.jsonl" --field text "$1"
}

@test "help, version, misuse" {
    helps fm-stat
    misuse fm-stat "$sample" "$sample"
}

@test "documents, bytes, alphabet, entropy, size" {
    ok fm-stat "$sample"
    head -n 1 "$out" | grep -qx $'# what\tvalue'
    grep -qx $'documents\t39' "$out"
    grep -qx $'text_bytes\t2310' "$out"
    grep -qx $'raw_bytes\t2310' "$out"
    grep -qx $'normalize\tnone' "$out"
    grep -qx "index"$'\t'"$sample" "$out"
    grep -qx $'sample_rate\t60' "$out"
    size=$(stat -c %s "$sample")
    grep -qx "file_bytes"$'\t'"$size" "$out"
    is "$(awk -v s="$size" 'BEGIN { printf "%.4f", s / 2310 }')" "$(awk '$1 == "file_bytes/text_bytes" { print $2 }' "$out")"
    ok fm-stat --json "$BATS_FILE_TMPDIR/all.fmi"
    fm-cat --all -0 "$BATS_FILE_TMPDIR/all.fmi" >../texts # all but 40 of the NUL bytes are text
    od -An -v -t u1 -w1 ../texts | awk '{ n[$1 + 0]++ } END { n[0] -= 40
        for (b in n) total += n[b]
        for (b in n) { kinds++; h -= n[b] / total * log(n[b] / total) / log(2) }
        printf "%d %d %.4f\n", kinds, total, h }' >../expected
    is "$(<../expected)" "$(jq -r '"\(.alphabet) \(.text_bytes) \(.entropy_bits)"' "$out")"
}

@test "sections: each with its size and what it is, as the file has them; the same in JSON" {
    for index in "$sample" "$BATS_FILE_TMPDIR"/{all,gpt3}.fmi; do
        sections "$index" >../sections
        [[ $(wc -l <../sections) -ge 12 ]]
        ok fm-stat "$index"
        grep -qx $'# section\tbytes\tshare\twhat' "$out"
        sed '1,/^# section/d' "$out" | awk -F '\t' 'length($4) > 3 { print $1, $2 }' |
            diff - <(cut -d ' ' -f 1,3 ../sections)
        sed '1,/^# section/d' "$out" | grep -c unknown >../unknown || true
        is 0 "$(<../unknown)"
        ok fm-stat --json "$index"
        jq -r '.sections | to_entries[] | "\(.key) \(.value)"' "$out" | diff - <(cut -d ' ' -f 1,3 ../sections)
        is 1 "$(wc -l <"$out")"
        is "$(stat -c %s "$index")" "$(jq .file_bytes "$out")"
    done
}

@test "a set: every index in it" {
    fm-build -o b.fmi "$data/gsm8k-50.jsonl" --field question
    printf 'sluice-set 1\n%s\nb.fmi\n' "$sample" >x.set
    ok fm-stat --json x.set
    is '39 50' "$(jq .documents "$out" | paste -sd ' ')"
    ok fm-stat x.set
    is '39 50' "$(awk '$1 == "documents" { print $2 }' "$out" | paste -sd ' ')"
    ok fm-stat --check x.set
    empty "$out"
    damaged b.fmi 300
    mv x.fmi b.fmi
    fails fm-stat --check x.set
    says b.fmi
}

@test "--check: nothing to say about a whole index" {
    for index in "$sample" "$BATS_FILE_TMPDIR"/{all,gpt3}.fmi; do
        ok fm-stat --check "$index"
        empty "$out"
    done
    fm-build -q -o none.fmi - </dev/null
    ok fm-stat --check none.fmi
}

@test "--check finds a flipped byte in every section and says in which" {
    local index id offset length at
    for index in "$sample" "$BATS_FILE_TMPDIR"/{all,gpt3}.fmi; do
        sections "$index" >../sections
        cut -d ' ' -f 1 ../sections >>../seen
        while read -r id offset length; do
            for at in 0 $((length / 2)) $((length - 1)); do
                [[ $length -gt 0 ]] || continue
                damaged "$index" $((offset + at))
                fails fm-stat --check x.fmi
                says x.fmi
                # a wrong size in the head is found where it does not fit
                [[ $id == HEAD ]] || says "'$id'"
            done
        done <../sections
    done
    grep -q ZROW ../seen # all 256 byte values
    grep -q RBLK ../seen # raw texts
}

@test "--check finds a flipped byte between the sections, in header and table" {
    local size table at
    size=$(stat -c %s "$sample")
    table=$(numbers "$sample" 24 8)
    {
        seq 0 3 63
        sections "$sample" | awk '{ if (NR > 1 && at < $2) print at; at = $2 + $3 }'
        seq $((table - 1)) 37 $((size - 1))
        echo $((size - 1))
    } >../places
    [[ $(wc -l <../places) -gt 40 ]]
    while read -r at; do
        damaged "$sample" "$at"
        fails fm-stat --check x.fmi
        says x.fmi
    done <../places
}

@test "a flipped byte anywhere never crashes a tool" {
    local index id offset length at
    for index in "$BATS_FILE_TMPDIR"/{all,gpt3}.fmi; do
        sections "$index" >../sections
        while read -r id offset length; do
            [[ $length -gt 0 ]] || continue
            at=$((RANDOM % length))
            echo "byte $at of $id, $length bytes, in $index"
            damaged "$index" $((offset + at))
            every_tool_survives x.fmi
        done <../sections
    done
}

# filled INDEX OFFSET BYTES OCTAL: makes x.fmi of it with these bytes there.
filled() {
    cp "$1" x.fmi
    head -c "$3" /dev/zero | tr '\0' "\\$4" | dd of=x.fmi oflag=seek_bytes seek="$2" conv=notrunc status=none
}

@test "whole sections overwritten never crash a tool" {
    local index=$BATS_FILE_TMPDIR/all.fmi id offset length
    sections "$index" >../sections
    while read -r id offset length; do
        echo "all of $id, $length bytes"
        damaged "$index" "$offset" "$length"
        every_tool_survives x.fmi
        fails fm-stat --check x.fmi
        filled "$index" "$offset" "$length" 000
        every_tool_survives x.fmi
        cmp -s "$index" x.fmi || fails fm-stat --check x.fmi
    done <../sections
}

@test "a damaged index does not keep fm-find -i busy" {
    local index=$BATS_FILE_TMPDIR/all.fmi offset length
    read -r _ offset length < <(sections "$index" | grep BLKS)
    filled "$index" "$offset" "$length" 377
    survives fm-find -T 1 -i --max 1 x.fmi 'the keeper'
    survives fm-find -T 1 -i --max 1 x.fmi 'the keeper lights'
    survives fm-find -T 1 -i --max 1 x.fmi tttttttttttttttttttttttt
}

@test "what is no index" {
    refuses_bad_indexes fm-stat @
    rm -f ./*
    refuses_bad_indexes fm-stat --check @
}

@test "an index of a later format is refused" {
    damaged "$sample" 12 # the major version
    fails fm-stat x.fmi
    says x.fmi
}

@test "the CPU level changes nothing" {
    same_for_all_levels fm-stat "$sample"
}

@test "-o FILE, whole or not at all; lost output" {
    writes_whole_or_not fm-stat "$sample"
    reports_lost_output fm-stat "$sample"
    reports_lost_output fm-stat --json "$sample"
}
