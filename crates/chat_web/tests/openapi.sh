#!/usr/bin/env bash
# Whether openapi.json, which the tests hold to what the server says, is OpenAPI 3.1 as its specification has it:
#   bash crates/chat_web/tests/openapi.sh
# It needs python3 and, without OPENAPI_VENV, PyPI. Some seconds; exit code 0 only where nothing is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
venv=${OPENAPI_VENV:-$work/venv}
[ -x "$venv/bin/openapi-spec-validator" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q "openapi-spec-validator>=0.7,<1"; }
"$venv/bin/openapi-spec-validator" openapi.json
