"""What `ninja install` puts down is enough to build against, with pkg-config alone: a program outside
of the tree is linked with the shared and with the static libraries and run, and every installed
header compiles by itself.

  installed_test.py BUILD COMPILER...
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "include"
LIBRARIES = ["chatrt", "chatrt-socketio", "chatrt-sqlite"]
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
build = pathlib.Path()
compiler: list[str] = []


def run(*command, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        run("meson", "install", "-C", build, "--destdir", cls.work / "root", "--quiet")
        # Elsewhere than it was configured for, so that an absolute path would not be found.
        cls.prefix = next((cls.work / "root").rglob("include/chatrt/hub.h")).parents[2]
        shutil.move(cls.prefix, cls.work / "prefix")
        cls.prefix = cls.work / "prefix"
        cls.libdir = next(cls.prefix.rglob("chatrt.pc")).parents[1]
        cls.env = {**os.environ, "PKG_CONFIG_PATH": str(cls.libdir / "pkgconfig")}

    def flags(self, *options) -> list[str]:
        return run("pkg-config", *options, *LIBRARIES, env=self.env).split()

    def build_and_run(self, name: str, flags: list[str], **env) -> None:
        program = self.work / name
        run(*compiler, *FLAGS, HERE / "main.cc", "-o", program, *flags)
        output = run(program, self.work / f"{name}.db", env={**os.environ, **env})
        message = json.loads(output)
        self.assertEqual((message["senderId"], message["seq"], message["textMessage"]), ("ann", 1, "hello"))

    def test_a_program_links_the_shared_libraries(self):
        self.build_and_run("shared", self.flags("--cflags", "--libs"), LD_LIBRARY_PATH=str(self.libdir))
        self.assertIn("libchatrt.so.", run("readelf", "-d", self.work / "shared"))

    def test_a_program_links_the_static_libraries_alone(self):
        self.build_and_run("static", ["-static", *self.flags("--static", "--cflags", "--libs")])
        self.assertNotIn("NEEDED", run("readelf", "-d", self.work / "static"))

    def test_every_header_compiles_by_itself(self):
        headers = sorted(path.relative_to(self.prefix / "include") for path in (self.prefix / "include").rglob("*.h"))
        self.assertEqual(headers, sorted(path.relative_to(INCLUDE) for path in INCLUDE.rglob("*.h")))
        for path in headers:
            with self.subTest(header=path):
                command = [*compiler, *FLAGS, "-fsyntax-only", "-x", "c++", "-I", self.prefix / "include", "-"]
                run(*command, input=f"#include <{path}>\n")

    def test_the_pc_files_name_no_path(self):
        for name in LIBRARIES:
            text = (self.libdir / "pkgconfig" / f"{name}.pc").read_text()
            self.assertNotRegex(text, r"(?m)[=\s]/", text)

    def test_a_library_exports_what_is_ours_and_no_copy_of_another(self):
        exported = {}
        for name in LIBRARIES:
            symbols = run("nm", "-DC", "--defined-only", self.libdir / f"lib{name}.so")
            exported[name] = {line.split(" ", 2)[2] for line in symbols.splitlines() if " T " in line}
            self.assertTrue(exported[name])
            foreign = [symbol for symbol in exported[name] if not re.search(r"\bchatrt::", symbol)]
            self.assertEqual(foreign, [], name)
        self.assertEqual(exported["chatrt"] & exported["chatrt-sqlite"], set())
        self.assertEqual(exported["chatrt"] & exported["chatrt-socketio"], set())

    def test_chatd_is_installed_and_runs(self):
        self.assertIn("chatd", run(self.prefix / "bin" / "chatd", "--version"))


if __name__ == "__main__":
    build, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    unittest.main(argv=sys.argv[:1])
