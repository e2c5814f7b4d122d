# The modern generation: KRaft, one controller of its own (a SIGKILL of brokers never takes the quorum away), N brokers.

modern_system_node() { echo controller; }

modern_write_configuration() { # REPLICATION MIN-INSYNC
    local controller_port node
    controller_port=$(port_of controller)
    # log4j's own shutdown hook would cut off what the broker says while it stops.
    cat >"$DIR/logging.properties" <<EOF
shutdownHook = disable
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
EOF
    sed 's/INFO/OFF/' "$DIR/logging.properties" >"$DIR/tools-logging.properties"
    head -c 16 /dev/urandom | base64 | tr '+/=' 'aa ' | tr -d ' ' >"$DIR/cluster.id"

    for node in $(all_nodes); do
        cat >"$DIR/$node.properties" <<EOF
controller.quorum.voters=1000@127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
log.dirs=$DIR/data/$node
num.network.threads=2
num.io.threads=4
default.replication.factor=$1
min.insync.replicas=$2
offsets.topic.replication.factor=$1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$1
transaction.state.log.min.isr=$2
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=$1
share.coordinator.state.topic.min.isr=$2
unclean.leader.election.enable=false
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# A killed broker's partitions get another leader after this time, and the broker itself may register again.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
EOF
        if [ "$node" = controller ]; then
            cat >>"$DIR/$node.properties" <<EOF
process.roles=controller
node.id=1000
listeners=CONTROLLER://127.0.0.1:$controller_port
EOF
        else
            cat >>"$DIR/$node.properties" <<EOF
process.roles=broker
node.id=${node#broker-}
listeners=PLAINTEXT://127.0.0.1:$(port_of "$node")$(secured_listeners "$node")$(proxied_listener "$node")
advertised.listeners=PLAINTEXT://127.0.0.1:$(port_of "$node")$(secured_listeners "$node")$(proxied_advertised_listener "$node")
EOF
            secured_properties >>"$DIR/$node.properties"
            modern_format_broker "$node"
        fi
    done
}

# What StorageTool would write for a broker, without a JVM for each; the controller's is the tool's work, for it also decides
# the feature levels.
modern_format_broker() {
    mkdir -p "$DIR/data/$1"
    printf 'version=1\ncluster.id=%s\nnode.id=%s\n' "$(<"$DIR/cluster.id")" "${1#broker-}" >"$DIR/data/$1/meta.properties"
}

modern_start_node() {
    local node=$1 heap=384m users
    LOGGING=-Dlog4j2.configurationFile=$DIR/logging.properties
    if [ "$node" = controller ]; then
        heap=256m
        if [ ! -f "$DIR/data/controller/meta.properties" ]; then
            mapfile -t users < <(secured_format_arguments)
            # shellcheck disable=SC2086
            java -Xmx128m $JVM_OPTIONS "$LOGGING" -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool format -t "$(<"$DIR/cluster.id")" \
                -c "$DIR/controller.properties" "${users[@]}" >>"$DIR/controller.log" 2>&1 </dev/null \
                || return 1 # wait_until_up shows the log
        fi
    fi
    spawn "$node" "$heap" kafka.Kafka "$DIR/$node.properties"
}

modern_ready_line() { echo 'Kafka Server started'; }

modern_topic_command() {
    # shellcheck disable=SC2086
    java -Xmx128m $JVM_OPTIONS -Dlog4j2.configurationFile="$DIR/tools-logging.properties" -cp "$KAFKA_LIBS/*" \
        org.apache.kafka.tools.TopicCommand --bootstrap-server "$BOOTSTRAP" "$@"
}

modern_client_properties() { :; }
