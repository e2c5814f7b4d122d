# Checks with a line each, on standard output and in a Markdown report. Sourced by ../test.

report= passed=0 failed=0
chapter() {
    printf '\n%s\n' "$1"
    printf '\n**%s**\n\n' "$1" >>"$report"
}
check() { # what, command...
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
        echo "  ok      $what"
        echo "- ok: $what" >>"$report"
    else
        failed=$((failed + 1))
        echo "  FAILED  $what"
        tail -n 20 "$work/said" | sed 's/^/          /'
        echo "- **FAILED**: $what" >>"$report"
    fi
}
not() { ! "$@"; }
# Prints both when they differ.
same() { [[ $1 == "$2" ]] || { echo "is: $1"; echo "expected: $2"; return 1; }; }
within() { # seconds, command...: it succeeds by then
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { "$@"; return 1; }
        sleep 0.5
    done
}
