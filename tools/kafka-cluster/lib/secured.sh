# Listeners of a secured cluster, beside the open one, and the certificates and users for them. All files are in DIR/security.

SECURED_LISTENERS='SASL_SSL SSL SSL_1_2 EXPIRED OTHER_NAME'
SECURED_USER=alice
SECURED_PASSWORD=alice-secret

# After find_kafka.
need_security() {
    [ -n "$SECURED" ] || return 0
    [ "$GENERATION" = modern ] || not_to_be_had "--secured needs a modern Kafka; this one is $KAFKA_VERSION."
    type openssl >/dev/null 2>&1 || install_debian openssl \
        || fail "openssl is needed for --secured. On Debian or Ubuntu: apt-get install openssl"
}

secured_brokers() { [ -z "$SECURED" ] || brokers; }

# The names under which ports are kept, as port_of reads them: broker-1.SASL_SSL.
secured_ports() {
    local node listener
    for node in $(secured_brokers); do
        for listener in $SECURED_LISTENERS; do echo "$node.$listener"; done
    done
}

# --- certificates

make_certificates() {
    [ -n "$SECURED" ] && [ ! -d "$DIR/security" ] || return 0
    mkdir -m 700 "$DIR/security" # private keys are there
    make_authority ca
    make_authority other-ca
    make_certificate broker 30 IP:127.0.0.1,DNS:localhost
    make_certificate expired 0 IP:127.0.0.1,DNS:localhost # valid until now
    make_certificate other-name 30 DNS:other.example
    make_certificate client 30 DNS:client.example
    make_certificate other-client 30 DNS:client.example other-ca
    local name
    for name in broker expired other-name; do # what Kafka calls a PEM key store
        cat "$DIR/security/$name.key" "$DIR/security/$name.pem" >"$DIR/security/$name.keystore.pem"
    done
}

make_authority() { # NAME
    openssl_quietly req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=kafka-cluster $1" \
        -keyout "$DIR/security/$1.key" -out "$DIR/security/$1.pem"
}

make_certificate() { # NAME DAYS ALTERNATIVE-NAMES [AUTHORITY]
    local file=$DIR/security/$1 authority=$DIR/security/${4:-ca}
    openssl_quietly req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$file.key" -out "$file.request"
    openssl_quietly x509 -req -in "$file.request" -CA "$authority.pem" -CAkey "$authority.key" -set_serial "0x$(openssl rand -hex 8)" \
        -days "$2" -extfile <(echo "subjectAltName=$3") -out "$file.pem"
    rm "$file.request"
}

openssl_quietly() {
    local said
    said=$(openssl "$@" 2>&1) || fail "openssl $1 failed: $said"
}

# --- configuration

# secured_listeners NODE: more of listeners and advertised.listeners, with a comma before each.
secured_listeners() {
    local listener
    [ -n "$SECURED" ] || return 0
    for listener in $SECURED_LISTENERS; do printf ',%s://127.0.0.1:%s' "$listener" "$(port_of "$1.$listener")"; done
}

secured_properties() {
    local directory=$DIR/security modules=org.apache.kafka.common.security
    [ -n "$SECURED" ] || return 0
    # ScramLoginModule and PlainLoginModule find the users: in the cluster's metadata, and in the text here.
    cat <<EOF
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,\
SASL_SSL:SASL_SSL,SSL:SSL,SSL_1_2:SSL,EXPIRED:SSL,OTHER_NAME:SSL
ssl.keystore.type=PEM
ssl.keystore.location=$directory/broker.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$directory/ca.pem
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_$SECURED_USER="$SECURED_PASSWORD";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;
listener.name.ssl.ssl.client.auth=required
listener.name.ssl_1_2.ssl.client.auth=required
listener.name.ssl_1_2.ssl.enabled.protocols=TLSv1.2
listener.name.expired.ssl.keystore.location=$directory/expired.keystore.pem
listener.name.other_name.ssl.keystore.location=$directory/other-name.keystore.pem
EOF
}

# What StorageTool needs to write the users into the cluster's metadata, one argument a line.
secured_format_arguments() {
    local mechanism
    [ -d "$DIR/security" ] || return 0
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
        printf '%s\n' --add-scram "$mechanism=[name=$SECURED_USER,password=$SECURED_PASSWORD]"
    done
}

# More of DIR/env.
secured_environment() {
    local listener
    [ -n "$SECURED" ] || return 0
    for listener in $SECURED_LISTENERS; do echo "${listener}_BOOTSTRAP='$(bootstrap_of ".$listener")'"; done
    cat <<EOF
SECURITY_DIR='$DIR/security'
SECURED_USER='$SECURED_USER'
SECURED_PASSWORD='$SECURED_PASSWORD'
EOF
}
