#!/usr/bin/env bash
# The tests of tools/kafka-cluster, on the real thing. Ends with "tests: N passed, N failed"; exit 1 if any failed.
# What needs a generation of Kafka that cannot be had here is skipped by name.
set -uo pipefail

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
KAFKA_CLUSTER=$HERE/../../tools/kafka-cluster/kafka-cluster
TEMP=$(mktemp -d "${TMPDIR:-/tmp}/kafka-cluster-test.XXXXXX")
PASSED=0 FAILED=0 SERVER=
unset KAFKA_CLUSTER_DIR

clean_up() {
    [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null
    for nodes in "$TEMP"/*/nodes "$TEMP"/tmp/*/nodes; do
        [ ! -f "$nodes" ] || "$KAFKA_CLUSTER" destroy --dir "$(dirname "$nodes")"
    done
    rm -rf "$TEMP"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- what tests are written with

# try NAME COMMAND...: passes if the command succeeds. The command's output is shown only if not.
try() {
    local name=$1 code
    shift
    (set -e; "$@") >"$TEMP/said" 2>&1 # not as a condition: bash ignores -e in one
    code=$?
    if [ "$code" = 0 ]; then
        PASSED=$((PASSED + 1))
        echo "passed  $name"
    else
        FAILED=$((FAILED + 1))
        echo "FAILED  $name"
        sed 's/^/        /' "$TEMP/said" | tail -n 20
    fi
}

skip() { echo "skipped $1 ($2)"; }

# exits CODE COMMAND...
exits() {
    local expected=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" = "$expected" ] || { echo "exit code $code, expected $expected"; return 1; }
}

contains() { [[ $1 == *"$2"* ]] || { echo "\"$2\" is not in: $1"; return 1; }; }

eventually() { # SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "not within the time: $*"; return 1; }
        sleep 0.1
    done
}

processes_of() { pgrep -f -- "$1/" || true; }
nothing_runs_in() { [ -z "$(processes_of "$1")" ]; }
is_gone() { [ ! -e "$1" ]; }
state() { "$KAFKA_CLUSTER" status --dir "$1" | awk -v node="$2" '$1 == node { print $NF }'; }
to_be_had() { "$KAFKA_CLUSTER" which --generation "$1" >/dev/null 2>&1; }

# --- usage

help_teaches() {
    local help
    help=$("$KAFKA_CLUSTER" --help)
    contains "$help" "Exit codes:" && contains "$help" "Examples:"
}
wrong_usage_is_exit_2_and_one_reason() {
    local said
    exits 2 "$KAFKA_CLUSTER"
    exits 2 "$KAFKA_CLUSTER" begin
    exits 2 "$KAFKA_CLUSTER" start
    exits 2 "$KAFKA_CLUSTER" start --dir "$TEMP/usage" --generation ancient
    exits 2 "$KAFKA_CLUSTER" run --nodes 1
    said=$("$KAFKA_CLUSTER" start --dir "$TEMP/usage" --nodes many 2>&1) && return 1
    contains "$said" '--nodes is "many"; it must be a whole number of at least 1.'
    is_gone "$TEMP/usage"
}
a_folder_in_use_is_refused() {
    mkdir "$TEMP/used" && touch "$TEMP/used/precious"
    exits 1 "$KAFKA_CLUSTER" start --dir "$TEMP/used" --nodes 1
    exits 1 "$KAFKA_CLUSTER" destroy --dir "$TEMP/used"
    [ -f "$TEMP/used/precious" ]
}

# --- where Kafka comes from

a_wrong_KAFKA_HOME_is_said() {
    local said
    said=$(KAFKA_HOME=$TEMP "$KAFKA_CLUSTER" which 2>&1) && return 1
    contains "$said" "there is no libs/kafka-clients-*.jar in it"
}
KAFKA_HOME_comes_first() {
    mkdir -p "$TEMP/home/libs" && touch "$TEMP/home/libs/kafka-clients-9.9.9.jar" "$TEMP/home/libs/kafka-raft-9.9.9.jar"
    contains "$(KAFKA_HOME=$TEMP/home "$KAFKA_CLUSTER" which)" "KAFKA_VERSION=9.9.9"
}

# A PATH with everything but Java, where apt-get only says what it was asked.
path_without_java() {
    local program
    mkdir -p "$TEMP/bin"
    for program in /usr/bin/* /bin/*; do
        case ${program##*/} in java | apt-get | id) ;; *) ln -sf "$program" "$TEMP/bin/" ;; esac
    done
    printf '%s\n' '#!/bin/sh' "echo 'openjdk version \"17.0.1\"' >&2" >"$TEMP/java"
    chmod +x "$TEMP/java"
    printf '%s\n' '#!/bin/sh' "echo \"\$@\" >>$TEMP/apt-said" "cp $TEMP/java $TEMP/bin/java" >"$TEMP/bin/apt-get"
    chmod +x "$TEMP/bin/apt-get"
}
missing_java_is_said_to_who_is_not_root() {
    local said
    path_without_java
    printf '#!/bin/sh\necho 1000\n' >"$TEMP/bin/id" && chmod +x "$TEMP/bin/id"
    said=$(KAFKA_HOME=$TEMP/home PATH=$TEMP/bin exits 1 "$KAFKA_CLUSTER" which 2>&1)
    contains "$said" "apt-get install openjdk-17-jre-headless"
    [ ! -e "$TEMP/apt-said" ]
}
missing_java_is_installed_for_root() {
    path_without_java
    printf '#!/bin/sh\necho 0\n' >"$TEMP/bin/id" && chmod +x "$TEMP/bin/id"
    KAFKA_HOME=$TEMP/home PATH=$TEMP/bin "$KAFKA_CLUSTER" which
    contains "$(<"$TEMP/apt-said")" "install -y --no-install-recommends openjdk-17-jre-headless"
}

