#!/usr/bin/env bash
# Makes a client out of openapi.json, and lets it sign on, say something, read it, enter a room and sign out, at a real server:
#   bash crates/chat_web/tests/client.sh
# It needs python3, a built target/debug/chatd and, without CLIENT_VENV, PyPI. Some seconds; exit code 0 only where nothing is wrong.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
tests=$PWD/crates/chat_web/tests

venv=${CLIENT_VENV:-$work/venv}
[ -x "$venv/bin/openapi-python-client" ] ||
    { python3 -m venv "$venv" && "$venv/bin/pip" install -q --no-compile "openapi-python-client>=0.29,<0.30"; }
# It formats nothing: no reader comes by. What it cannot make stands in its output, and would be missing below.
echo 'post_hooks: []' >"$work/config.yaml"
"$venv/bin/openapi-python-client" generate --path crates/chat_web/openapi.json --meta none --config "$work/config.yaml" \
    --output-path "$work/chat_client" >"$work/made" 2>&1 || { cat "$work/made" >&2; exit 1; }

start
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 timeout 60 "$venv/bin/python" "$tests/client.py" "$page"
