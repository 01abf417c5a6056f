# What goes to a terminal: names and texts of strangers cannot drive it. Every command runs on a
# pseudo-terminal (script), on names and texts that are full of what a terminal would act upon; the
# same through a pipe stays as it is.
load helper

# An escape sequence, the window's title, C1 as UTF-8, DEL, changes of direction, no UTF-8, a
# surrogate.
evil=$'x\e[31m\e]0;t\ay\xc2\x9b1m\x7f\xe2\x80\xaeevil\xe2\x81\xa9\xff\xed\xa0\x80z'
evil8=${evil/$'\xff\xed\xa0\x80'/} # UTF-8, at least
shown='x?[31m?]0;t?y?1m??evil?????z'

# on_terminal COMMAND...: what it writes to a terminal, on both outputs, in $out, but for the colour of
# an occurrence.
on_terminal() {
    local line status=0
    printf -v line '%q ' "$@"
    SHELL=/bin/bash script -qec "$line" "$out.raw" </dev/null >"$out.shown" || status=$?
    sed -e '1d;$d' -e 's/\r$//; s/\x1b\[01;31m\x1b\[K\(.*\)\x1b\[m\x1b\[K/\1/' "$out.raw" >"$out" # the terminal makes \r\n of \n
    return "$status"
}

# tame: nothing in $out would act.
tame() {
    if grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' "$out" |
        cat -v | head -n 3 | grep .; then
        return 1
    fi
    iconv -f UTF-8 -t UTF-8 "$out" >"$out.again" || return
    [[ -s $out ]]
}

# has TEXT: it stands in $out.
has() {
    grep -qF -- "$1" "$out" && return
    echo "no '$1' in: $(head -c 2000 "$out")"
    return 1
}

# tell COMMAND...: on a terminal, tame, whatever the exit code.
tell() {
    on_terminal "$@" || true
    tame
}

setup_file() {
    # A corpus whose ids and texts are such.
    printf '{"id":"%s","text":"a dog: %s","k%s":"%s"}\n' "$evil" "$evil" "$evil" "$evil" |
        sed -e 's/\x1b/\\u001b/g; s/\x07/\\u0007/g' >"$BATS_FILE_TMPDIR/evil.jsonl"
    fm-build -q -o "$BATS_FILE_TMPDIR/evil.fmi" "$BATS_FILE_TMPDIR/evil.jsonl"
}

@test "every tool: the name of a file or an argument, and an option, in its messages" {
    local tool words word list
    for tool in "$bin"/*; do
        tool=${tool##*/}
        case $tool in
        fm-build | ann-build | fm-merge) words='-o x +' ;;
        fm-contam) words='--bench + +' ;;
        fm-cat | fm-find) words='+ 1' ;;
        ann-bench) words='+ + +' ;;
        ann-tune | ann-search | trace-compare | vec-knn | vec-recall) words='+ +' ;;
        vec-eval) words='+ + +' ;;
        block-zoo) words='--list +' ;;
        trace-replay | trace-capacity) words='--cost + +' ;;
        trace-plan) words='--model + --machines + --cost + +' ;;
        trace-blocks) words='+ +' ;;
        trace-cost) words='--tp=+' ;;
        trace-gen | trace-program) words='--rate=+' ;;
        vec-encode) words='-o x + +' ;;
        vec-decode) words='--to npy -o x + +' ;;
        vec-convert) words='--to npy -o x +' ;;
        vec-train) words='-c lvq4 -o x +' ;;
        *) words=+ ;;
        esac
        list=()
        for word in $words; do list+=("${word/+/$evil}"); done
        tell "$tool" "${list[@]}"
        has "$shown"
        tell "$tool" "--$evil"
        has "unknown option '--$shown'"
    done
    tell fm-stat -$'\x9b'
    has "unknown option '-?'"
}

@test "fm-: ids and texts" {
    local evil_fmi=$BATS_FILE_TMPDIR/evil.fmi
    tell fm-find "$evil_fmi" dog
    has "$shown"
    tell fm-cat "$evil_fmi" 0
    has "a dog: $shown"
    tell fm-find "$evil_fmi" -C 40 "$evil"
    tell fm-count "$evil_fmi" "$evil"
    has "1	$shown"
    tell fm-match -l 5 "$evil_fmi" "$BATS_FILE_TMPDIR/evil.jsonl"
    tell fm-cat --meta -0 "$evil_fmi" 0
    for report in html md; do
        tell fm-contam --bench "$BATS_FILE_TMPDIR/evil.jsonl" --report $report "$evil_fmi"
    done
}

