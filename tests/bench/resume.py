#!/usr/bin/env python3
"""What it costs that everybody comes back at once: N clients after a restart of chatd, each with some
messages it has missed, against N clients with none. Prints one line for each round.

  resume.py CHATD CHATLOAD [--clients 10000] [--missed 10] [--rounds 3]

A client counts as back when its `ready` has come, which is behind everything it missed."""
import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

NONCE = 7
PORT = 3990


def start(chatd, file):
    process = subprocess.Popen(
        ["taskset", "-c", "0", chatd, "--dev", "--port", str(PORT), "--db", file,
         "--connections-max", "19500"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(400):
        try:
            return process, socket.create_connection(("127.0.0.1", PORT), 5)
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("chatd does not listen")


def send_missed(clients, missed):
    """To every client `missed` messages, over connections enough that a commit holds many."""
    sockets = [socket.create_connection(("127.0.0.1", PORT), 20) for _ in range(200)]
    streams = [one.makefile("rb") for one in sockets]
    for _ in range(missed):
        for first in range(0, clients, len(sockets)):
            together = range(first, min(first + len(sockets), clients))
            for client in together:
                sockets[client - first].sendall(request_to(f"u{NONCE:04x}c{client}"))
            for client in together:
                read_answer(streams[client - first])
    for one in sockets:
        one.close()


def request_to(user):
    body = json.dumps({"senderId": "office", "selectedUser": user, "textMessage": "x" * 100}).encode()
    return (b"POST /api/message/create-message HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body


def read_answer(stream):
    status = stream.readline()
    size = 0
    while (line := stream.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    body = stream.read(size)
    if b" 20" not in status:
        raise RuntimeError(f"{status} {body}")


def connect_all(chatload, pid, clients, nonce):
    command = ["taskset", "-c", "1", chatload, "connect", "--n", str(clients), "--conn-rate", "1000000",
               "--conn-inflight", "512", "--hold", "0.2", "--timeout", "60", "--ready-event", "ready",
               "--connect-payload", '{"since":0}', "--nonce", str(nonce), "--port", str(PORT),
               "--server-pid", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("chatd")
    parser.add_argument("chatload")
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--missed", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "chat.db")
        chatd, connection = start(given.chatd, file)
        send_missed(given.clients, given.missed)
        for turn in range(given.rounds):
            took = {}
            for name, nonce in (("bare", NONCE + 1), ("resumed", NONCE)):
                connection.close()
                chatd.send_signal(signal.SIGKILL)
                chatd.wait()
                chatd, connection = start(given.chatd, file)
                result = connect_all(given.chatload, chatd.pid, given.clients, nonce)
                expected = given.missed * given.clients if name == "resumed" else 0
                if result["connected"] != given.clients or result["received"] != expected:
                    raise RuntimeError(f"{name}: {result}")
                took[name] = (result["connect_s"], result["server_cpu_s"])
            ratios.append(took["resumed"][0] / took["bare"][0])
            print(f"round {turn}: bare {took['bare'][0]:.2f} s ({took['bare'][1]:.2f} s of CPU), resumed "
                  f"{took['resumed'][0]:.2f} s ({took['resumed'][1]:.2f} s of CPU)", flush=True)
        chatd.kill()
    print(f"{given.clients} clients, {given.missed} missed each: {statistics.median(ratios):.2f} times the bare ones")


if __name__ == "__main__":
    sys.exit(main())
