#!/usr/bin/env python3
"""smoke.py CHATLOAD CHATD SCENARIO...: one second of load on a chatd with a file, without a fault."""
import json
import os
import signal
import subprocess
import sys
import tempfile

FAULTS = ("errors", "lost", "duplicated", "out_of_order", "misrouted", "bad_acks", "conn_failed")


def main():
    chatload, chatd, *scenario = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [chatd, "--dev", "--port", "0", "--db", os.path.join(folder, "chat.db"), "--log-level", "info"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        started = json.loads(server.stderr.readline())
        # What it logs from here on must not fill the pipe.
        drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        done = subprocess.run(
            [chatload, *scenario, "--port", str(started["port"]), "--duration", "1", "--warmup", "0.2",
             "--timeout", "60"], capture_output=True, text=True, check=False)
        server.send_signal(signal.SIGTERM)
        status = server.wait(30)
        drain.wait(10)
    result = json.loads(done.stdout)
    found = {fault: result[fault] for fault in FAULTS if result.get(fault)}
    print(f"{result['received']} messages, faults: {found or 'none'}, exit {status}")
    return 0 if result["received"] > 0 and not found and status == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
