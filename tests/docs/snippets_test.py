"""Runs what README.md and docs/ show. A block is taken with the comment above it, which no reader
sees:

    <!-- test: KIND shows="TEXT" -->
    ```js

KIND is
  sh      run by bash while chatd runs
  js      run by node, with the stock client, while chatd runs; it may go on, and is ended
  cpp     compiled and linked like an embedder's program, and run
TEXT has to come out. Every block of these languages needs such a comment, or `<!-- test: none -->`
with the reason behind it.

  snippets_test.py CHATD INCLUDE LIBRARIES COMPILER...    (LIBRARIES: comma-separated archives)
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 120
BLOCK = re.compile(
    r"(?:^<!-- test: (?P<kind>\w+)(?: shows=\"(?P<shows>[^\"]*)\")?[^\n]*-->\n)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
chatd = include = pathlib.Path()
libraries: list[str] = []
compiler: list[str] = []


def blocks():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start("language")) + 1
            yield f"{page.relative_to(ROOT)}:{line}", match


class Snippets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        (cls.work / "node_modules").symlink_to(ROOT / "tests" / "node_modules")
        command = [chatd, "--dev", "--port", "0", "--db", cls.work / "docs.db"]
        cls.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        start = next(entry for entry in map(json.loads, cls.server.stderr) if entry["event"] == "start")
        threading.Thread(target=cls.server.stderr.read, daemon=True).start()
        cls.port = start["port"]
        cls.environment = os.environ | {"PATH": f"{chatd.resolve().parent}:{os.environ['PATH']}"}

    def run_until(self, command: list, shows: str, to_its_end: bool = False) -> None:
        """Runs a command until it ends, or has shown `shows` if it need not end; a wrong end fails."""
        process = subprocess.Popen(
            command, cwd=self.work, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
        )
        timer = threading.Timer(DEADLINE_S, process.kill)
        timer.start()
        output = ""
        try:
            for line in process.stdout:
                output += line
                if shows and shows in output and not to_its_end:
                    break
            else:
                self.assertEqual(process.wait(), 0, output)
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        self.assertIn(shows, output)

    def run_sh(self, code: str, shows: str) -> None:
        self.run_until(["bash", "-euc", code], shows)

    def run_js(self, code: str, shows: str) -> None:
        (self.work / "snippet.mjs").write_text(code)
        self.run_until(["node", "snippet.mjs"], shows)

    def run_cpp(self, code: str, shows: str) -> None:
        (self.work / "snippet.cc").write_text(code)
        flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", str(include)]
        command = [*compiler, *flags, "snippet.cc", "-o", "snippet", *libraries]
        self.run_until(command, "")
        self.run_until(["./snippet"], shows, to_its_end=True)

    def test_what_the_pages_show_works(self):
        ran = 0
        for place, block in blocks():
            if block["kind"] not in ("sh", "js", "cpp"):
                continue
            with self.subTest(place=place):
                code = re.sub(r"(http://localhost:|--port )3000", rf"\g<1>{self.port}", block["code"])
                getattr(self, "run_" + block["kind"])(code, block["shows"] or "")
                ran += 1
        self.assertGreater(ran, 3)

    def test_no_code_goes_untested_unseen(self):
        for place, block in blocks():
            if block["language"] in ("sh", "js", "cpp"):
                with self.subTest(place=place):
                    self.assertIsNotNone(block["kind"], "a block without <!-- test: ... -->")

    def test_links_lead_somewhere(self):
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            for link in re.findall(r"\[[^]]+\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
                with self.subTest(page=page.name, link=link):
                    self.assertTrue((page.parent / link).exists())


if __name__ == "__main__":
    chatd, include = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    libraries, compiler = sys.argv[3].split(","), sys.argv[4:]
    unittest.main(argv=sys.argv[:1])
