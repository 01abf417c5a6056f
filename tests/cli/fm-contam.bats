# fm-contam: which entries of a benchmark does the corpus contain?
load helper

# A corpus that holds one question whole, one in half, one in other words, and a short one.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    cat >corpus.jsonl <<'EOF'
{"id":"forum-1","text":"Somebody asked me this today: A baker makes forty loaves in the morning and sells them at two coins each until noon. How many coins are in the till at noon? I said eighty."}
{"id":"forum-2","text":"The carpenter cuts a plank of twelve feet into pieces of eight inches and stacks these pieces, or so I have been told, but what is the question?"}
{"id":"forum-3","text":"SEVEN sailors share, equally: sixty-three oranges; and the captain takes what is left of them! How many oranges does the captain take then?"}
{"id":"forum-4","text":"Is seven a prime?"}
{"text":"This document is about something else, and nobody calls it by a name."}
EOF
    cat >bench.jsonl <<'EOF'
{"id":"whole","question":"A baker makes forty loaves in the morning and sells them at two coins each until noon. How many coins are in the till at noon?"}
{"id":"half","question":"The carpenter cuts a plank of twelve feet into pieces of eight inches and stacks them in rows of three. How many rows does the stack have when all is done?"}
{"question":"A shepherd counts his sheep twice every evening, and loses count when the dog barks at the moon. How often does he begin again?"}
{"id":"spelling","question":"Seven sailors share equally sixty-three oranges, and the captain takes what is left of them. How many oranges does the captain take then?"}
{"id":5,"question":"Is seven a prime?"}
{"id":"short, absent","question":"Is eight a prime?"}
{"id":"empty","question":""}
EOF
    fm-build corpus.jsonl
    fm-build --normalize gpt3 -o words.fmi corpus.jsonl
    jq -r .text corpus.jsonl >corpus.txt
    jq -r .question bench.jsonl >bench.txt
    build_sample
}

setup() {
    enter_work
    cp "$BATS_FILE_TMPDIR"/{bench.jsonl,corpus.fmi,words.fmi} .
}

# shares METHOD SIZE: reads entries, a line each; prints the share of their windows that the corpus
# holds, by looking for each window. METHOD is chars, words, or longest.
shares() {
    awk -v method="$1" -v size="$2" 'NR == FNR { doc[n++] = $0; next } {
        windows = found = 0
        if (method == "longest") {
            print length($0) ? sprintf("%.4f", longest($0) / length($0)) : "0.0000"
            next
        }
        if (method == "chars") cut_chars($0)
        else cut_words($0)
        printf "%.4f\n", windows ? found / windows : 0
    }
    function occurs(s,  i) {
        for (i = 0; i < n; i++) if (index(doc[i], s)) return 1
        return 0
    }
    function window(s) { windows++; found += occurs(s) }
    function cut_chars(s,  i) {
        for (i = 1; i + size - 1 <= length(s); i++)
            if (substr(s, i, 1) != " " && (i == 1 || substr(s, i - 1, 1) == " ")) window(substr(s, i, size))
        if (!windows && s != "") window(s)
    }
    function cut_words(s,  i, k, word, w) {
        k = split(s, word, " ")
        for (i = 1; i + size - 1 <= k; i++) window(joined(word, i, i + size - 1))
        if (!windows && k) window(joined(word, 1, k))
    }
    function joined(word, from, to,  s, i) {
        s = word[from]
        for (i = from + 1; i <= to; i++) s = s " " word[i]
        return pad s pad
    }
    function longest(s,  i, l, best) {
        for (i = 1; i <= length(s); i++) {
            for (l = best; i + l <= length(s) && occurs(substr(s, i, l + 1)); l++) ;
            if (l > best) best = l
        }
        return best
    }' pad="${pad-}" "${corpus:-$BATS_FILE_TMPDIR/corpus.txt}" -
}

# normalised: lines as gpt3 has them, a space on both sides.
normalised() {
    tr 'A-Z' 'a-z' | tr -d '[:punct:]' | tr -s ' ' | sed 's/^ *//; s/ *$//; s/..*/ & /'
}

@test "help, version, misuse" {
    helps fm-contam
    misuse fm-contam corpus.fmi
    says --bench
    misuse fm-contam corpus.fmi bench.jsonl --bench bench.jsonl
    for options in '--window 0' '--words 0' '--dirty 1.1' '--dirty=-1' '--suspicious 0.9' '--dirty nan' \
        '--dirty x' '--suspicious=-0.1' '--method exact' '--report pdf' '--json --report md' '--worst x'; do
        misuse fm-contam corpus.fmi --bench bench.jsonl $options
    done
}

