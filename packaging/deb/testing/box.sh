# A bare Debian 12, booted with systemd in a container that shares the host's network. Sourced by ../test.

# The archive that apt on this machine is configured with.
debian_archive() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | grep -v security | head -n 1; }

# What debootstrap calls minimal, and systemd: nothing else. Made once, kept below out/.
make_base() { # folder
    local archive
    [[ -e $1.done ]] && return
    archive=$(debian_archive)
    [[ -n $archive ]] || { echo "apt on this machine has no archive of Debian 12 (bookworm)" >&2; return 1; }
    rm -rf "$1"
    mkdir -p "$1"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$1" "$archive" >"$1.log" 2>&1 || { tail -n 5 "$1.log" >&2; return 1; }
    # As this machine gets there: security updates, proxies.
    apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | grep -E ' bookworm(-updates|-security)? main$' | sort -u >"$1/etc/apt/sources.list"
    apt-config dump | grep -iE '^Acquire::https?::(Proxy|Verify|Ca)' >"$1/etc/apt/apt.conf.d/90host" || true
    : >"$1.done"
}

box= box_runner= box_leader=
boot_box() { # folder
    box=$1
    systemd-nspawn --quiet --register=no --keep-unit --kill-signal=SIGRTMIN+3 --console=pipe --resolv-conf=copy-host \
        --link-journal=no --boot --directory "$box" </dev/null >"$box.console" 2>&1 &
    box_runner=$!
    for _ in {1..60}; do
        box_leader=$(pgrep -P "$box_runner" || true)
        # degraded: some unit of the container's own failed, none of ours is there yet.
        if [[ -n $box_leader && $(in_box systemctl is-system-running 2>/dev/null) == @(running|degraded) ]]; then return; fi
        sleep 0.5
    done
    echo "systemd does not boot in the container; the end of its console:" >&2
    tail -n 15 "$box.console" >&2
    return 1
}
in_box() { nsenter --target "$box_leader" --all -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
stop_box() {
    [[ -n $box_runner ]] || return 0
    kill -RTMIN+3 "$box_leader" 2>/dev/null || true
    for _ in {1..40}; do
        kill -0 "$box_runner" 2>/dev/null || break
        sleep 0.5
    done
    kill -KILL "$box_leader" "$box_runner" 2>/dev/null || true
    wait "$box_runner" 2>/dev/null || true
    box_runner=
}

# The folder of packages as an archive for apt in the box; what was there before is gone.
offer() { # folder of .deb files
    rm -rf "$box/srv/archive"
    mkdir -p "$box/srv/archive"
    cp "$1"/*.deb "$box/srv/archive/"
    (cd "$box/srv/archive" && dpkg-scanpackages --multiversion . /dev/null >Packages 2>/dev/null)
    echo 'deb [trusted=yes] file:/srv/archive ./' >"$box/etc/apt/sources.list.d/local.list"
    in_box apt-get update -q >/dev/null
}