# A copy of the tool with nothing beside it, so that it has to download; and a file server with a release on it.
set_up_a_file_server() {
    mkdir -p "$TEMP/alone/project/tools" "$TEMP/served/7.7.7" "$TEMP/release/kafka_2.13-7.7.7/libs"
    cp -r "$HERE/../../tools/kafka-cluster" "$TEMP/alone/project/tools/"
    touch "$TEMP/release/kafka_2.13-7.7.7/libs/kafka-clients-7.7.7.jar" "$TEMP/release/kafka_2.13-7.7.7/libs/kafka-raft-7.7.7.jar"
    tar -czf "$TEMP/served/7.7.7/kafka_2.13-7.7.7.tgz" -C "$TEMP/release" kafka_2.13-7.7.7
    RELEASE_SHA512=$(sha512sum "$TEMP/served/7.7.7/kafka_2.13-7.7.7.tgz" | cut -d ' ' -f 1)
    python3 -u -m http.server --bind 127.0.0.1 --directory "$TEMP/served" 0 >"$TEMP/server.log" 2>&1 &
    SERVER=$!
    eventually 10 grep -q 'port' "$TEMP/server.log"
    SERVER_PORT=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$TEMP/server.log" | head -n 1)
}
which_alone() { # VARIABLE=VALUE... : as on a machine where nothing was downloaded before
    env -u KAFKA_HOME -u KAFKA_SHA512 XDG_CACHE_HOME="$TEMP/cache" KAFKA_DOWNLOAD_VERSION=7.7.7 \
        KAFKA_DOWNLOAD_BASE="http://127.0.0.1:$SERVER_PORT" "$@" \
        "$TEMP/alone/project/tools/kafka-cluster/kafka-cluster" which --generation modern
}
a_release_of_unknown_sum_is_refused() {
    local said
    said=$(exits 3 which_alone A=b 2>&1)
    contains "$said" "set KAFKA_SHA512 too"
    ! grep -q GET "$TEMP/server.log"
}
a_release_of_another_sum_is_refused() {
    local said
    said=$(exits 3 which_alone KAFKA_SHA512="${RELEASE_SHA512//a/b}" 2>&1)
    contains "$said" "It is not used"
    [ -z "$(find "$TEMP/cache" -name '*.jar')" ]
}
a_release_is_downloaded_once() {
    local before
    contains "$(which_alone KAFKA_SHA512="$RELEASE_SHA512")" "KAFKA_VERSION=7.7.7"
    before=$(grep -c GET "$TEMP/server.log")
    contains "$(which_alone KAFKA_SHA512="${RELEASE_SHA512^^}")" "KAFKA_VERSION=7.7.7"
    [ "$(grep -c GET "$TEMP/server.log")" = "$before" ]
}
a_machine_without_access_goes_on_quickly() {
    local started=$SECONDS
    # TEST-NET-1 never answers.
    exits 3 which_alone KAFKA_SHA512=1234 KAFKA_DOWNLOAD_BASE=http://192.0.2.1
    [ $((SECONDS - started)) -le 6 ]
}