@test "a row an entry, and a summary last" {
    ok fm-contam --longest-min 1 corpus.fmi --bench bench.jsonl
    tsv <<'EOF'
# id|label|share|longest|doc
whole|dirty|1.0000|126|0
half|suspicious|0.3333|84|1
3|clean|0.0000|9|0
spelling|clean|0.0000|45|2
5|dirty|1.0000|17|3
short, absent|clean|0.0000|9|3
empty|clean|0.0000|0|-1
# bench.jsonl: 7 entries, 2 dirty, 1 suspicious, 4 clean
EOF
}

@test "JSON" {
    ok fm-contam --json corpus.fmi --bench bench.jsonl
    jq -e . "$out" >/dev/null
    is 8 "$(wc -l <"$out")"
    is '{"id":"half","label":"suspicious","share":0.3333,"longest":84,"doc":1,"doc_id":"forum-2","windows":21,"found":7,"longest_offset":0,"longest_count":1}' \
        "$(sed -n 2p "$out")"
    is '{"id":"empty","label":"clean","share":0.0000,"longest":0,"doc":-1,"doc_id":"","windows":0,"found":0,"longest_offset":0,"longest_count":0}' \
        "$(sed -n 7p "$out")"
    is '{"summary":{"bench":"bench.jsonl","entries":7,"dirty":2,"suspicious":1,"clean":4}}' "$(tail -n 1 "$out")"
}

@test "window: equal to looking for every window; all sizes" {
    for size in 1 5 20 50 100 1000; do
        shares chars "$size" <"$BATS_FILE_TMPDIR/bench.txt" >../expected
        ok fm-contam --window "$size" corpus.fmi --bench bench.jsonl
        column 3 "$out" | diff ../expected -
    done
    lines 60 'abab ' 400 1 >x.txt
    lines 40 'abab ' 400 2 | cut -c 1-200 >y.txt
    paste -d ' ' <(head -n 40 x.txt | cut -c 1-100) y.txt >bench.txt
    fm-build x.txt
    for size in 8 15 50; do
        corpus=x.txt shares chars "$size" <bench.txt >../expected
        ok fm-contam --window "$size" x.fmi --bench bench.txt
        column 3 "$out" | diff ../expected -
    done
    awk '$1 > 0 && $1 < 1' ../expected | grep -q .
}

@test "window: characters are code points, windows begin at word starts" {
    # Two words of 30 characters and 60 bytes: at 40 characters one window, that of the first word.
    text='ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßß éééééééééééééééééééééééééééééé'
    printf '%s\n' "x${text:0:80}" >x.txt # LC_ALL=C: 40 characters and the half of one
    fm-build x.txt
    printf '%s\n' "$text" >bench.txt
    ok fm-contam --json --window 40 x.fmi --bench bench.txt
    is '1 1' "$(head -n 1 "$out" | jq -r '"\(.windows) \(.found)"')"
    ok fm-contam --json --window 41 x.fmi --bench bench.txt
    is '1 0' "$(head -n 1 "$out" | jq -r '"\(.windows) \(.found)"')"
    ok fm-contam --json --window 30 x.fmi --bench bench.txt
    is '2 1' "$(head -n 1 "$out" | jq -r '"\(.windows) \(.found)"')"
    ok fm-contam --json --window 61 x.fmi --bench bench.txt
    is '1 0' "$(head -n 1 "$out" | jq -r '"\(.windows) \(.found)"')"
    ok fm-contam --json --window 62 x.fmi --bench bench.txt
    is '1 0' "$(head -n 1 "$out" | jq -r '"\(.windows) \(.found)"')"
}

