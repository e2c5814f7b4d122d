# A cluster for the duration of one command, and the watchdog that destroys the cluster of a dead parent.

command_run() {
    local given_dir=
    DIR=
    parse_start_options "$@"
    given_dir=$DIR
    [ -z "$given_dir" ] || usage_error "run makes a folder of its own; --dir is an option of start."
    [ ${#START_REST[@]} -gt 0 ] && [[ ${START_REST[0]} != --* ]] || usage_error "run needs a command: kafka-cluster run [options] -- COMMAND..."
    DIR=$(mktemp -d "${TMPDIR:-/tmp}/kafka-cluster.XXXXXX")
    PARENT_PID=$$
    CHILD='' INTERRUPTED=''
    trap 'on_signal INT 130' INT
    trap 'on_signal TERM 143' TERM
    trap 'on_signal HUP 129' HUP
    trap '[ ! -f "$DIR/nodes" ] || destroy_cluster; rm -rf "${DIR:?}"' EXIT
    start_cluster

    # In the background, so that signals reach this script at once; bash would let the command ignore SIGINT, env undoes that.
    KAFKA_CLUSTER_DIR=$DIR BOOTSTRAP=$(. "$DIR/env" && echo "$BOOTSTRAP") GENERATION=$GENERATION \
        KAFKA_CLIENT_PROPERTIES=$("${GENERATION}_client_properties") \
        env --default-signal=INT,QUIT -- "${START_REST[@]}" <&0 &
    CHILD=$!
    local code=0
    while :; do # a trapped signal ends `wait`, not the command
        wait "$CHILD" && code=0 || code=$?
        kill -0 "$CHILD" 2>/dev/null || break
    done
    exit "${INTERRUPTED:-$code}"
}

on_signal() { # SIGNAL EXIT-CODE
    if [ -z "$CHILD" ]; then exit "$2"; fi # still starting
    if [ -z "$INTERRUPTED" ]; then
        INTERRUPTED=$2
        kill -s "$1" "$CHILD" 2>/dev/null || true
    else
        kill -s KILL "$CHILD" 2>/dev/null || true
    fi
}

start_watching_parent() {
    [ -n "$PARENT_PID" ] && ! pid_of watchdog >/dev/null || return 0
    # In a subshell, so that a plain `wait` of this shell does not wait for the watchdog.
    (
        setsid "$SELF" watch-parent "$PARENT_PID" "$(start_time_of "$PARENT_PID")" "$DIR/" >/dev/null 2>&1 </dev/null &
        echo "$!" >"$DIR/watchdog.pid"
    )
}

# The start time in clock ticks since boot: together with it, a pid identifies one process.
start_time_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

command_watch_parent() { # PID START-TIME DIR/
    DIR=${3%/}
    while [ -d "$DIR" ] && [ "$(start_time_of "$1")" = "$2" ]; do sleep 1; done
    [ -f "$DIR/nodes" ] || return 0
    open_cluster
    rm -f "$DIR/watchdog.pid" # so that it does not kill itself first
    destroy_cluster
}
