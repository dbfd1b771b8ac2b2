#!/usr/bin/env bash
# Lets schemathesis look for calls that the REST door answers otherwise than its OpenAPI document says:
#   bash crates/chat_web/tests/schemathesis.sh
# It needs python3 and a built target/debug/chatd. A minute, or some on a busy machine; exit code 0 only where nothing was found.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
config=$PWD/crates/chat_web/tests/schemathesis.toml

venv=${SCHEMATHESIS_VENV:-$work/venv}
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q "schemathesis>=4.32,<5"; }

# A store, for else what needs one could only be refused. No limits that are not what is tested; a key, so that the operators' calls are open to it.
key=only-for-this-run-of-tests
CHAT_OPERATOR_KEY=$key start --max-clients 5000 --max-per-address 0 --burst 0 --spam-lines 0 --spam-repeats 0 --read-burst 0 --arrivals 0 \
    --rooms-each 0 --rooms-each-address 0

json='content-type: application/json'
token=$(curl -sS --max-time 10 -H "$json" -d '{"name":"schema"}' "$page/api/users" | sed -n 's/.*"token":"\([0-9a-f]*\)".*/\1/p')
[ -n "$token" ] || { echo "no session" >&2; exit 1; }

# Guests' calls with a session, operators' calls with the key: two short runs, since one header can say only one.
code=0
run() { # run TOKEN ARGUMENTS...
    local bearer=$1
    shift
    # In a folder of its own, since it keeps what it found where it stands.
    (cd "$work" && timeout 700 "$venv/bin/schemathesis" --config-file "$config" run "$page/api/openapi.json" --checks all --max-examples "${EXAMPLES:-40}" \
        --seed 7 --workers 1 --no-color --header "Authorization: Bearer $bearer" "$@") || code=$?
}
# A stream of events has no end; its tests are in tests/it/events.rs.
run "$token" --exclude-path-regex '/admin/|/events$' --exclude-method DELETE
# Who tries wrong keys is answered 429 after some of them, and not 401 as this check expects; tests/it/admin.rs has what is behind it.
run "$key" --include-path-regex '/admin/' --exclude-checks ignored_auth
kill -0 "$server" || { echo "the server is gone:" >&2; cat "$work/err" >&2; code=1; }
cat "$work/err" >&2
exit "$code"
