"""The table of options in docs/operating.md is what option_table() says. To bring it up to date:

  options_test.py BUILD/tests/docs/option_table --write
"""

import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "operating.md"
BEGIN, END = "<!-- options: tests/docs/options_test.py writes and checks them -->\n", "<!-- end of options -->\n"


def main() -> int:
    table = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    shown, after = rest.split(END)
    if "--write" in sys.argv:
        PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")
    elif shown != table:
        print(f"{PAGE.name} shows\n{shown}\nbut chatd has\n{table}")
        return 1
    return 0


sys.exit(main())
