"""The Python code of the documentation's pages, for the tests that run it."""

import json
import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def python_blocks(page):
    """Return the blocks of Python code of a page or a notebook, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if page.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, re.MULTILINE)
    assert len(blocks) == text.count("code-block:: python")
    return list(map(textwrap.dedent, blocks))
