#!/usr/bin/env bash
# make-growth.sh DIR: the corpora of the table "how cost grows", beside those of make-corpus.sh, which
# must have been there (DIR has english-200.jsonl, code-200.jsonl and deb/):
#
#   english-8 english-64 code-8 code-64   prefixes of english-200 and code-200, so many MB of text
#   mixed-1000                            english-200, then files of the kernel's source, *.c *.h *.S
#                                         *.rst, by sha1 of their names, up to 1000 MB of text
set -euo pipefail
dir=$(cd "${1:?usage: make-growth.sh DIR}" && pwd)
tmp=$(mktemp -d "$dir/growth.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# prefix MB IN OUT: whole lines.
prefix() {
    python3 - "$@" <<'PY'
import json, sys
left = float(sys.argv[1]) * 1e6
with open(sys.argv[2], 'rb') as f, open(sys.argv[3], 'wb') as o:
    for l in f:
        left -= len(json.loads(l)['text'].encode())
        if left < 0:
            break
        o.write(l)
PY
}

for mb in 8 64; do
    for kind in english code; do
        [ -s "$dir/$kind-$mb.jsonl" ] || prefix $mb "$dir/$kind-200.jsonl" "$dir/$kind-$mb.jsonl"
    done
done

[ ! -s "$dir/mixed-1000.jsonl" ] || exit 0
deb=$(find "$dir/deb" -name 'linux-source-6.1_*.deb' | sort | tail -n 1)
dpkg-deb -x "$deb" "$tmp"
tar -C "$tmp" --wildcards -xf "$tmp/usr/src/linux-source-6.1.tar.xz" '*.c' '*.h' '*.S' '*.rst'
python3 - "$dir/english-200.jsonl" "$tmp" "$tmp/mixed" <<'PY'
import hashlib, json, os, sys
english, root, out = sys.argv[1:]
left = 1e9
with open(out, 'wb') as o:
    for l in open(english, 'rb'):
        left -= len(json.loads(l)['text'].encode())
        o.write(l)
    files = [os.path.join(d, f) for d, _, fs in os.walk(root) for f in fs if not f.endswith(('.deb', '.xz'))]
    seen = set()
    for f in sorted(files, key=lambda f: hashlib.sha1(os.path.relpath(f, root).encode()).digest()):
        if not os.path.isfile(f) or os.path.islink(f) or f == out:
            continue
        b = open(f, 'rb').read().replace(b'\0', b'')
        h = hashlib.sha1(b).digest()
        try:
            t = b.decode()
        except UnicodeDecodeError:
            continue
        if len(b) < 200 or h in seen:
            continue
        if left < len(b):
            break
        seen.add(h)
        left -= len(b)
        o.write(json.dumps({'id': os.path.relpath(f, root), 'text': t}, ensure_ascii=False).encode() + b'\n')
PY
mv "$tmp/mixed" "$dir/mixed-1000.jsonl"
