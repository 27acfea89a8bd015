#!/usr/bin/env bash
# Replays recorded Step Functions cases against the real binary.
#
#   tests/conformance.sh FOLDER [the runner's arguments]
#
# FOLDER holds run_conformance.py and cases/. WINDLASS_BIN names a binary;
# otherwise target/release/windlass or target/debug/windlass is taken.
# The last line is the runner's: `N passed, N failed`. CONFORMANCE_PASSED_MIN
# makes this fail when fewer pass.
set -euo pipefail

if [ $# -lt 1 ] || [ ! -f "$1/run_conformance.py" ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
cases=$(cd "$1" && pwd)
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
binary=${WINDLASS_BIN:-}
for candidate in "$target/release/windlass" "$target/debug/windlass"; do
    if [ -z "$binary" ] && [ -x "$candidate" ]; then
        binary=$candidate
    fi
done
if [ -z "$binary" ]; then
    echo "There is no windlass to run: build one or set WINDLASS_BIN." >&2
    exit 2
fi
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    python3 -m venv "$root/.venv"
    "$root/.venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/tests/requirements.txt"
    cp "$root/tests/requirements.txt" "$root/.venv/requirements.txt"
fi

folder=$(mktemp -d)
# The cases are AWS's, and so are the bounds they meet.
WINDLASS_EXECUTIONS_AWS_LIMITS=true WINDLASS_LOG_FORMAT=json "$binary" serve --listen 127.0.0.1:0 --data "$folder/data" \
    >"$folder/log" 2>"$folder/notices" &
server=$!
stop() {
    kill -TERM "$server" 2>/dev/null && wait "$server" || true
    rm -rf "$folder"
}
trap stop EXIT
until endpoint=$(sed -n 's/^ *listens on *\(http[^ ]*\).*/\1/p' "$folder/notices") && [ -n "$endpoint" ]; do
    if ! kill -0 "$server" 2>/dev/null; then
        cat "$folder/notices" >&2
        exit 1
    fi
    sleep 0.05
done

export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DISABLE_HOST_PREFIX_INJECTION=true
"$python" "$cases/run_conformance.py" --endpoint "$endpoint" --cases "$cases/cases" \
    --account 000000000000 --jobs 8 --json "$folder/results.json" "$@" | tee "$folder/report"
passed=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$folder/report" | tail -n 1)
if [ "${passed:-0}" -lt "${CONFORMANCE_PASSED_MIN:-0}" ]; then
    echo "$passed passed, but CONFORMANCE_PASSED_MIN is $CONFORMANCE_PASSED_MIN." >&2
    exit 1
fi
