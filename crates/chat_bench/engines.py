#!/usr/bin/env python3
"""chatd's engines side by side, with both cores free and with one of them taken by another program, with a store and without.

    cargo build --release -p chat_bench -p chatd
    python3 crates/chat_bench/engines.py                        # about nine minutes; prints a table for docs/engines.md
    ENGINES=direct,pool ROUNDS=1 SECONDS=0.5 python3 crates/chat_bench/engines.py

Each figure is the median of ROUNDS fresh runs. In a round everything is measured once, and the order is another each time, so that what
the machine does by the way meets all of them. The other program is a loop that is pinned to the last core and never waits.
Exit code 1 if a run fails. It needs two cores or more, and a machine on which nothing else happens.
"""
import itertools, json, os, random, shutil, statistics, subprocess, sys, tempfile, time

if len(sys.argv) > 1:
    sys.exit(__doc__)
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.path.join(os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target"), os.environ.get("PROFILE", "release"))
ENGINES = os.environ.get("ENGINES", "direct,pool,threads,tokio").split(",")
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = os.environ.get("SECONDS", "1")
# Limits off, as chat_bench sets them for the servers that it starts by itself.
FLAGS = ("--addr 127.0.0.1:0 --web off --files off --log warn --max-clients 1100 --max-per-address 0 --idle-secs 0 --burst 0 "
         "--spam-lines 0 --spam-repeats 0").split()
# What is told of each workload: a name, the figure of chat_bench, and how it is written.
SHOWN = {
    "b": [("B, M deliveries/s", lambda f: f["per_second"] / 1e6, "{:.2f}")],
    "c": [("C, p50 ms", lambda f: f["p50_ms"], "{:.2f}"), ("C, p99 ms", lambda f: f["p99_ms"], "{:.2f}")],
    "idle": [("1,000 clients: KiB each", lambda f: (f["most_kib"] - f["first_kib"]) / f["clients"], "{:.1f}"),
             ("threads", lambda f: f["most_threads"], "{:.0f}")],
}


def looked_at(pid):
    """The resident memory of a process in KiB, and its threads."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmRSS"].split()[0]), int(fields["Threads"])


def measure(engine, store, workload):
    """Starts a chatd, measures it once, and ends it."""
    folder = tempfile.mkdtemp(prefix="engines-")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_")}
    data = os.path.join(folder, "data") if store == "on" else "off"
    args = [os.path.join(TARGET, "chatd"), *FLAGS, "--engine", engine, "--data", data]
    server = subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=env, cwd=folder)
    try:
        line = next((line for line in server.stdout if line.startswith("listening on ")), None)
        if line is None:
            sys.exit(f"chatd did not start: {' '.join(args)}")
        run = [os.path.join(TARGET, "chat_bench"), "run", "--server", line.split()[-1], "--workload", workload, "--seconds", SECONDS, "--json"]
        # Of a server that it has not started chat_bench does not know what it takes.
        first = most_kib, most_threads = looked_at(server.pid)
        bench = subprocess.Popen(run, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while bench.poll() is None and time.monotonic() < deadline:
            kib, threads = looked_at(server.pid)
            most_kib, most_threads = max(kib, most_kib), max(threads, most_threads)
            time.sleep(0.05)
        if bench.poll() != 0:
            bench.kill()
            sys.exit(f"chat_bench failed, or took two minutes: {' '.join(run)}")
        figures = json.loads(bench.stdout.read().splitlines()[-1])
        return {**figures, "first_kib": first[0], "most_kib": most_kib, "most_threads": most_threads}
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("there is only one core, which cannot be shared and free at once")
    cells = list(itertools.product(("free", "taken"), ("off", "on"), SHOWN, ENGINES))
    found = {cell: [] for cell in cells}
    for number in range(ROUNDS):
        order = cells[:]
        random.Random(number).shuffle(order)
        for core, store, workload, engine in order:
            taker = None
            if core == "taken":
                pin = lambda: os.sched_setaffinity(0, {cores[-1]})
                taker = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=pin)
            try:
                figures = measure(engine, store, workload)
            finally:
                if taker:
                    taker.kill()
                    taker.wait()
            found[core, store, workload, engine].append(figures)
            told = "  ".join(f"{name} {shape.format(of(figures))}" for name, of, shape in SHOWN[workload])
            print(f"{number + 1}/{ROUNDS} core {core}, store {store}, {engine}: {told}", file=sys.stderr)
    heads = [name for shown in SHOWN.values() for name, _, _ in shown]
    print(f"\n| a core is | store | engine | {' | '.join(heads)} |\n|{' --- |' * (3 + len(heads))}")
    for core, store, engine in itertools.product(("free", "taken"), ("off", "on"), ENGINES):
        columns = []
        for workload, shown in SHOWN.items():
            for _, of, shape in shown:
                columns.append(shape.format(statistics.median(of(figures) for figures in found[core, store, workload, engine])))
        print(f"| {core} | {store} | `{engine}` | {' | '.join(columns)} |")


if __name__ == "__main__":
    main()