@test "JSON on a terminal says the same as in a pipe" {
    for how in --json --meta; do
        tell fm-cat $how "$BATS_FILE_TMPDIR/evil.fmi" 0
        cp "$out" shown
        fm-cat $how "$BATS_FILE_TMPDIR/evil.fmi" 0 >piped
        has '\u009b1m\u007f\u202eevil\u2069'
        # jq has one U+FFFD for several bytes
        is "$(jq -cS . piped | sed 's/\(\xef\xbf\xbd\)*//g')" "$(jq -cS . shown | sed 's/\(\xef\xbf\xbd\)*//g')"
    done
}

@test "pipes and files get the bytes as they are" {
    fm-cat "$BATS_FILE_TMPDIR/evil.fmi" 0 | cmp - <(printf 'a dog: %s\n' "$evil")
    fm-cat -o kept "$BATS_FILE_TMPDIR/evil.fmi" 0
    cmp kept <(printf 'a dog: %s\n' "$evil")
    fm-count "$BATS_FILE_TMPDIR/evil.fmi" "$evil" | grep -qaF "$evil"
}

@test "a long text: characters are whole wherever the buffer ends" {
    awk 'BEGIN { for (i = 0; i < 9; i++) s = s "a\303\251\342\202\254\360\237\230\200"
        for (i = 0; i < 4000; i++) printf "%d%s\r\n", i % 7 ? i : "", s }' >long
    fm-build -q -f text -o long.fmi long
    on_terminal fm-cat long.fmi 0
    cmp <(tr -d '\r' <"$out" | head -n 4000) <(tr -d '\r' <long)
}

@test "traces: ids, groups, fields of bad lines" {
    local evil_id=${evil//$'\e'/\\u001b}
    evil_id=${evil_id//$'\a'/\\u0007}
    for i in 1 2 3; do
        printf '{"id":"%s","t_ns":%d,"prompt":100,"output":5,"session":"%s"}\n' "$evil_id" "${i}000" "$evil_id"
    done >t.jsonl
    tell trace-convert t.jsonl
    has 'u202e'
    tell trace-stat t.jsonl
    tell trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB -o - t.jsonl
    has "$shown"
    trace-replay --cost roofline --model Llama-2-7B --gpu A100-80GB -o r.tsv t.jsonl >/dev/null
    tell trace-plot --name "$evil" r.tsv
    has '</svg>'
    printf '{"name":"%s\\"","layers":2,"dim":8}' "$evil" >"$evil"
    tell trace-cost --model-card "$evil"
    printf '{"id":"a","t_ns":%s}\n' "$evil" >bad.jsonl
    tell trace-stat bad.jsonl
    printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n%s,1,2\n' "$evil" >bad.csv
    tell trace-convert bad.csv
    has '?'
}

@test "vectors and conditions: attributes, names, predicates" {
    printf '1,2\n3,4\n5,6\n' >v.csv
    vec-convert -q v.csv -o v.fvecs
    printf 'k%s\tb\n%s\t1\nq\t2\nr\t3\n' "$evil" "$evil" >at.tsv
    tell ann-build -q --attrs at.tsv -o v.ann v.fvecs
    printf 'a\tb\n%s\t1\nq\t2\nr\t3\n' "$evil8" >at.tsv
    printf '%s\n' "$evil8" two three >ids
    ann-build -q --attrs at.tsv --ids ids -o v.ann v.fvecs
    tell ann-stat v.ann
    for where in "a = \"$evil\"" "$evil" "a = \"$evil" "b < \"$evil\""; do
        tell ann-search --explain -k 2 --where "$where" v.ann v.fvecs
    done
    tell ann-search -k 2 v.ann v.fvecs
    tell ann-search -k 2 --where "a == $evil" v.ann v.fvecs
    is 4 "$(grep -c '' "$out")" # the place is shown in two lines more, with a caret
    printf '%s,2\n' "$evil" >bad.csv
    tell vec-stat bad.csv
}

@test "a caret stands under the place, in characters" {
    printf '1,2\n3,4\n' >v.csv
    vec-convert -q v.csv -o v.fvecs
    printf 'a\tb\nx\t1\nq\t2\n' >at.tsv
    ann-build -q --attrs at.tsv -o v.ann v.fvecs
    on_terminal ann-search -k 1 --where "a = \"$evil\" and ,b = 1" v.ann v.fvecs || true
    tame
    awk 'NR == 2 { place = index($0, ",") } NR == 3 { exit index($0, "^") != place }' "$out"
}
