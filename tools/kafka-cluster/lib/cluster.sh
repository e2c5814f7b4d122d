# A whole cluster: start, status, environment, destroy; and the commands for one node of it.
# DIR has NODES and GENERATION as files: later commands need nothing but the folder.

command_start() {
    DIR=${KAFKA_CLUSTER_DIR:-}
    parse_start_options "$@"
    [ ${#START_REST[@]} -eq 0 ] || usage_error "Unknown option \"${START_REST[0]}\" of start."
    [ -n "$DIR" ] || usage_error "start needs --dir D."
    start_cluster
    cat "$DIR/env"
}

# Sets DIR, NODE_COUNT, WANTED_GENERATION, SECURED, PROXIED, PROPERTIES, PARENT_PID; START_REST is what follows "--".
parse_start_options() {
    NODE_COUNT=3 WANTED_GENERATION='' SECURED='' PROXIED='' PROPERTIES=() PARENT_PID='' START_REST=()
    while [ $# -gt 0 ]; do
        case $1 in
            --dir) need_value "$@"; DIR=$2; shift ;;
            --nodes) need_value "$@"; need_number --nodes "$2" 1; NODE_COUNT=$2; shift ;;
            --generation) need_value "$@"; WANTED_GENERATION=$2; shift ;;
            --secured) SECURED=yes ;;
            --proxied) PROXIED=yes ;;
            --property)
                need_value "$@"
                [[ $2 == ?*=* ]] || usage_error "--property is \"$2\"; it must be name=value, as in Kafka's server.properties."
                PROPERTIES+=("$2"); shift ;;
            --parent-pid)
                need_value "$@"; need_number --parent-pid "$2" 1
                [ -d "/proc/$2" ] || usage_error "--parent-pid is $2; there is no such process."
                PARENT_PID=$2; shift ;;
            --) shift; START_REST=("$@"); break ;;
            *) START_REST=("$1"); break ;;
        esac
        shift
    done
}

