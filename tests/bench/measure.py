#!/usr/bin/env python3
"""Drives chatd and its peers with chatload, and appends one JSON line for each run to --out.

A fresh server process for every run; the peers of a scenario back to back within a round. A run
during which other programs took more than 15 % of a core, or the hypervisor more than 10 %, is
repeated once and the calmer one kept."""
import argparse
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

SCENARIOS = {
    "pairs-100x1": ["pairs", "--n", "100", "--window", "1"],
    "pairs-1000x4": ["pairs", "--n", "1000", "--window", "4"],
    "open-5k": ["pairs", "--n", "500", "--rate", "5000", "--poisson", "1", "--spin", "1"],
    "fanout-1000": ["fanout", "--n", "1000", "--window", "2"],
    "http-64": ["http", "--n", "64"],
    "polling-100": ["polling", "--n", "100"],
    # The server has both cores, and chatd two shards; the generator shares them.
    "pairs-1000x4-both": ["pairs", "--n", "1000", "--window", "4"],
    "idle-10k": ["connect", "--n", "10000", "--conn-rate", "2000", "--hold", "5"],
    "idle-19k": ["connect", "--n", "19000", "--conn-rate", "2000", "--hold", "5"],
    # All at once, as after a restart.
    "storm-10k": ["connect", "--n", "10000", "--conn-rate", "20000", "--hold", "5"],
}
CONNECTING = [name for name, arguments in SCENARIOS.items() if arguments[0] == "connect"]
DURABLE = ["pairs-100x1", "pairs-1000x4", "open-5k", "http-64", "pairs-1000x4-both"]


def servers(work):
    """(name, folder, command, scenarios)."""
    # Its own bound of 80 % of the open-file limit, said in numbers that let idle-19k in.
    chatd = f"{work}/chatd/daemon/chatd --dev --port {{port}} --connections-max 19500 --db "
    node = "node server.mjs --port {port} --file {file} --db "
    bun = "node_modules/.bin/bun server.mjs --port {port} --file {file} --db "
    for name, folder, command, memory, durable in (
        ("chatd", work, chatd, ":memory:", "{file}"),
        ("node", f"{work}/peers/node", node, "none", "full-batch"),
        ("bun", f"{work}/peers/bun", bun, "none", "full-batch"),
    ):
        yield f"{name}/memory", folder, command + memory, list(SCENARIOS)
        yield f"{name}/durable", folder, command + durable, DURABLE


def wait_for(port):
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


def run_once(work, server, scenario, port, seconds):
    name, folder, command, _ = server
    cores = ("0", "1")
    if scenario.endswith("-both"):
        cores = ("0,1", "0,1")
        command = command.replace("--dev", "--dev --shards 2")
    file = f"{work}/bench.db"
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(file + suffix):
            os.remove(file + suffix)
    line = shlex.split(command.format(port=port, file=file))
    process = subprocess.Popen(["taskset", "-c", cores[0]] + line, cwd=folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        time.sleep(0.4)
        window = [] if scenario in CONNECTING else ["--duration", str(seconds), "--warmup", "2"]
        load = ["taskset", "-c", cores[1], f"{work}/chatload"] + SCENARIOS[scenario] + window
        load += ["--port", str(port), "--server-pid", str(process.pid), "--label", f"{name} {scenario}"]
        done = subprocess.run(load, capture_output=True, text=True, timeout=180, check=False)
        return json.loads(done.stdout)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def noise(result):
    return max(result.get("other_cpu_pct", 0) / 1.5, result.get("steal_pct", 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=".")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--keep", action="store_true", help="append to the results that are there")
    given = parser.parse_args()
    if not given.keep and os.path.exists(given.out):
        os.remove(given.out)
    port = 3100
    for turn in range(given.runs):
        for scenario in SCENARIOS:
            for server in servers(given.work):
                if scenario not in server[3] or not re.search(given.only, f"{server[0]} {scenario}"):
                    continue
                best = None
                for _ in range(2):
                    port = 3100 + (port - 3099) % 800
                    result = run_once(given.work, server, scenario, port, given.seconds)
                    if best is None or noise(result) < noise(best):
                        best = result
                    if noise(best) < 10:
                        break
                best["round"] = turn
                with open(given.out, "a", encoding="utf-8") as out:
                    out.write(json.dumps(best) + "\n")
                value = best.get("throughput", best.get("bytes_per_conn", 0))
                print(f"{turn} {best['label']:30} {value:10.0f}  noise {noise(best):.0f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