# --- a cluster of three

three_brokers_start() {
    local started=$SECONDS
    "$KAFKA_CLUSTER" start --dir "$TEMP/three" --generation modern --parent-pid $$
    echo "took $((SECONDS - started)) s"
    [ "$(state "$TEMP/three" broker-1)$(state "$TEMP/three" broker-2)$(state "$TEMP/three" broker-3)" = runningrunningrunning ]
    [ $((SECONDS - started)) -le 30 ]
}
env_can_be_sourced() {
    "$KAFKA_CLUSTER" env --dir "$TEMP/three" >"$TEMP/env-said"
    # shellcheck disable=SC1091
    . "$TEMP/env-said"
    [ "$GENERATION" = modern ] && [[ $BOOTSTRAP =~ ^127\.0\.0\.1:[0-9]+,127\.0\.0\.1:[0-9]+,127\.0\.0\.1:[0-9]+$ ]] && [ -d "$KAFKA_LIBS" ]
}
a_second_cluster_in_one_folder_is_refused() { exits 1 "$KAFKA_CLUSTER" start --dir "$TEMP/three"; }
a_topic_has_leaders_and_the_asked_replication() {
    local said
    "$KAFKA_CLUSTER" topic numbers --dir "$TEMP/three" --partitions 3 --config retention.ms=3600000
    said=$("$KAFKA_CLUSTER" topic-describe numbers --dir "$TEMP/three")
    contains "$said" "ReplicationFactor: 3" && contains "$said" "min.insync.replicas=2" && contains "$said" "retention.ms=3600000"
    [ "$(grep -c 'Leader: [1-3]' <<<"$said")" = 3 ]
}
a_topic_that_is_there_is_refused_in_one_line() {
    local said
    said=$(exits 1 "$KAFKA_CLUSTER" topic numbers --dir "$TEMP/three" 2>&1)
    contains "$said" "already exists" && [ "$(wc -l <<<"$said")" = 1 ]
}
an_unknown_topic_is_exit_1() { exits 1 "$KAFKA_CLUSTER" topic-describe nothing --dir "$TEMP/three"; }
a_killed_broker_comes_back_on_its_port() {
    local before after
    before=$(<"$TEMP/three/env")
    "$KAFKA_CLUSTER" kill 2 --dir "$TEMP/three"
    [ "$(state "$TEMP/three" broker-2)" = dead ]
    exits 1 "$KAFKA_CLUSTER" kill 2 --dir "$TEMP/three"
    "$KAFKA_CLUSTER" start-node 2 --dir "$TEMP/three"
    [ "$(state "$TEMP/three" broker-2)" = running ]
    exits 1 "$KAFKA_CLUSTER" start-node 2 --dir "$TEMP/three"
    after=$(<"$TEMP/three/env")
    [ "$before" = "$after" ]
    "$KAFKA_CLUSTER" wait-in-sync --dir "$TEMP/three"
}
a_paused_broker_is_seen_and_resumes() {
    KAFKA_CLUSTER_DIR=$TEMP/three "$KAFKA_CLUSTER" pause 3
    [ "$(state "$TEMP/three" broker-3)" = paused ]
    KAFKA_CLUSTER_DIR=$TEMP/three "$KAFKA_CLUSTER" resume 3
    [ "$(state "$TEMP/three" broker-3)" = running ]
}
a_stopped_broker_stops_in_order() {
    "$KAFKA_CLUSTER" stop 1 --dir "$TEMP/three"
    grep -q 'shut down completed' "$TEMP/three/broker-1.log"
}
an_unknown_node_is_exit_2() { exits 2 "$KAFKA_CLUSTER" kill 9 --dir "$TEMP/three"; }
destroy_leaves_nothing() {
    "$KAFKA_CLUSTER" pause 3 --dir "$TEMP/three" # a paused one too
    "$KAFKA_CLUSTER" destroy --dir "$TEMP/three"
    is_gone "$TEMP/three" && nothing_runs_in "$TEMP/three"
    "$KAFKA_CLUSTER" destroy --dir "$TEMP/three" # twice is no error
}

