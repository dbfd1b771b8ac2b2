# For scripts beside it that try the page's door from outside. It starts no program until `start` is called, and ends what that has started:
#   source crates/chat_web/tests/server.sh    # goes to the root of the project, makes the folder $work
#   start --some-setting value                # a chatd with a store; sets $server, its process, and $page, its address
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
chatd=${CHATD:-target/debug/chatd}
[ -x "$chatd" ] || { echo "no $chatd: cargo build -p chatd" >&2; exit 1; }
work=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
    rm -rf "$work"
}
trap end EXIT

start() {
    : >"$work/out" # the loop below may be sooner than the server
    "$chatd" --data "$work/data" --addr 127.0.0.1:0 --files 127.0.0.1:0 --web 127.0.0.1:0 --log warn "$@" >"$work/out" 2>"$work/err" &
    server=$!
    for _ in $(seq 100); do
        page=$(sed -n 's/^page on //p' "$work/out")
        [ -z "$page" ] || return 0
        kill -0 "$server" || { cat "$work/err" >&2; exit 1; }
        sleep 0.1
    done
    echo "the server did not say where its page is" >&2
    exit 1
}
