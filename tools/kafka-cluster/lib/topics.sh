# Topics, with Kafka's own tool. Both generations have the same tool; only the address of the cluster is given differently.

command_topic() {
    local name='' partitions=1 replication='' options=()
    parse_dir "$@"
    set -- "${REST[@]}"
    while [ $# -gt 0 ]; do
        case $1 in
            --partitions) need_value "$@"; need_number --partitions "$2" 1; partitions=$2; shift ;;
            --replication) need_value "$@"; need_number --replication "$2" 1; replication=$2; shift ;;
            --config)
                need_value "$@"
                [[ $2 == ?*=* ]] || usage_error "--config is \"$2\"; it must be name=value, as in Kafka's topic configuration."
                options+=(--config "$2"); shift ;;
            -*) usage_error "Unknown option \"$1\" of topic." ;;
            *) [ -z "$name" ] || usage_error "topic takes one name, not \"$name\" and \"$1\"."; name=$1 ;;
        esac
        shift
    done
    [ -n "$name" ] || usage_error "topic needs a name."
    open_cluster
    local said
    said=$("${GENERATION}_topic_command" --create --topic "$name" --partitions "$partitions" \
        --replication-factor "${replication:-$(<"$DIR/replication")}" "${options[@]}" 2>&1) \
        && [[ $said == *"Created topic"* ]] || fail "The topic $name was not created: ${said:-no reason given}"
    wait_for_leaders "$name" "$partitions"
}

# A topic whose partitions have no leader yet refuses messages: wait for the leaders.
wait_for_leaders() { # NAME PARTITIONS
    local tries=30 found
    while [ $((tries--)) -gt 0 ]; do
        found=$(describe_topic "$1" | grep -cE 'Partition: [0-9]+.*Leader: [0-9]+' || true)
        [ "$found" -lt "$2" ] || return 0
        sleep 0.3
    done
    fail "The topic $1 has leaders for $found of its $2 partitions after 30 tries. See kafka-cluster status --dir $DIR."
}

command_topic_describe() {
    parse_dir "$@"
    [ ${#REST[@]} -eq 1 ] || usage_error "topic-describe takes one topic name."
    open_cluster
    local said
    said=$(describe_topic "${REST[0]}")
    [[ $said == *"Partition:"* ]] || fail "There is no topic ${REST[0]} in this cluster. ${said}"
    echo "$said"
}

describe_topic() { "${GENERATION}_topic_command" --describe --topic "$1" 2>&1 | tr '\t' ' ' || true; }

command_wait_in_sync() {
    local seconds=60 behind deadline
    parse_dir "$@"
    set -- "${REST[@]}"
    while [ $# -gt 0 ]; do
        case $1 in
            --seconds) need_value "$@"; need_number --seconds "$2" 1; seconds=$2; shift ;;
            *) usage_error "Unknown argument \"$1\" of wait-in-sync." ;;
        esac
        shift
    done
    open_cluster
    deadline=$((SECONDS + seconds))
    while behind=$("${GENERATION}_topic_command" --describe --under-replicated-partitions 2>&1 | tr '\t' ' ') && [ -n "$behind" ]; do
        [ "$SECONDS" -lt "$deadline" ] || fail "After $seconds s some replicas are not in sync: $behind"
        sleep 0.5
    done
}