@test "thresholds: from that share on" {
    label() {
        fm-contam "$@" corpus.fmi --bench bench.jsonl | awk -F '\t' '$1 == "half" { print $2 }'
    }
    is dirty "$(label --dirty 0.33)" "$(label --dirty 0.2)" "$(label --dirty 0 --suspicious 0)"
    is suspicious "$(label --dirty 0.34)" "$(label --suspicious 0.33)" "$(label --dirty 1 --suspicious 0)"
    is clean "$(label --suspicious 0.34)" "$(label --dirty 1 --suspicious 1)"
    printf 'aaaa bbbb cccc dddd eeee\n' >x.txt
    printf 'aaaa bbbb cccc dddd zzzz\n' >bench.txt # 4 of 5 windows of 4
    fm-build x.txt
    is dirty "$(fm-contam --window 4 x.fmi --bench bench.txt | column 2 /dev/stdin)"
    is suspicious "$(fm-contam --window 4 --dirty 0.81 x.fmi --bench bench.txt | column 2 /dev/stdin)"
    printf 'aaaa zzzz zzzz zzzz zzzz\n' >bench.txt # 1 of 5
    is suspicious "$(fm-contam --window 4 x.fmi --bench bench.txt | column 2 /dev/stdin)"
    is clean "$(fm-contam --window 4 --suspicious 0.21 x.fmi --bench bench.txt | column 2 /dev/stdin)"
}

@test "ngram: on an index that is not normalised it stops and says why" {
    fails fm-contam --method ngram corpus.fmi --bench bench.jsonl
    says --normalize
    says --verbatim
    empty <(grep -v '^#' "$out")
    fails fm-contam --method ngram corpus.fmi --bench bench.jsonl -o rows
    only bench.jsonl corpus.fmi words.fmi
}

@test "ngram: case, punctuation and white space do not matter" {
    ok fm-contam --method ngram words.fmi --bench bench.jsonl
    is 'dirty clean clean dirty dirty clean clean' "$(column 2 "$out" | paste -sd ' ')"
    normalised <"$BATS_FILE_TMPDIR/corpus.txt" >../words.txt
    for size in 1 3 8 100 13; do
        normalised <"$BATS_FILE_TMPDIR/bench.txt" | pad=' ' corpus=../words.txt shares words "$size" >../expected
        ok fm-contam --method ngram --words "$size" words.fmi --bench bench.jsonl
        column 3 "$out" | diff ../expected -
    done
}

@test "ngram: only whole words match" {
    echo 'some threefold answers' >x.txt
    printf '%s\n' 'three' 'threefold' 'fold answers' 'Threefold: answers.' 'some' '...' >bench.txt
    fm-build --normalize gpt3 x.txt
    ok fm-contam --method ngram x.fmi --bench bench.txt
    is 'clean dirty clean dirty dirty clean' "$(column 2 "$out" | paste -sd ' ')"
}

@test "ngram --verbatim: raw strings, on any index" {
    for size in 1 4 13; do
        shares words "$size" <"$BATS_FILE_TMPDIR/bench.txt" >../expected
        ok fm-contam --method ngram --verbatim --words "$size" corpus.fmi --bench bench.jsonl
        column 3 "$out" | diff ../expected -
    done
    is 'dirty clean clean clean dirty clean clean' "$(column 2 "$out" | paste -sd ' ')"
}

@test "longest: longest verbatim match over length" {
    shares longest 0 <"$BATS_FILE_TMPDIR/bench.txt" >../expected
    ok fm-contam --method longest corpus.fmi --bench bench.jsonl
    column 3 "$out" | diff ../expected -
    is 'dirty suspicious clean suspicious dirty suspicious clean' "$(column 2 "$out" | paste -sd ' ')"
}

@test "the longest match is the same whatever the method" {
    ok fm-contam --longest-min 1 corpus.fmi --bench bench.jsonl
    grep -v '^#' "$out" | cut -f 4,5 >../longest
    for options in '--method longest' '--method ngram --verbatim' '--window 5'; do
        ok fm-contam $options --longest-min 1 corpus.fmi --bench bench.jsonl
        grep -v '^#' "$out" | cut -f 4,5 | cmp ../longest -
    done
}

@test "--longest-min: what is shorter does not count in clean entries" {
    ok fm-contam --longest-min 1 corpus.fmi --bench bench.jsonl
    cut -f 1-3 "$out" >../labels
    for least in 9 10 32 45 46 127; do
        ok fm-contam --longest-min $least corpus.fmi --bench bench.jsonl
        cut -f 1-3 "$out" | cmp ../labels -
        is "126 84 $((least > 9 ? 0 : 9)) $((least > 45 ? 0 : 45)) 17 $((least > 9 ? 0 : 9)) 0" \
            "$(column 4 "$out" | paste -sd ' ')"
    done
    ok fm-contam corpus.fmi --bench bench.jsonl
    is "126 84 0 45 17 0 0" "$(column 4 "$out" | paste -sd ' ')"
}