start_cluster() {
    find_kafka "$WANTED_GENERATION"
    [ -z "$PROXIED" ] || [ "$GENERATION" = modern ] || not_to_be_had "--proxied needs a modern Kafka; this one is $KAFKA_VERSION."
    need_security
    make_folder
    make_certificates
    local attempt
    for attempt in 1 2 3; do
        configure_nodes
        start_all && return
        kill_all
        # Another process took a port after we found it free: try once more, with other ports.
        grep -qs 'Address already in use' "$DIR"/*.log && [ "$attempt" -lt 3 ] || break
        rm -rf "${DIR:?}/data" "$DIR"/*.log
    done
    fail "The cluster did not start. Logs are in $DIR; kafka-cluster destroy --dir $DIR removes them."
}

make_folder() {
    if [ -e "$DIR/nodes" ]; then
        fail "There is a cluster in $DIR already. kafka-cluster destroy --dir $DIR removes it."
    fi
    if [ -n "$(ls -A "$DIR" 2>/dev/null)" ]; then
        fail "$DIR is not empty. Name an empty or a new folder: destroy will remove it as a whole."
    fi
    mkdir -p "$DIR" || fail "The folder $DIR could not be made."
    DIR=$(cd "$DIR" && pwd -P)
    echo "$GENERATION" >"$DIR/generation"
    echo "$KAFKA_VERSION" >"$DIR/version"
    echo "$KAFKA_LIBS" >"$DIR/libs"
    { "${GENERATION}_system_node"; seq -f 'broker-%g' "$NODE_COUNT"; } >"$DIR/nodes"
}

configure_nodes() {
    local node replication=1 min_insync=1 property
    if [ "$NODE_COUNT" -ge 3 ]; then replication=3 min_insync=2; fi
    echo "$replication" >"$DIR/replication"
    # The ports, together, so that they differ.
    { all_nodes; secured_ports; proxied_ports; } >"$DIR/ports"
    paste "$DIR/ports" <(free_ports "$(wc -l <"$DIR/ports")") | while read -r node port; do echo "$port" >"$DIR/$node.port"; done
    "${GENERATION}_write_configuration" "$replication" "$min_insync"
    for node in $(all_nodes); do
        if [ "$node" = zookeeper ]; then continue; fi
        for property in "${PROPERTIES[@]}"; do echo "$property" >>"$DIR/$node.properties"; done # a later line wins
    done
    write_environment
}

# bootstrap_of [.LISTENER]: all brokers.
bootstrap_of() {
    local node bootstrap=
    for node in $(brokers); do bootstrap+=${bootstrap:+,}127.0.0.1:$(port_of "$node${1:-}"); done
    echo "$bootstrap"
}

write_environment() {
    cat >"$DIR/env" <<EOF
KAFKA_CLUSTER_DIR='$DIR'
BOOTSTRAP='$(bootstrap_of)'
GENERATION='$GENERATION'
KAFKA_VERSION='$KAFKA_VERSION'
KAFKA_LIBS='$KAFKA_LIBS'
CLIENT_PROPERTIES='$("${GENERATION}_client_properties")'
EOF
    secured_environment >>"$DIR/env"
    proxied_environment >>"$DIR/env"
}

# All at once: the brokers look for the controller (or ZooKeeper) while it starts.
start_all() {
    local node
    start_watching_parent
    for node in $(brokers) $(system_node); do
        start_in_background "$node"
    done
    wait
    for node in $(all_nodes); do
        wait_until_up "$node" 1 || return 1
    done
}

start_in_background() { "${GENERATION}_start_node" "$1" & }

all_nodes() { cat "$DIR/nodes"; }
system_node() { head -n 1 "$DIR/nodes"; }
brokers() { tail -n +2 "$DIR/nodes"; }
ready_line() { "${GENERATION}_ready_line" "$1"; }

# open_cluster: sets DIR and what belongs to it, for a cluster that was started before.
open_cluster() {
    [ -n "$DIR" ] || usage_error "Which cluster? Give --dir D, or set KAFKA_CLUSTER_DIR."
    [ -f "$DIR/nodes" ] || fail "There is no cluster in $DIR. kafka-cluster start --dir $DIR starts one."
    DIR=$(cd "$DIR" && pwd -P)
    GENERATION=$(<"$DIR/generation")
    KAFKA_VERSION=$(<"$DIR/version")
    KAFKA_LIBS=$(<"$DIR/libs")
    BOOTSTRAP=$(. "$DIR/env" && echo "$BOOTSTRAP")
}

# parse_dir "$@": reads --dir; REST gets the other arguments.
parse_dir() {
    DIR=${KAFKA_CLUSTER_DIR:-}
    REST=()
    while [ $# -gt 0 ]; do
        case $1 in
            --dir) need_value "$@"; DIR=$2; shift ;;
            *) REST+=("$1") ;;
        esac
        shift
    done
}

no_more_arguments() { [ ${#REST[@]} -eq 0 ] || usage_error "Unknown argument \"${REST[0]}\" of $1."; }

command_env() {
    parse_dir "$@"
    no_more_arguments env
    open_cluster
    cat "$DIR/env"
}

command_status() {
    parse_dir "$@"
    no_more_arguments status
    open_cluster
    local node
    for node in $(all_nodes); do
        printf '%-12s port %-6s pid %-8s %s\n' "$node" "$(port_of "$node")" "$(pid_of "$node" || echo -)" "$(state_of "$node")"
    done
}

command_node() {
    local command=$1 wait=yes node='' argument
    shift
    parse_dir "$@"
    for argument in "${REST[@]}"; do
        case $argument in
            --no-wait) [ "$command" = start-node ] || usage_error "--no-wait is an option of start-node only."; wait=no ;;
            -*) usage_error "Unknown option \"$argument\" of $command." ;;
            *) [ -z "$node" ] || usage_error "$command takes one node, not \"$node\" and \"$argument\"."; node=$argument ;;
        esac
    done
    [ -n "$node" ] || usage_error "$command needs a node: 1, 2, ..., or controller or zookeeper."
    open_cluster
    [[ $node =~ ^[0-9]+$ ]] && node=broker-$node
    grep -qx -- "$node" "$DIR/nodes" || usage_error "There is no node \"$node\" in $DIR; there are: $(all_nodes | tr '\n' ' ')"
    case $command in
        kill)
            signal_node KILL "$node"
            wait_until_gone "$node" 10 || fail "$node is still there 10 s after SIGKILL." ;;
        stop)
            signal_node TERM "$node"
            wait_until_gone "$node" 60 || fail "$node is still there 60 s after SIGTERM. Its log is $DIR/$node.log." ;;
        pause) signal_node STOP "$node" ;;
        resume) signal_node CONT "$node" ;;
        start-node) start_node_again "$node" "$wait" ;;
    esac
}

start_node_again() { # NODE WAIT
    if pid_of "$1" >/dev/null; then fail "$1 is alive already (pid $(pid_of "$1"))."; fi
    local from
    from=$(next_log_line "$1")
    "${GENERATION}_start_node" "$1"
    [ "$2" = no ] || wait_until_up "$1" "$from"
}

command_destroy() {
    parse_dir "$@"
    no_more_arguments destroy
    [ -n "$DIR" ] || usage_error "Which cluster? Give --dir D, or set KAFKA_CLUSTER_DIR."
    [ -e "$DIR" ] || return 0 # destroyed before
    open_cluster
    destroy_cluster
}

destroy_cluster() {
    kill_node_if_alive watchdog
    kill_all
    rm -rf "${DIR:?}"
}

kill_all() {
    local node
    for node in $(all_nodes); do kill_node_if_alive "$node"; done
    for node in $(all_nodes); do wait_until_gone "$node" 10 || say "$node is still there 10 s after SIGKILL."; done
}
