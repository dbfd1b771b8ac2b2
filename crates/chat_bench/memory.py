#!/usr/bin/env python3
"""What one more silent client costs: the growth of a server's own memory from 1,000 to 3,000 clients, for each engine.

    cargo build --release -p chat_server -p chatd
    python3 crates/chat_bench/memory.py                         # half a minute; prints a table for docs/engines.md
    python3 crates/chat_bench/memory.py OLD/release NEW/release # two builds in turn

It is the memory that no file is behind (RssAnon), and the first thousand clients are left out: with them a server touches what it has
once, its code and its tables. A client joins the lobby, asks for no news of arrivals, and is silent. Exit code 1 if a server does not
answer within 20 s.
"""
import os, resource, socket, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
BUILDS = sys.argv[1:] or [os.path.join(TARGET, "release")]
STEPS = (1_000, 3_000)
FLAGS = "--max-clients 4000 --max-per-address 0 --idle-secs 0 --log warn --burst 0".split()
SERVERS = {"chat_server": ["chat_server"]} | {
    name: ["chatd", "--engine", name, "--files", "off", "--web", "off"] for name in ("threads", "direct", "pool", "tokio")
}


def own_memory(pid):
    """In KiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def until(client, words):
    client.settimeout(20)
    heard = b""
    while words not in heard:
        more = client.recv(65_536)
        if not more:
            sys.exit(f"the server ended: {heard[-200:]!r}")
        heard += more


def measure(build, server):
    """KiB for each client more."""
    program, *flags = SERVERS[server]
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        addr = free.getsockname()
        free.close()
        command = [os.path.join(build, program), "--addr", f"{addr[0]}:{addr[1]}", *flags, *FLAGS]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        clients, found = [], []
        try:
            for _ in range(200):
                try:
                    socket.create_connection(addr).close()
                    break
                except OSError:
                    time.sleep(0.05)
            for step in STEPS:
                while len(clients) < step:
                    client = socket.create_connection(addr)
                    client.sendall(f"OPT:presence=off\nJOIN:u{len(clients)}\n".encode())
                    clients.append(client)
                    if len(clients) % 50 == 0:
                        for one in clients[-50:]:
                            until(one, b"OK JOIN")
                clients[-1].sendall(b"PING:\n")
                until(clients[-1], b" PONG")
                found.append(own_memory(process.pid))
        finally:
            process.terminate()
            process.wait()
            for client in clients:
                client.close()
    return (found[1] - found[0]) / (STEPS[1] - STEPS[0])


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    heads = ["KiB for each client"] if len(BUILDS) == 1 else BUILDS
    print("| server | " + " | ".join(heads) + " |\n| --- |" + " --- |" * len(heads))
    for server in SERVERS:
        print(f"| `{server}` | " + " | ".join("%.1f" % measure(build, server) for build in BUILDS) + " |", flush=True)


main()
