#!/usr/bin/env bash
# Installs what the tests need and does not find: `tests/installing.sh packages|js|browser|python`, each quick when nothing is
# missing. Where it may not install, it says what is missing and for what.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
artifacts=$PWD/tests/.artifacts
mkdir -p "$artifacts/logs"

# Command, Debian package that has it, what needs it.
packages='
cc        build-essential   the build
node      nodejs            tests/js and the chat page
npm       npm               tests/js and the chat page
python3   python3           tests/python and tests/operations
promtool  prometheus        the tests of metrics and alerts
nginx     nginx-light       the tests behind a reverse proxy
caddy     caddy             the tests behind a reverse proxy
openssl   openssl           the tests behind a reverse proxy
tmux      tmux              the tests of the terminal client
chromium  chromium          tests/browser
valgrind  valgrind          bench/instructions
'

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs Debian packages without starting the services that some of them bring: the tests start their own.
apt_install() {
    as_root true 2>/dev/null || { echo "neither root nor sudo without a password: cannot install $*" >&2; return 1; }
    local policy=/usr/sbin/policy-rc.d mine=
    if ! [ -e $policy ]; then
        mine=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null && as_root chmod 755 $policy
    fi
    as_root apt-get update -qq || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    local status=$?
    [ -z "$mine" ] || as_root rm -f $policy
    return $status
}

# Never fails itself: the suite that misses something fails, and says what.
install_packages() {
    local command package purpose wanted=() log=$artifacts/logs/packages.log
    command -v cargo >/dev/null || echo "missing: cargo (https://rustup.rs), needed for everything" >&2
    while read -r command package purpose; do
        [ -z "$command" ] || command -v "$command" >/dev/null || wanted+=("$package")
    done <<<"$packages"
    [ ${#wanted[@]} -eq 0 ] && return
    printf '\n== installing %s\n' "${wanted[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "no apt-get here: install them by this system's own means" >&2
    elif ! apt_install "${wanted[@]}" >"$log" 2>&1; then
        tail -n 5 "$log" >&2
    fi
    while read -r command package purpose; do
        [ -z "$command" ] || command -v "$command" >/dev/null ||
            echo "missing: $command (Debian package $package), needed for $purpose" >&2
    done <<<"$packages"
}

install_js() { npm_ci tests/js; }
install_browser() { npm_ci tests/browser; }

npm_ci() { # folder
    once_for "$1/package-lock.json" "$1/node_modules/.installed" \
        npm ci --prefix "$1" --no-audit --no-fund --no-progress --ignore-scripts
}

install_python() {
    once_for tests/python/requirements.txt "$artifacts/venv/.installed" make_venv
}

make_venv() {
    rm -rf "$artifacts/venv"
    # Debian keeps what a venv is made with in a package of its own.
    python3 -m venv "$artifacts/venv" 2>/dev/null || { apt_install python3-venv && python3 -m venv "$artifacts/venv"; } &&
        "$artifacts/venv/bin/python" -m pip install --quiet --requirement tests/python/requirements.txt
}

# Runs a command that installs what a file pins, unless that was done for this very file.
once_for() { # pinned-file stamp command...
    local sum
    sum=$(sha256sum <"$1")
    [ "$(cat "$2" 2>/dev/null)" = "$sum" ] && return
    local stamp=$2
    shift 2
    "$@" && echo "$sum" >"$stamp"
}

case ${1:-} in
packages) install_packages ;;
js) install_js ;;
browser) install_browser ;;
python) install_python ;;
*) echo "usage: tests/installing.sh packages|js|browser|python" >&2; exit 2 ;;
esac
