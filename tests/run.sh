#!/usr/bin/env bash
# Runs the end-to-end tests: the real binary, driven by boto3 and the AWS CLI.
#
#   tests/run.sh [pytest's arguments, paths as seen from tests/]
#
#   WINDLASS_BIN   a windlass that is built already; otherwise one is built whose
#                  clock the tests can set (cargo feature test-clock)
#   KILL_CYCLES    how often the kill test ends the server with SIGKILL
#   KILL_SEED      repeats a kill test
set -euo pipefail

if [ -n "${WINDLASS_BIN:-}" ]; then
    WINDLASS_BIN=$(realpath "$WINDLASS_BIN")
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

if [ -z "${WINDLASS_BIN:-}" ]; then
    cargo build --locked --bin windlass --features test-clock
    WINDLASS_BIN=$(realpath "${CARGO_TARGET_DIR:-target}/debug/windlass")
fi
export WINDLASS_BIN

venv=$root/.venv
if ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$venv/requirements.txt"
fi
cd tests
exec "$venv/bin/python" -m pytest "$@"