# --- a secured cluster

a_secured_broker_starts() {
    local listener
    "$KAFKA_CLUSTER" start --dir "$TEMP/secured" --nodes 1 --secured --proxied --parent-pid $$
    # shellcheck disable=SC1091
    . "$TEMP/secured/env"
    for listener in "$SASL_SSL_BOOTSTRAP" "$SSL_BOOTSTRAP" "$SSL_1_2_BOOTSTRAP" "$EXPIRED_BOOTSTRAP" "$OTHER_NAME_BOOTSTRAP"; do
        [[ $listener =~ ^127\.0\.0\.1:[0-9]+$ ]]
    done
    [ "$(stat -c %a "$SECURITY_DIR")" = 700 ]
}
# verdict_on ADDRESS OPENSSL-OPTIONS...: what openssl says of the certificate there.
verdict_on() {
    timeout 10 openssl s_client -connect "$1" -CAfile "$TEMP/secured/security/ca.pem" "${@:2}" </dev/null 2>&1 | grep 'Verify return code'
}
the_certificates_are_what_they_are_for() {
    # shellcheck disable=SC1091
    . "$TEMP/secured/env"
    contains "$(verdict_on "$SASL_SSL_BOOTSTRAP" -verify_ip 127.0.0.1)" "(ok)"
    contains "$(verdict_on "$SASL_SSL_BOOTSTRAP" -verify_hostname localhost)" "(ok)"
    contains "$(verdict_on "$SASL_SSL_BOOTSTRAP" -CAfile "$SECURITY_DIR/other-ca.pem")" "unable to"
    contains "$(verdict_on "$EXPIRED_BOOTSTRAP")" "certificate has expired"
    contains "$(verdict_on "$OTHER_NAME_BOOTSTRAP" -verify_ip 127.0.0.1)" "IP address mismatch"
}
a_proxied_broker_advertises_the_port_of_the_proxy() {
    local proxy own
    # shellcheck disable=SC1091
    . "$TEMP/secured/env"
    IFS=: read -r proxy own <<<"$PROXY_ROUTES"
    [ "$PROXIED_BOOTSTRAP" = "127.0.0.1:$proxy" ] && [ "$proxy" != "$own" ]
    contains "$(grep ^advertised "$TEMP/secured/broker-1.properties")" "PROXIED://127.0.0.1:$proxy"
    (exec 3<>"/dev/tcp/127.0.0.1/$own")
    ! (exec 3<>"/dev/tcp/127.0.0.1/$proxy") 2>/dev/null # that one is for the proxy
}
a_secured_broker_comes_back() {
    "$KAFKA_CLUSTER" kill 1 --dir "$TEMP/secured"
    "$KAFKA_CLUSTER" start-node 1 --dir "$TEMP/secured"
    [ "$(state "$TEMP/secured" broker-1)" = running ]
    # shellcheck disable=SC1091
    . "$TEMP/secured/env"
    contains "$(verdict_on "$SASL_SSL_BOOTSTRAP")" "(ok)"
}
a_secured_cluster_leaves_nothing() {
    "$KAFKA_CLUSTER" destroy --dir "$TEMP/secured"
    is_gone "$TEMP/secured" && nothing_runs_in "$TEMP/secured"
}
an_old_cluster_is_not_secured() {
    local said
    said=$(exits 3 "$KAFKA_CLUSTER" start --dir "$TEMP/old-secured" --nodes 1 --generation old --secured 2>&1)
    contains "$said" "--secured needs a modern Kafka" && is_gone "$TEMP/old-secured"
}

