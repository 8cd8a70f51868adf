"""Pages that can be followed, as those of docs/course: do what each says in an empty folder, and write down what is printed.

    python tests/benchmarks/course.py docs/course/2-cross-correlation.md           # what differs from the page
    python tests/benchmarks/course.py docs/course/2-cross-correlation.md --write   # the page with what is printed

How a page says what is run and shown stands in tests/pages.py. Numbers of time and speed stay as they are on the page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pages import differences


def main() -> None:
    """Print the outputs that differ, or write them into the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    for page in given.pages:
        text, started = page.read_text(encoding="utf-8"), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found = list(differences(text, Path(folder)))
        for block, now in reversed(found):
            if not given.write:
                print(f"line {text[: block.start].count(chr(10)) + 1}:\n{block.text}is now:\n{now}")
            text = text[: block.start] + now + text[block.end :]
        if given.write:
            page.write_text(text, encoding="utf-8")
        seconds = time.perf_counter() - started
        print(f"{page}: {len(found)} outputs {'written' if given.write else 'differ'}; {seconds:.0f} s")


if __name__ == "__main__":
    main()
