# Nodes as processes. A node is a name (broker-1, controller, zookeeper) with DIR/NAME.properties, .log, .pid.

# One compiler tier and one collector thread: on two cores a cluster starts in half the time, and is as fast then.
JVM_OPTIONS=${KAFKA_CLUSTER_JVM_OPTIONS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto}
START_SECONDS=${KAFKA_CLUSTER_START_SECONDS:-60}

# spawn NAME HEAP MAIN-CLASS ARGUMENTS...: in a session of its own, so that Ctrl-C in the caller's terminal does not reach it,
# and with none of the caller's files open, so that nobody waits for the end of its output.
spawn() {
    local name=$1 heap=$2
    shift 2
    # shellcheck disable=SC2086 # options are words
    setsid java "-Xmx$heap" $JVM_OPTIONS "$LOGGING" -cp "$KAFKA_LIBS/*" "$@" >>"$DIR/$name.log" 2>&1 </dev/null 9>&- &
    local pid=$! tries=500
    echo "$pid" >"$DIR/$name.pid"
    # Until it has become Java it is a copy of this shell, and pid_of would say that the node is dead.
    until pid_of "$name" >/dev/null || ! kill -0 "$pid" 2>/dev/null || [ $((tries--)) -le 0 ]; do sleep 0.01; done
}

# pid_of NAME: its pid, if it lives and is ours: the kernel reuses pids.
pid_of() {
    local pid
    [ -r "$DIR/$1.pid" ] && pid=$(<"$DIR/$1.pid") && [ -n "$pid" ] || return 1
    [ -r "/proc/$pid/cmdline" ] && [[ $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) == *"$DIR/"* ]] || return 1
    echo "$pid"
}

# state_of NAME: running, paused, deaf (alive, but does not answer), or dead.
state_of() {
    local pid
    if ! pid=$(pid_of "$1"); then echo dead
    elif grep -q '^State:[[:space:]]*T' "/proc/$pid/status"; then echo paused
    elif node_answers "$1"; then echo running
    else echo deaf; fi
}

node_answers() {
    case $1 in
        broker-*) answers "$GENERATION" "$(port_of "$1")" ;;
        *) port_is_open "$(port_of "$1")" ;;
    esac
}

signal_node() { # SIGNAL NAME
    local pid
    pid=$(pid_of "$2") || fail "$2 is dead already. kafka-cluster start-node starts it."
    kill -s "$1" "$pid"
}

# wait_until_gone NAME SECONDS: until its memory and its port are free.
wait_until_gone() {
    local pid tries=$(($2 * 20))
    [ -r "$DIR/$1.pid" ] || return 0
    pid=$(<"$DIR/$1.pid")
    while holds_resources "$pid"; do
        [ $((tries--)) -gt 0 ] || return 1
        sleep 0.05
    done
    rm -f "$DIR/$1.pid"
}

# A dying process has an empty command line, and is a zombie while its other threads still hold what it had; a zombie of one
# thread only waits for somebody to read its exit code.
holds_resources() { # PID
    local line
    line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
    [ -z "$line" ] || [[ $line == *"$DIR/"* ]] || return 1 # another process by now
    awk '$1 == "State:" { zombie = $2 == "Z" } $1 == "Threads:" { threads = $2 } END { exit zombie && threads <= 1 || NR == 0 }' \
        "/proc/$1/status" 2>/dev/null
}

kill_node_if_alive() {
    local pid
    if pid=$(pid_of "$1"); then kill -s KILL "$pid" 2>/dev/null || true; fi
}

# wait_until_up NAME FIRST-LINE: until its log says so, from that line on, and it answers. 1: it died or is too slow; the end
# of its log is shown.
wait_until_up() {
    local name=$1 from=$2 tries=$((START_SECONDS * 10))
    until tail -n "+$from" "$DIR/$name.log" | grep -q "$(ready_line "$name")" && node_answers "$name"; do
        if ! pid_of "$name" >/dev/null; then
            say "$name died while starting. Its log, $DIR/$name.log, ends:"
            tail -n 15 "$DIR/$name.log" >&2
            return 1
        fi
        if [ $((tries--)) -le 0 ]; then
            say "$name did not answer within $START_SECONDS s (KAFKA_CLUSTER_START_SECONDS). Its log, $DIR/$name.log, ends:"
            tail -n 15 "$DIR/$name.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

next_log_line() { # NAME
    if [ -f "$DIR/$1.log" ]; then echo $(($(wc -l <"$DIR/$1.log") + 1)); else echo 1; fi
}

port_of() { cat "$DIR/$1.port"; }
