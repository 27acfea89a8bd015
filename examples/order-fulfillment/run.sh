#!/usr/bin/env bash
# Builds Windlass, starts it, deploys this example and runs it. Ctrl-C stops all.
#
#   run.sh [BINARY]   BINARY or WINDLASS_BIN: a windlass that is built already
#
#   WINDLASS_LISTEN   where to listen, default 127.0.0.1:4566
#   WINDLASS_DATA     the folder everything durable is in, default ./data
#   EXAMPLE_ONCE=1    end after the run instead of keeping the server
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export WINDLASS_LISTEN=${WINDLASS_LISTEN:-127.0.0.1:4566}
export WINDLASS_DATA=${WINDLASS_DATA:-./data}

need() {
    if ! command -v "$1" >/dev/null; then
        echo "This needs $1: $2" >&2
        exit 1
    fi
}
need python3 "https://www.python.org/downloads/"

WINDLASS_BIN=${1:-${WINDLASS_BIN:-}}
if [ -z "$WINDLASS_BIN" ]; then
    need cargo "https://rustup.rs/"
    echo "Building Windlass (the first time takes some minutes)"
    cargo build --release --locked --bin windlass --manifest-path "$root/Cargo.toml"
    WINDLASS_BIN=${CARGO_TARGET_DIR:-$root/target}/release/windlass
fi

mkdir -p -m 700 "$WINDLASS_DATA"
log=$WINDLASS_DATA/windlass.log
: >"$log"
echo "Starting the server at http://$WINDLASS_LISTEN, data in $WINDLASS_DATA, log in $log"
# In a process group of its own, so that Ctrl-C reaches it once and by us.
set -m
"$WINDLASS_BIN" serve >>"$log" 2>&1 &
server=$!
set +m

stop() {
    trap - EXIT INT TERM
    if kill -TERM "$server" 2>/dev/null; then
        echo "Stopping the server"
        wait "$server" || true
    fi
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A server that does not start (a port or a folder in use) says why and is gone.
until grep -q 'is ready$' "$log"; do
    if ! kill -0 "$server" 2>/dev/null; then
        cat "$log" >&2
        exit 1
    fi
    sleep 0.05
done

python3 "$here/run.py" --endpoint "http://$WINDLASS_LISTEN" --outbox "$WINDLASS_DATA/outbox"
if [ -z "${EXAMPLE_ONCE:-}" ]; then
    echo
    echo "The console shows what happened: http://$WINDLASS_LISTEN/console/"
    echo "Ctrl-C stops the server; what it did is kept in $WINDLASS_DATA."
    wait "$server"
fi