# --- run

run_passes_environment_and_exit_code_on() {
    local code=0
    TMPDIR=$TEMP/tmp "$KAFKA_CLUSTER" run --nodes 1 --property num.partitions=7 -- sh -c '
        grep -q num.partitions=7 $KAFKA_CLUSTER_DIR/broker-1.properties && echo "$BOOTSTRAP|$GENERATION" && exit 42' \
        >"$TEMP/run-said" || code=$?
    cat "$TEMP/run-said"
    [ "$code" = 42 ] && grep -qE '^127.0.0.1:[0-9]+\|(modern|old)$' "$TEMP/run-said" && nothing_is_left_of_run
}
nothing_is_left_of_run() { eventually 10 is_gone "$TEMP"/tmp/* && nothing_runs_in "$TEMP/tmp"; }

# Ctrl-C goes to the whole foreground group of the terminal: a session of its own stands for that here.
start_run_in_background() {
    rm -f "$TEMP/inside"
    TMPDIR=$TEMP/tmp setsid env --default-signal=INT "$KAFKA_CLUSTER" run --nodes 1 -- \
        sh -c 'trap "exit 7" INT TERM; touch '"$TEMP"'/inside; while :; do sleep 0.1; done' &
    RUN=$!
    eventually 60 test -e "$TEMP/inside"
}
run_cleans_up_after_ctrl_c() {
    local code=0
    start_run_in_background
    kill -INT -- "-$RUN"
    wait "$RUN" || code=$?
    [ "$code" = 130 ] && nothing_is_left_of_run
}
run_cleans_up_after_SIGTERM_to_it_alone() {
    local code=0
    start_run_in_background
    kill -TERM "$RUN"
    wait "$RUN" || code=$?
    [ "$code" = 143 ] && nothing_is_left_of_run
}
the_watchdog_cleans_up_after_SIGKILL() {
    start_run_in_background
    kill -KILL -- "-$RUN"
    wait "$RUN" || true
    nothing_is_left_of_run
}

# --- the old generation

an_old_broker_starts_and_takes_a_topic() {
    "$KAFKA_CLUSTER" start --dir "$TEMP/old" --nodes 1 --generation old --parent-pid $$
    grep -q "CLIENT_PROPERTIES='api.version.request=false broker.version.fallback=0.9.0.1'" "$TEMP/old/env"
    "$KAFKA_CLUSTER" topic numbers --dir "$TEMP/old" --partitions 2
    [ "$("$KAFKA_CLUSTER" topic-describe numbers --dir "$TEMP/old" | grep -c 'Leader: 1')" = 2 ]
}
a_killed_old_broker_comes_back() {
    "$KAFKA_CLUSTER" kill 1 --dir "$TEMP/old"
    "$KAFKA_CLUSTER" start-node 1 --dir "$TEMP/old" # though ZooKeeper still has its registration
    [ "$(state "$TEMP/old" broker-1)" = running ]
}
a_paused_old_broker_is_seen_and_resumes() {
    "$KAFKA_CLUSTER" pause 1 --dir "$TEMP/old"
    [ "$(state "$TEMP/old" broker-1)" = paused ]
    "$KAFKA_CLUSTER" resume 1 --dir "$TEMP/old"
    [ "$(state "$TEMP/old" broker-1)" = running ]
}
an_old_cluster_leaves_nothing() {
    "$KAFKA_CLUSTER" destroy --dir "$TEMP/old"
    is_gone "$TEMP/old" && nothing_runs_in "$TEMP/old"
}

mkdir "$TEMP/tmp"
try "help teaches" help_teaches
try "wrong usage is exit 2 and one reason" wrong_usage_is_exit_2_and_one_reason
try "a folder in use is refused, and kept" a_folder_in_use_is_refused
try "a wrong KAFKA_HOME is said" a_wrong_KAFKA_HOME_is_said
try "KAFKA_HOME comes first" KAFKA_HOME_comes_first
try "missing Java is said to who is not root" missing_java_is_said_to_who_is_not_root
try "missing Java is installed for root" missing_java_is_installed_for_root
if type python3 >/dev/null 2>&1 && set_up_a_file_server; then
    try "a release whose SHA-512 is not known is refused" a_release_of_unknown_sum_is_refused
    try "a release with another SHA-512 is refused" a_release_of_another_sum_is_refused
    try "a release is downloaded once" a_release_is_downloaded_once
    try "a machine without access goes on quickly" a_machine_without_access_goes_on_quickly
else
    skip "downloading a release" "python3 is not installed"
fi
if to_be_had modern; then
    try "three brokers start" three_brokers_start
    try "env can be sourced" env_can_be_sourced
    try "a second cluster in one folder is refused" a_second_cluster_in_one_folder_is_refused
    try "a topic has leaders and the asked replication" a_topic_has_leaders_and_the_asked_replication
    try "a topic that is there is refused in one line" a_topic_that_is_there_is_refused_in_one_line
    try "an unknown topic is exit 1" an_unknown_topic_is_exit_1
    try "an unknown node is exit 2" an_unknown_node_is_exit_2
    try "a killed broker comes back on its port" a_killed_broker_comes_back_on_its_port
    try "a paused broker is seen and resumes" a_paused_broker_is_seen_and_resumes
    try "a stopped broker stops in order" a_stopped_broker_stops_in_order
    try "destroy leaves nothing" destroy_leaves_nothing
    try "a secured broker starts" a_secured_broker_starts
    try "the certificates are what they are for" the_certificates_are_what_they_are_for
    try "a proxied broker advertises the port of the proxy" a_proxied_broker_advertises_the_port_of_the_proxy
    try "a secured broker comes back" a_secured_broker_comes_back
    try "a secured cluster leaves nothing" a_secured_cluster_leaves_nothing
else
    skip "a modern cluster of three" "no modern Kafka to be had"
fi
if to_be_had modern || to_be_had old; then
    try "run passes environment and exit code on" run_passes_environment_and_exit_code_on
    try "run cleans up after Ctrl-C" run_cleans_up_after_ctrl_c
    try "run cleans up after SIGTERM to it alone" run_cleans_up_after_SIGTERM_to_it_alone
    try "the watchdog cleans up after SIGKILL of run" the_watchdog_cleans_up_after_SIGKILL
else
    skip "run" "no Kafka to be had"
fi
if to_be_had old; then
    try "an old broker starts and takes a topic" an_old_broker_starts_and_takes_a_topic
    try "a killed old broker comes back" a_killed_old_broker_comes_back
    try "a paused old broker is seen and resumes" a_paused_old_broker_is_seen_and_resumes
    try "an old cluster leaves nothing" an_old_cluster_leaves_nothing
    try "an old cluster is not secured" an_old_cluster_is_not_secured
else
    skip "an old cluster" "no old Kafka to be had"
fi

echo "tests: $PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
