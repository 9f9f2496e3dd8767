#!/usr/bin/env python3
"""embed.py SOURCE WORK OUT.cc: installs the stock client into WORK by the lock file of SOURCE, and
writes a C++ file that has its bundles compiled in."""

import json
import pathlib
import shutil
import subprocess
import sys

NAMES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]


def main() -> None:
    source, work, out = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / name, work / name)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=work, check=True, stdout=sys.stderr)
    package = work / "node_modules" / "socket.io-client"
    version = json.loads((package / "package.json").read_text())["version"]
    files = [file for name in NAMES for file in (name, name + ".map") if (package / "dist" / file).exists()]
    lines = ['#include "client_bundle_files.h"', ""]
    for i, name in enumerate(files):
        lines.append(
            f'__asm__(".section .rodata\\nchatd_bundle_{i}:\\n.incbin \\"{package / "dist" / name}\\"\\n'
            f'chatd_bundle_{i}_end:\\n.byte 0\\n.text\\n");'
        )
        lines.append(f'extern "C" const char chatd_bundle_{i}[], chatd_bundle_{i}_end[];')
    lines += ["", "namespace chatd {", "", "std::span<const BundleFile> client_bundle_files() {",
              "  static const BundleFile files[] = {"]
    for i, name in enumerate(files):
        lines.append(f'      {{"/socket.io/{name}", "{version}", {{chatd_bundle_{i}, '
                     f"static_cast<std::size_t>(chatd_bundle_{i}_end - chatd_bundle_{i})}}}},")
    lines += ["  };", "  return files;", "}", "", "}  // namespace chatd", ""]
    out.write_text("\n".join(lines))


main()
