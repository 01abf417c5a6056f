# ask.fish FOLDER <LINES >ROWS - what fish offers for each line, in rows "LINE<TAB>WORD". The
# completion of a command is found as fish finds it, in FOLDER.
set fish_complete_path $argv[1]
while read -d \n line
    for row in (complete -C "$line")
        printf '%s\t%s\n' "$line" (string split -m 1 \t -- $row)[1]
    end
end
