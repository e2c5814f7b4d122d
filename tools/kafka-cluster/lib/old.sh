# The old generation: Kafka 0.9 with ZooKeeper, which users still run. Started from its jars: its own scripts pass options
# that Java 17 refuses.

old_system_node() { echo zookeeper; }

old_write_configuration() { # REPLICATION MIN-INSYNC
    local node
    cat >"$DIR/logging.properties" <<EOF
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
EOF
    sed 's/INFO/OFF/' "$DIR/logging.properties" >"$DIR/tools-logging.properties"
    mkdir -p "$DIR/data/zookeeper"
    cat >"$DIR/zookeeper.properties" <<EOF
dataDir=$DIR/data/zookeeper
clientPort=$(port_of zookeeper)
clientPortAddress=127.0.0.1
maxClientCnxns=0
tickTime=1000
EOF
    for node in $(all_nodes); do
        [ "$node" != zookeeper ] || continue
        cat >"$DIR/$node.properties" <<EOF
broker.id=${node#broker-}
listeners=PLAINTEXT://127.0.0.1:$(port_of "$node")
zookeeper.connect=127.0.0.1:$(port_of zookeeper)
# A killed broker's partitions get another leader after this time, and the broker itself may register again.
zookeeper.session.timeout.ms=6000
log.dirs=$DIR/data/$node
num.network.threads=2
num.io.threads=4
default.replication.factor=$1
min.insync.replicas=$2
offsets.topic.replication.factor=$1
offsets.topic.num.partitions=8
unclean.leader.election.enable=false
auto.create.topics.enable=false
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
EOF
    done
}

old_start_node() {
    LOGGING=-Dlog4j.configuration=file:$DIR/logging.properties
    if [ "$1" = zookeeper ]; then
        spawn zookeeper 128m org.apache.zookeeper.server.quorum.QuorumPeerMain "$DIR/zookeeper.properties"
    else
        wait_for_zookeeper
        wait_until_forgotten "$1"
        spawn "$1" 384m kafka.Kafka "$DIR/$1.properties"
    fi
}

# A broker gives up when ZooKeeper is not there yet.
wait_for_zookeeper() {
    local tries=$((START_SECONDS * 20))
    until port_is_open "$(port_of zookeeper)" || [ $((tries--)) -le 0 ] || ! pid_of zookeeper >/dev/null; do sleep 0.05; done
}

# After a SIGKILL the broker's registration stays until its session ends, and a broker of that number gives up at once.
wait_until_forgotten() {
    local tries=100
    while zookeeper_says dump | grep -q "/brokers/ids/${1#broker-}\$" && [ $((tries--)) -gt 0 ]; do sleep 0.1; done
}

zookeeper_says() {
    timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&3 && cat <&3' zookeeper_says "$(port_of zookeeper)" "$1" 2>/dev/null
}

old_ready_line() {
    if [ "$1" = zookeeper ]; then echo 'binding to port'; else echo '\], started (kafka.server.KafkaServer)'; fi
}

old_topic_command() {
    # shellcheck disable=SC2086
    java -Xmx128m $JVM_OPTIONS -Dlog4j.configuration="file:$DIR/tools-logging.properties" -cp "$KAFKA_LIBS/*" \
        kafka.admin.TopicCommand --zookeeper "127.0.0.1:$(port_of zookeeper)" "$@"
}

old_client_properties() { echo "api.version.request=false broker.version.fallback=0.9.0.1"; }
