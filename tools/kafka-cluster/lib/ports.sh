# Free loopback ports, and whether a broker answers on one.

# free_ports COUNT: prints so many ports, one a line, below the range that the kernel uses for outgoing connections, so that a dead
# node's port is still free when the node comes back.
free_ports() {
    local count=$1 taken port found=' '
    taken=$(awk 'FNR > 1 { sub(/.*:/, "", $2); print strtonum_hex($2) }
        function strtonum_hex(hex,    i, n) { n = 0; for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1; return n }
        ' /proc/net/tcp /proc/net/tcp6 2>/dev/null || true)
    taken=" ${taken//$'\n'/ } "
    while [ "$count" -gt 0 ]; do
        port=$((12000 + (RANDOM * 32768 + RANDOM) % 18000))
        if [[ $taken != *" $port "* && $found != *" $port "* ]]; then
            found+="$port "
            count=$((count - 1))
            echo "$port"
        fi
    done
}

# answers GENERATION PORT: the broker replies to a request, within 2 s. An open port alone proves nothing: the kernel accepts
# for a paused process too.
answers() {
    local request
    if [ "$1" = modern ]; then
        request='\0\0\0\x0a\0\x12\0\0\0\0\0\x2a\xff\xff' # ApiVersions, version 0, correlation id 42, no client id
    else
        request='\0\0\0\x0e\0\x03\0\0\0\0\0\x2a\xff\xff\0\0\0\0' # Metadata, version 0, of all topics
    fi
    [ "$(timeout 2 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&3 && head -c 8 <&3 | tail -c 4 | od -An -tx1' \
        answers "$2" "$request" 2>/dev/null | tr -d ' \n')" = 0000002a ]
}

# port_is_open PORT: for processes other than brokers.
port_is_open() { timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"' port_is_open "$1" 2>/dev/null; }
