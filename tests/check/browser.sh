#!/usr/bin/env bash
# browser.sh BUILD_DIR [FOLDER] - the pictures and pages of pages.sh in headless Chromium: each is shown,
# as XML or HTML that the browser takes, and nothing of a hostile name runs. What it sees is kept in
# FOLDER, a PNG of each. Skipped where there is no chromium.
set -u
export LC_ALL=C

[[ $# -ge 1 && -d $1/bin ]] || { echo "usage: browser.sh BUILD_DIR [FOLDER]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$(command -v chromium || command -v chromium-browser) || { echo 'skipped browser: no chromium here'; exit 0; }
# shellcheck source-path=SCRIPTDIR
source "$here/rules.bash"
pages=${2:-$scratch/pages}
"$here/pages.sh" "$1" "$pages" || exit 1
pages=$(cd "$pages" && pwd)

# open OPTION... FILE: what the browser prints. It has a home of its own.
open() {
    HOME=$scratch timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --force-color-profile=srgb --user-data-dir="$scratch/profile" "$@" 2>/dev/null
}

# Why the page FILE is not as it should be, or nothing.
wrong() {
    local dom=$scratch/dom
    open --dump-dom "file://$1" >"$dom"
    grep -qE '</(svg|html)>' "$dom" || { echo 'is not shown'; return; }
    grep -q 'parsererror' "$dom" && { echo 'is not well-formed'; return; }
    grep -q '<title[^>]*>1</title>' "$dom" && { echo 'runs what a name says'; return; }
    grep -qiE '<(script|img|iframe)' "$dom" && echo 'has elements that a name made'
}

# What it is to see, it sees: a script that runs, markup of a name, and XML that is none.
dark() {
    echo "$2" >"$scratch/$1"
    if [[ $(wrong "$scratch/$1") == "$3" ]]; then report ok "browser: $1 of its own: $3"; else report 'not ok' "browser: $1 of its own is not seen: it $3"; fi
}
dark a.html "<html><body><p>x<script>document.title=1</script></body></html>" 'runs what a name says'
dark b.html '<html><body><p>x<img src=x></body></html>' 'has elements that a name made'
dark c.svg '<svg xmlns="http://www.w3.org/2000/svg"><text>a & b</text></svg>' 'is not well-formed'
dark d.svg "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"document.title=1\"><text>x</text></svg>" 'runs what a name says'

for at in "$pages"/*.svg "$pages"/*.html; do
    breaches "browser: ${at##*/}" "$(wrong "$at")"
    [[ $# -lt 2 ]] || open --window-size=1000,1000 --screenshot="${at%.*}.png" "file://$at"
done
finish checks