@test "other fields, ids and formats" {
    jq -c '{prompt: .question, name: .id}' bench.jsonl >other.jsonl
    ok fm-contam corpus.fmi --bench bench.jsonl
    grep -v '^#' "$out" >../expected
    ok fm-contam corpus.fmi --bench other.jsonl --field prompt --id-field name
    grep -v '^#' "$out" | cmp ../expected -
    zstd -q other.jsonl
    ok fm-contam corpus.fmi --bench other.jsonl.zst --field prompt --id-field name
    grep -v '^#' "$out" | cmp ../expected -
    ok fm-contam corpus.fmi --bench - <bench.jsonl
    grep -v '^#' "$out" | cmp ../expected -
    ok fm-contam corpus.fmi --bench other.jsonl --field prompt
    is '1 2 3 4 5 6 7' "$(column 1 "$out" | paste -sd ' ')"
    cp "$BATS_FILE_TMPDIR/bench.txt" .
    ok fm-contam corpus.fmi --bench bench.txt
    cut -f 2- ../expected | cmp - <(grep -v '^#' "$out" | cut -f 2-)
    ok fm-contam -f text corpus.fmi --bench bench.txt
    is bench.txt "$(column 1 "$out")"
}

@test "several benchmarks: all rows say which, a summary each" {
    fm-build -o gsm.fmi --field question "$data/gsm8k-50.jsonl"
    ln -s "$data/gsm8k-50.jsonl" gsm.jsonl
    ok fm-contam gsm.fmi --bench bench.jsonl -b gsm.jsonl
    is 57 "$(column 6 "$out" | wc -l)"
    is 'bench.jsonl gsm.jsonl' "$(column 6 "$out" | uniq | paste -sd ' ')"
    is "$(printf '# gsm.jsonl: 50 entries, 50 dirty, 0 suspicious, 0 clean')" "$(tail -n 1 "$out")"
    is '# bench.jsonl: 7 entries, 0 dirty, 0 suspicious, 7 clean' "$(sed -n 9p "$out")"
    head -n 1 "$out" | grep -q 'bench$'
    ok fm-contam --json gsm.fmi --bench bench.jsonl --bench gsm.jsonl
    is '7 50' "$(jq -r 'select(.summary) | .summary.entries' "$out" | paste -sd ' ')"
    ok fm-contam corpus.fmi --bench gsm.jsonl
    is '# gsm.jsonl: 50 entries, 0 dirty, 0 suspicious, 50 clean' "$(tail -n 1 "$out")"
}

@test "a bad benchmark: file and line are named, nothing is written" {
    for line in '{"id":1}' '{"question":7}' '{' 'text'; do
        { cat bench.jsonl && echo "$line"; } >bad.jsonl
        fails fm-contam corpus.fmi --bench bench.jsonl --bench bad.jsonl -o rows
        says bad.jsonl:8:
        fails fm-contam corpus.fmi --report html --bench bad.jsonl
        empty "$out"
    done
    fails fm-contam corpus.fmi --bench missing.jsonl -o rows
    says missing.jsonl
    fails fm-contam corpus.fmi --bench <(zstd -qc bench.jsonl | head -c 100)
    only bad.jsonl bench.jsonl corpus.fmi words.fmi
}

@test "a benchmark without entries, an index without documents" {
    : >none.jsonl
    ok fm-contam corpus.fmi --bench none.jsonl
    is '# none.jsonl: 0 entries, 0 dirty, 0 suspicious, 0 clean' "$(tail -n 1 "$out")"
    is 2 "$(wc -l <"$out")"
    for format in md html; do
        ok fm-contam corpus.fmi --report "$format" --bench none.jsonl
        [[ -s $out ]]
    done
    fm-build -q none.jsonl
    ok fm-contam none.fmi --bench bench.jsonl --method longest
    is '# bench.jsonl: 7 entries, 0 dirty, 0 suspicious, 7 clean' "$(tail -n 1 "$out")"
}

@test "a set" {
    head -n 2 "$BATS_FILE_TMPDIR/corpus.jsonl" >a.jsonl
    sed 1,2d "$BATS_FILE_TMPDIR/corpus.jsonl" >b.jsonl
    fm-build a.jsonl
    fm-build b.jsonl
    printf 'sluice-set 1\na.fmi\nb.fmi\n' >x.set
    for options in '' '--json' '--method longest' '--window 20'; do
        ok fm-contam $options corpus.fmi --bench bench.jsonl
        mv "$out" ../expected
        ok fm-contam $options x.set --bench bench.jsonl
        diff ../expected "$out"
    done
}

