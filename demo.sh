#!/usr/bin/env bash
# Plays both demonstrations: three people in the terminal, then three in a browser.
#
#   ./demo.sh                    the second part waits for Ctrl-C, so that you can talk as well
#   DEMO_PACE=0 ./demo.sh        does not wait at all, and ends by itself
#
# Needs bash 4.4 or later, curl, and cargo. CHAT_SERVER_BIN and CHATD_BIN name servers that are built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The second demonstration takes the place of this script, so that Ctrl-C ends it and nothing else is left to wait for.
deploy/demo
exec deploy/demo-page
