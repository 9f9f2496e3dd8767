#!/usr/bin/env python3
"""Writes a C++ file that has files compiled in, as a table of EmbeddedFile.

embed.py FUNCTION OUT.cc                          an empty table
embed.py FUNCTION OUT.cc DEPFILE SOURCE WORK ROOT
    copies the npm project SOURCE to WORK, installs by its lock file, runs its script "build", and
    takes what that has put into WORK/dist. The URL of a file is ROOT and its path below dist; of
    NAME.html it is ROOT/NAME, of index.html ROOT itself. DEPFILE tells ninja what was read.
"""

import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys

SKIPPED = {"node_modules", "dist", "lib"}


def sources_of(source: pathlib.Path) -> list[pathlib.Path]:
    files = (file.relative_to(source) for file in source.rglob("*") if file.is_file())
    return sorted(file for file in files if file.parts[0] not in SKIPPED)


def build(source: pathlib.Path, work: pathlib.Path) -> None:
    def npm(*arguments: str) -> None:
        subprocess.run(["npm", *arguments, "--silent"], cwd=work, check=True, stdout=sys.stderr)

    wanted = (source / "package-lock.json").read_bytes()
    installed = work / "node_modules" / ".installed-lock"
    fresh = not installed.exists() or installed.read_bytes() != wanted
    if work.exists():
        for old in work.iterdir():
            if old.name != "node_modules":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    for file in sources_of(source):
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, work / file)
    if fresh:
        npm("ci", "--ignore-scripts")
        installed.write_bytes(wanted)
    npm("run", "build")


def url_of(root: str, file: pathlib.Path) -> str:
    path = file.as_posix()
    if path.endswith(".html"):
        path = path.removesuffix(".html").removesuffix("index")
    return root + path


def write_table(function: str, out: pathlib.Path, root: str, dist: pathlib.Path) -> None:
    lines = ['#include "embedded_files.h"', ""]
    rows = []
    symbols = 0

    def compiled_in(file: pathlib.Path) -> str:
        nonlocal symbols
        symbols += 1
        name = f"chatd_{function}_{symbols}"
        lines.append(f'__asm__(".section .rodata\\n{name}:\\n.incbin \\"{file}\\"\\n{name}_end:\\n.byte 0\\n.text\\n");')
        lines.append(f'extern "C" const char {name}[], {name}_end[];')
        return f"{{{name}, static_cast<std::size_t>({name}_end - {name})}}"

    for file in sorted(dist.rglob("*")) if dist.is_dir() else []:
        if not file.is_file() or file.suffix == ".gz":
            continue
        content = file.read_bytes()
        packed = gzip.compress(content, 9, mtime=0)
        pressed = file.with_name(file.name + ".gz")
        pressed.write_bytes(packed)
        etag = hashlib.sha256(content).hexdigest()[:16]
        gained = len(packed) < len(content) * 9 // 10
        rows.append(f'      {{"{url_of(root, file.relative_to(dist))}", "\\"{etag}\\"", {compiled_in(file)}, '
                    f'{compiled_in(pressed) if gained else "{}"}}},')
    body = ["  static const EmbeddedFile files[] = {", *rows, "  };", "  return files;"] if rows else ["  return {};"]
    lines += ["", "namespace chatd {", "", f"std::span<const EmbeddedFile> {function}() {{", *body, "}", "",
              "}  // namespace chatd", ""]
    out.write_text("\n".join(lines))


def main() -> None:
    function, out = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    if len(sys.argv) == 3:
        return write_table(function, out, "", pathlib.Path("/nowhere"))
    depfile, source, work = (pathlib.Path(argument).resolve() for argument in sys.argv[3:6])
    build(source, work)
    write_table(function, out, sys.argv[6], work / "dist")
    read = " ".join(str(source / file).replace(" ", "\\ ") for file in sources_of(source))
    depfile.write_text(f"{sys.argv[2]}: {read}\n")


main()
