""".ci/layers finds each kind of breach: every case breaks one rule in a copy of the tree."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COPIED = ("include", "lib", "daemon", "docs/examples")


class Layers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        for name in COPIED:
            shutil.copytree(ROOT / name, self.tree / name, ignore=shutil.ignore_patterns("node_modules"))

    def check(self) -> tuple[int, str]:
        run = subprocess.run(
            [sys.executable, ROOT / ".ci" / "layers", self.tree], capture_output=True, text=True, check=False
        )
        return run.returncode, run.stdout + run.stderr

    def append(self, path: str, line: str) -> None:
        with (self.tree / path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def assert_breach(self, path: str, line: str, what: str) -> None:
        self.append(path, line)
        code, output = self.check()
        self.assertEqual(code, 1, output)
        self.assertRegex(output, rf"(?m)^{path}:\d+: .*{what}")

    def test_the_tree_as_it_is_is_good(self):
        code, output = self.check()
        self.assertEqual(code, 0, output)

    def test_a_lower_layer_may_not_see_a_higher_one(self):
        for path, header in (
            ("lib/engineio/packet.cc", "chatrt/socketio/packet.h"),
            ("lib/socketio/packet.cc", "chatrt/gateway/chat.h"),
            ("lib/engineio/packet.cc", "chatrt/hub.h"),
            ("lib/core/hub.cc", "chatrt/engineio/server.h"),
            ("include/chatrt/hub.h", "chatrt/gateway/chat.h"),
            ("include/chatrt/result.h", "chatrt/hub.h"),
            ("lib/sqlite/writer.cc", "chatrt/socketio/json.h"),
            ("lib/core/hub.cc", "chatrt/testing/executors.h"),
            ("daemon/transport/shard.cc", "config.h"),
        ):
            with self.subTest(path=path, header=header):
                self.assert_breach(path, f'#include "{header}"', "may not include")

    def test_what_lies_in_lib_is_private(self):
        self.assert_breach("daemon/server.cc", '#include "../lib/core/inbox.h"', "may not include|not public")
        self.assert_breach("lib/sqlite/writer.cc", '#include "../core/inbox.h"', "private to core")

    def test_dependencies_stay_where_they_are_wrapped(self):
        for path, header in (
            ("lib/core/hub.cc", "asio/post.hpp"),
            ("daemon/server.cc", "asio.hpp"),
            ("daemon/server.cc", "websocketpp/frame.hpp"),
            ("lib/socketio/packet.cc", "rapidjson/reader.h"),
            ("lib/core/memory_store.cc", "sqlite3.h"),
            ("daemon/server.cc", "SQLiteCpp/Database.h"),
            ("include/chatrt/hub.h", "unistd.h"),
            ("lib/core/hub.cc", "boost/asio.hpp"),
        ):
            with self.subTest(path=path, header=header):
                self.assert_breach(path, f"#include <{header}>", "may not|no dependency|alone")

    def test_headers_do_not_include_each_other_in_a_circle(self):
        self.append("include/chatrt/result.h", '#include "chatrt/message.h"')

        code, output = self.check()

        self.assertEqual(code, 1, output)
        self.assertIn("includes itself: ", output)

    def test_no_file_grows_past_its_limit(self):
        self.assert_breach("lib/core/hub.cc", "\n" * 450, "more than 450 lines")

    def test_no_file_names_a_path_of_one_machine(self):
        self.assert_breach("lib/core/hub.cc", "// see /" + "home/ann/notes", "path of one machine")


if __name__ == "__main__":
    unittest.main()
