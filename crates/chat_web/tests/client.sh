#!/usr/bin/env bash
# Makes a client out of openapi.json, and lets it sign on, say something, read it, enter a room and sign out, at a real server:
#   bash crates/chat_web/tests/client.sh
# It needs python3, a built target/debug/chatd and, without CLIENT_VENV, PyPI. Some seconds; exit code 0 only where nothing is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

tests=$PWD/crates/chat_web/tests
chatd=${CHATD:-target/debug/chatd}
[ -x "$chatd" ] || { echo "no $chatd: cargo build -p chatd" >&2; exit 1; }
work=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
    rm -rf "$work"
}
trap end EXIT

venv=${CLIENT_VENV:-$work/venv}
[ -x "$venv/bin/openapi-python-client" ] ||
    { python3 -m venv "$venv" && "$venv/bin/pip" install -q --no-compile "openapi-python-client>=0.29,<0.30"; }
# It formats nothing: no reader comes by. What it cannot make stands in its output, and would be missing below.
echo 'post_hooks: []' >"$work/config.yaml"
"$venv/bin/openapi-python-client" generate --path crates/chat_web/openapi.json --meta none --config "$work/config.yaml" \
    --output-path "$work/chat_client" >"$work/made" 2>&1 || { cat "$work/made" >&2; exit 1; }

"$chatd" --data "$work/data" --addr 127.0.0.1:0 --files 127.0.0.1:0 --web 127.0.0.1:0 --log warn >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 100); do
    page=$(sed -n 's/^page on //p' "$work/out")
    [ -z "$page" ] || break
    kill -0 "$server" || { cat "$work/err" >&2; exit 1; }
    sleep 0.1
done
[ -n "${page:-}" ] || { echo "the server did not say where its page is" >&2; exit 1; }
PYTHONPATH=$work PYTHONDONTWRITEBYTECODE=1 timeout 60 "$venv/bin/python" "$tests/client.py" "$page"
