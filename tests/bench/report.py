#!/usr/bin/env python3
"""Makes docs/benchmarks.md and its plot of what measure.py has written: medians, and ratios beside
the peers of the same run."""
import argparse
import json
import os
import platform
import statistics
import subprocess

from measure import CONNECTING, SCENARIOS

COLOURS = {"chatd": "#1f6feb", "bun": "#b08800", "node": "#57606a"}
FAULTS = ("errors", "lost", "duplicated", "out_of_order", "misrouted", "bad_acks", "conn_failed", "failed")


def load(path):
    """scenario -> server -> results."""
    results = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            result = json.loads(line)
            server, scenario = result["label"].split(" ")
            results.setdefault(scenario, {}).setdefault(server, []).append(result)
    return results


def median(runs, value):
    return statistics.median(value(run) for run in runs)


def rate(runs):
    return median(runs, lambda r: r["throughput"])


def number(value):
    return f"{value:,.0f}"


def faults(runs):
    return sum(run.get(key, 0) for run in runs for key in FAULTS)


def ratio(servers, mine, peer):
    if mine not in servers or peer not in servers:
        return "-"
    return f"{rate(servers[mine]) / rate(servers[peer]):.1f}x"


def load_table(servers):
    lines = [
        "| server | msg/s | min - max | p50 ms | p99 ms | CPU us/msg | faults |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, runs in sorted(servers.items(), key=lambda item: -rate(item[1])):
        spread = sorted(run["throughput"] for run in runs)
        lines.append(
            f"| {name} | {number(rate(runs))} | {number(spread[0])} - {number(spread[-1])} "
            f"| {median(runs, lambda r: r['recv_us']['p50']) / 1000:.2f} "
            f"| {median(runs, lambda r: r['recv_us']['p99']) / 1000:.2f} "
            f"| {median(runs, lambda r: r['server_us_per_msg']):.1f} | {faults(runs)} |")
    return lines


def connect_cpu(runs):
    return median(runs, lambda r: r["server_cpu_s"] * 1e6 / max(1, r["connected"]))


def connect_table(servers):
    lines = ["| server | connections/s | CPU us/connection | bytes/connection | faults |", "|---|--:|--:|--:|--:|"]
    for name, runs in sorted(servers.items()):
        lines.append(f"| {name} | {number(median(runs, lambda r: r['achieved_rate']))} | {number(connect_cpu(runs))} "
                     f"| {number(median(runs, lambda r: r['bytes_per_conn']))} | {faults(runs)} |")
    return lines


def connect_ratio(scenario, servers):
    def times(peer):
        if "chatd/memory" not in servers or peer not in servers:
            return "-"
        return f"{connect_cpu(servers[peer]) / connect_cpu(servers['chatd/memory']):.1f}x"

    return f"| {scenario}, CPU of a connection | memory | {times('node/memory')} | {times('bun/memory')} |"


def ratio_table(results):
    lines = ["| scenario | mode | chatd : Node | chatd : Bun |", "|---|---|--:|--:|"]
    for scenario in SCENARIOS:
        if scenario.startswith("open") or scenario not in results:
            continue
        if scenario in CONNECTING:
            lines.append(connect_ratio(scenario, results[scenario]))
            continue
        for mode in ("memory", "durable"):
            if f"chatd/{mode}" in results[scenario]:
                servers = results[scenario]
                lines.append(f"| {scenario} | {mode} | {ratio(servers, f'chatd/{mode}', f'node/{mode}')} "
                             f"| {ratio(servers, f'chatd/{mode}', f'bun/{mode}')} |")
    return lines


def versions(work):
    def said(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return " ".join(done.stdout.split())

    def package(peer, name):
        with open(f"{work}/peers/{peer}/node_modules/{name}/package.json", encoding="utf-8") as file:
            return json.load(file)["version"]

    with open("/proc/cpuinfo", encoding="utf-8") as cpus:
        cpu = next((line.split(":")[1].strip() for line in cpus if line.startswith("model name")), "?")
    return [
        f"- {os.cpu_count()} cores, {cpu}, Linux {platform.release()}",
        f"- {said(f'{work}/chatd/daemon/chatd', '--version')}",
        f"- Node {said('node', '--version')}, socket.io {package('node', 'socket.io')}, "
        f"express {package('node', 'express')}, better-sqlite3 {package('node', 'better-sqlite3')}",
        f"- Bun {package('bun', 'bun')}, @socket.io/bun-engine {package('bun', '@socket.io/bun-engine')}",
    ]


def svg(results):
    """Messages a second as bars, each scenario scaled to its fastest server."""
    rows = []
    for scenario in SCENARIOS:
        if scenario.startswith("open") or scenario in CONNECTING or scenario not in results:
            continue
        rows.append((scenario, None))
        servers = results[scenario]
        top = max(rate(runs) for runs in servers.values())
        for name in sorted(servers, key=lambda n: -rate(servers[n])):
            rows.append((name, (rate(servers[name]), top)))
    height = 22 * len(rows) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" '
           f'viewBox="0 0 760 {height}" font-family="sans-serif" font-size="13" role="img" '
           'aria-label="Messages a second of chatd, Bun and Node">',
           f'<rect width="760" height="{height}" fill="#ffffff"/>']
    for i, (name, bar) in enumerate(rows):
        y = 22 * i + 24
        if bar is None:
            out.append(f'<text x="10" y="{y}" font-weight="bold" fill="#1f2328">{name}</text>')
            continue
        value, top = bar
        width = 480 * value / top
        colour = COLOURS[name.split("/")[0]]
        out.append(f'<text x="24" y="{y}" fill="#1f2328">{name}</text>')
        out.append(f'<rect x="150" y="{y - 12}" width="{width:.0f}" height="15" fill="{colour}"/>')
        out.append(f'<text x="{158 + width:.0f}" y="{y}" fill="#1f2328">{number(value)}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


INTRODUCTION = """# Benchmarks

Written by `tests/bench/run`, which builds chatd in release, installs the peers from npm, drives all
of them with the same load generator (`tests/bench/chatload.cc`) and makes this page: one command
repeats it. Figures are medians of {runs} runs with the peers interleaved, on a machine whose two
cores are shared with nobody here but with others in the same host: differences below 20 % mean
nothing. The server has core 0, the generator core 1. chatd runs as `chatd --dev` with every bound on
memory and time; quotas of users and addresses are off under `--dev`, and the peers have none. It
reads and writes by io_uring where the machine lets it.

`memory` keeps messages in memory (chatd: `--db :memory:`). `durable` is SQLite in WAL mode with
`synchronous=FULL`: an ack means that the message is synced. Node and Bun group all inserts of an
event-loop turn into one transaction; without that they are 3 to 6 times slower.
`faults` counts what the generator's checks found: lost, doubled, late, misrouted messages, wrong
acks, failed connections.

The ratios are of messages a second; those of a connection of CPU time, the peer's to chatd's.
`-both`: the server has both cores, chatd two shards, and the generator shares them.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True)
    parser.add_argument("--versions", required=True, metavar="WORK")
    parser.add_argument("--markdown", required=True)
    parser.add_argument("--svg", required=True)
    given = parser.parse_args()
    results = load(given.results)
    runs = min(len(r) for servers in results.values() for r in servers.values())
    lines = [INTRODUCTION.format(runs=runs), *versions(given.versions), "",
             f"![Messages a second]({os.path.basename(given.svg)})", "", "## Beside the peers", "",
             *ratio_table(results)]
    for scenario, arguments in SCENARIOS.items():
        if scenario in results:
            table = connect_table if scenario in CONNECTING else load_table
            lines += ["", f"## {scenario}", "", f"`chatload {' '.join(arguments)}`", "",
                      *table(results[scenario])]
    with open(given.markdown, "w", encoding="utf-8") as page:
        page.write("\n".join(lines) + "\n")
    with open(given.svg, "w", encoding="utf-8") as plot:
        plot.write(svg(results))


if __name__ == "__main__":
    main()
