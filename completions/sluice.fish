# fish completion for the tools of sluice(7).
#
# The options are asked of the tool itself when Tab is pressed: its --help-options prints a row an
# option (short TAB long TAB argument TAB choices TAB help), so they cannot differ from what it
# takes. An option with choices is followed by these, everything else by file names. Installed as
# .../vendor_completions.d/sluice.fish with a link to it for each tool, as fish looks for a file
# that is called like the command.

# The rows of the command that is being typed; none after "--", where operands begin.
function __sluice_rows
    set -l words (commandline -opc)
    contains -- -- $words; and return
    set -l tool (string replace -r '^~(?=/)' -- $HOME $words[1])
    type -q $tool; and $tool --help-options 2>/dev/null
end

# The choices of the option that the cursor stands after, "--format" or "--format=" or "-f"; false
# when there are none.
function __sluice_choices
    set -l option (commandline -opc)[-1]
    set -l before
    if string match -q -- '--*=*' (commandline -ct)
        set option (string split -m 1 = -- (commandline -ct))[1]
        set before $option=
    end
    string match -qr '^-(?<letter>[^-])$|^--(?<long>.+)' -- $option; or return
    set -l row (string escape --style=regex -- $letter)'\t.*'
    test -n "$long"; and set row '.?\t'(string escape --style=regex -- $long)
    set -l choices (__sluice_rows | string replace -rf "^$row\t\t([^\t]+)\t.*" '$1')
    test -n "$choices"; or return
    string replace -r '^' -- "$before" (string split '|' -- $choices)
end

# "--long TAB help" and "-x TAB help" of every option, once a "-" is there.
function __sluice_options
    string match -q -- '-*' (commandline -ct); or return
    set -l rows (__sluice_rows)
    string replace -r -- '^.?\t([^\t]*)\t.*\t' '--$1'\t $rows
    string replace -rf -- '^(.)\t.*\t' '-$1'\t $rows
end

# Each tool's link brings this file, but once is enough for all: entries would add up.
set -q __sluice_loaded; and return
set -g __sluice_loaded
for tool in ann-bench ann-build ann-fuse ann-search ann-stat ann-tune ann-update block-zoo fm-build fm-cat fm-contam fm-count fm-find fm-match fm-merge fm-stat kv-alloc trace-blocks trace-capacity trace-compare trace-convert trace-cost trace-gen trace-plan trace-plot trace-prefix trace-program trace-replay trace-stat vec-convert vec-decode vec-encode vec-eval vec-knn vec-recall vec-stat vec-train
    complete -c $tool -n '__sluice_choices >/dev/null' -f -a '(__sluice_choices)'
    complete -c $tool -a '(__sluice_options)'
end
