#!/usr/bin/env bash
# The page's tests in a real Chromium, and those of its pure modules: bash crates/chat_web/tests/page.sh, as root on Debian.
#
# Installs Chromium (Debian), playwright-core with axe-core, prettier and TypeScript (npm) where they are missing; the last two check
# how the page's code is laid out, and its types. Needs Node 20 or later. CHATD_BIN is the server program to test; without it, it is
# built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

again() { # again COMMAND...: up to three times, as a registry may be out of breath
    local try
    for try in 1 2 3; do
        "$@" && return
        sleep $((try * 5))
    done
    return 1
}

command -v node >/dev/null || { echo "node is missing: apt-get install nodejs, version 20 or later" >&2; exit 1; }
if ! command -v chromium >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q || echo "apt-get update did not reach everything"
    again apt-get install -qy --no-install-recommends chromium fonts-noto-color-emoji
fi
(cd crates/chat_web/tests/browser && again npm install --no-audit --no-fund --no-package-lock --loglevel=error)
[ "${1:-}" != --programs ] || exit 0
node --test crates/chat_web/tests/js/
crates/chat_web/tests/browser/node_modules/.bin/prettier --check "crates/chat_web/static/js/**/*.js" || {
    echo "lay it out: cd crates/chat_web && tests/browser/node_modules/.bin/prettier --write 'static/js/**/*.js'" >&2
    exit 1
}
crates/chat_web/tests/browser/node_modules/.bin/tsc -p crates/chat_web
if [ -z "${CHATD_BIN:-}" ]; then
    cargo build --locked -p chatd
    CHATD_BIN="${CARGO_TARGET_DIR:-target}/debug/chatd"
fi
export CHATD_BIN="$(realpath "$CHATD_BIN")"
node --experimental-websocket --test --test-concurrency=2 crates/chat_web/tests/browser/
