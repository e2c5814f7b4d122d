# A listener of each broker that clients reach through a proxy: brokers advertise the port of the proxy, which somebody else opens.

# The names under which ports are kept, as port_of reads them: broker-1.PROXY is what clients see, broker-1.PROXIED the broker's own.
proxied_ports() {
    local node
    [ -n "$PROXIED" ] || return 0
    for node in $(brokers); do printf '%s\n' "$node.PROXY" "$node.PROXIED"; done
}

proxied_listener() { # NODE: with a comma before it
    [ -z "$PROXIED" ] || printf ',PROXIED://127.0.0.1:%s' "$(port_of "$1.PROXIED")"
}

proxied_advertised_listener() { # NODE: with a comma before it
    [ -z "$PROXIED" ] || printf ',PROXIED://127.0.0.1:%s' "$(port_of "$1.PROXY")"
}

# More of DIR/env.
proxied_environment() {
    local node routes=
    [ -n "$PROXIED" ] || return 0
    for node in $(brokers); do routes+="${routes:+ }$(port_of "$node.PROXY"):$(port_of "$node.PROXIED")"; done
    echo "PROXIED_BOOTSTRAP='$(bootstrap_of .PROXY)'"
    echo "PROXY_ROUTES='$routes'"
}
