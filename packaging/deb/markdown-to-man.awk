# Turns the Markdown that docs/OPERATIONS.md is written in into a manual page's roff: headings, paragraphs, lists, code,
# and tables, of which each row becomes an entry under its first cell. Used by manpages.

function escape(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text
}

# `code`, **bold**, [text](link). Hyphens in code are minus signs, so that they can be copied.
function inline(text,    out, parts, n, i) {
    gsub(/\\\|/, "|", text)
    while (match(text, /\[[^]]*\]\([^)]*\)/)) {
        out = substr(text, RSTART, RLENGTH)
        sub(/^\[/, "", out); sub(/\]\(.*$/, "", out)
        text = substr(text, 1, RSTART - 1) out substr(text, RSTART + RLENGTH)
    }
    n = split(text, parts, "`")
    out = ""
    for (i = 1; i <= n; i++) {
        if (i % 2 == 0) {
            out = out "\\fB" escape(parts[i]) "\\fR"
        } else {
            gsub(/\\/, "\\e", parts[i])
            while (match(parts[i], /\*\*[^*]+\*\*/)) {
                parts[i] = substr(parts[i], 1, RSTART - 1) "\\fB" substr(parts[i], RSTART + 2, RLENGTH - 4) "\\fR" substr(parts[i], RSTART + RLENGTH)
            }
            out = out parts[i]
        }
    }
    return out
}

# A line that begins with a full stop or an apostrophe would be a command.
function put(text) { print (text ~ /^[.']/ ? "\\&" : "") text }

function row(line,    cells, n, i, text) {
    sub(/^\| ?/, "", line); sub(/ ?\|$/, "", line)
    gsub(/\\\|/, "\001", line)
    n = split(line, cells, / ?\| ?/)
    if (!in_table) {
        in_table = 1
        columns = n
        for (i = 1; i <= n; i++) { heads[i] = cells[i] }
        return
    }
    print ".TP"
    for (i = 1; i <= n; i++) {
        gsub(/\001/, "|", cells[i])
        if (i == 1) { put(inline(cells[1] == "" ? "all" : cells[1])); continue }
        if (cells[i] == "" || cells[i] == "–") { continue }
        text = inline(cells[i])
        if (columns > 2 && heads[i] != "meaning" && heads[i] != "what it does") { text = inline(heads[i]) ": " text }
        if (i < n && text !~ /[.:;]$/) { text = text "." }
        put(text)
    }
}

/^```/ {
    in_code = !in_code
    print in_code ? ".PP\n.RS\n.nf" : ".fi\n.RE"
    next
}
in_code { put(escape($0)); next }
/^\|[-|]+$/ { next }
/^\|/ { row($0); next }
in_table { in_table = 0; print ".PP" }
/^### / { print ".SS " inline(substr($0, 5)); next }
/^## / { print ".SH " toupper(inline(substr($0, 4))); next }
/^- / { print ".IP \\(bu 2"; put(inline(substr($0, 3))); next }
/^$/ { print ".PP"; next }
{ sub(/^ +/, ""); put(inline($0)) }
