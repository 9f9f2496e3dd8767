"""The table of log events in docs/operating.md is that of the sources.

log_events_test.py SOURCE_ROOT
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])

sources = "".join(
    path.read_text() for folder in ("lib", "daemon") for path in sorted((root / folder).rglob("*.cc"))
)
named = re.compile(
    r"""(?:\b(?:log|write|append)\(\s*[^;"]*?LogLevel::\w+,\s*|\blevel_of\([^;"]*?,\s*|\breport_throw\(\s*)"([a-z_]+)\""""
)
said = set(named.findall(sources))

page = (root / "docs/operating.md").read_text()
table = page.split("<!-- log events;")[1].split("<!-- end of log events -->")[0]
rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
told = set(re.findall(r"`([a-z_]+)`", "".join(rows)))

for event in sorted(said - told):
    print(f"docs/operating.md does not have {event}")
for event in sorted(told - said):
    print(f"no source logs {event}")
print(f"{len(said & told)} events in both")
sys.exit(said != told or len(said) < 20)