@test "a report to look at: the worst entries, the matched text marked, its document" {
    for format in md html; do
        ok fm-contam corpus.fmi --report "$format" --bench bench.jsonl
        cp "$out" ../report
        for text in bench.jsonl whole half spelling corpus.fmi forum-1 forum-2 forum-3 '<mark>'; do
            grep -qF -- "$text" ../report
        done
        grep -qE '2 (of 7|dirty)' ../report
        # half: what is in the corpus is marked, what is not is not
        tr '\n' ' ' <../report | grep -qF '<mark>The carpenter cuts a plank of twelve feet into pieces of eight inches and stacks the</mark>m in rows'
        ok fm-contam corpus.fmi --report "$format" --worst 1 --bench bench.jsonl
        [[ $(wc -c <"$out") -lt $(wc -c <../report) ]]
        grep -qF forum-1 "$out"
        is 0 "$(grep -cF forum-3 "$out")"
        ok fm-contam corpus.fmi --report "$format" --bench bench.jsonl -o report
        cmp report ../report
    done
    head -c 15 ../report | grep -qi '<!doctype html>'
    tail -c 9 ../report | grep -q '</html>'
}

@test "a report of hostile text stays text" {
    cat >bad.jsonl <<'EOF'
{"id":"<script>alert(1)</script>","question":"</mark></p><script>alert('question')</script> <img src=x onerror=alert(2)> and more"}
{"id":"\" onmouseover=\"alert(3)","question":"\"><script>alert(4)</script>\u0000\u001b[2J\u202e & &amp; <b>bold</b> padding here"}
{"id":"`code` [link](javascript:alert(5))","question":"[x](javascript:alert(6)) ![](http://evil.example/x.png) `a` | b | # c"}
EOF
    sed 's/"question"/"text"/' bad.jsonl >corpus.jsonl
    printf '{"text":"caf\xff\xfe</mark><script>alert(9)</script>"}' >>corpus.jsonl
    printf '{"question":"caf\xff\xfe</mark><script>alert(9)</script>"}' >>bad.jsonl
    mkdir '<script>'
    fm-build -o '<script>/x.fmi' corpus.jsonl
    for format in md html; do
        ok fm-contam '<script>/x.fmi' --report "$format" --bench bad.jsonl
        is 0 "$(grep -ciE '<script|<img|<b>bold' "$out" || true)"
        is 0 "$(tr -d '\n' <"$out" | grep -cE '<[^>]*(onerror|onmouseover)' || true)"
        is 0 "$(tr -d '\11\12\40-\176\200-\377' <"$out" | wc -c)"
        iconv -f utf-8 -t utf-8 "$out" | cmp - "$out"
    done
}

@test "an id with tabs and newlines stays in its row" {
    echo '{"id":"a\tb\nc\\","question":"Is seven a prime?"}' >x.jsonl
    ok fm-contam corpus.fmi --bench x.jsonl
    is 'a\tb\nc\\' "$(column 1 "$out")"
    is 3 "$(wc -l <"$out")"
    printf '{"question":"xyzzy"}\n' >$'new\nline.jsonl'
    ok fm-contam corpus.fmi --bench $'new\nline.jsonl'
    is '# new\nline.jsonl: 1 entries, 0 dirty, 0 suspicious, 1 clean' "$(tail -n 1 "$out")"
}

@test "what is no index" {
    refuses_bad_indexes fm-contam @ --bench bench.jsonl
}

@test "-T and the CPU level change nothing" {
    for options in '' --json '--report html' '--method longest'; do
        same_for_all_threads fm-contam "$sample" --bench "$data/gsm8k-50.jsonl" $options
        same_for_all_levels fm-contam "$sample" --bench "$data/gsm8k-50.jsonl" $options
    done
}

@test "-o FILE, whole or not at all; lost output" {
    mv bench.jsonl corpus.fmi ..
    rm words.fmi
    writes_whole_or_not fm-contam ../corpus.fmi --bench ../bench.jsonl
    writes_whole_or_not fm-contam ../corpus.fmi --report html --bench ../bench.jsonl
    reports_lost_output fm-contam ../corpus.fmi --bench ../bench.jsonl
    reports_lost_output fm-contam ../corpus.fmi --report md --bench ../bench.jsonl
}
