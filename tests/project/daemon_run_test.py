"""daemon/run builds chatd and starts it; options on its end win. It builds into build/, as it does
for everybody."""

import json
import pathlib
import signal
import subprocess
import tempfile
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class DaemonRun(unittest.TestCase):
    def test_it_builds_and_starts_with_the_last_of_the_options(self):
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [ROOT / "daemon" / "run", "--port", "0", "--db", "mine.db"],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            self.addCleanup(process.kill)
            built = []
            for line in process.stderr:
                built.append(line)
                if line.startswith("{") and json.loads(line)["event"] == "start":
                    break
            else:
                self.fail("".join(built))

            start = json.loads(built[-1])
            with urllib.request.urlopen(f"http://127.0.0.1:{start['port']}/healthz") as answer:
                self.assertEqual(answer.status, 200)
            self.assertTrue((pathlib.Path(folder) / "mine.db").exists())
            self.assertIn(f":{start['port']}", process.stdout.readline())

            process.send_signal(signal.SIGTERM)
            process.communicate()
            self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
