"""The pictures of the walk of a table, in docs/structure.rst, show what a fit and a draw do."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import skgen

DOCS = Path(__file__).resolve().parents[1] / "docs"
sys.path.insert(0, str(DOCS))
import _walk  # noqa: E402

IN_ORDER = {
    "pipe.fit(frame)": [
        *("tables", "base", "data", "models", "training"),
        # Stages are made as they are trained.
        *("models", "training", "papers"),
    ],
    "pipe.sample(n)": ["tables", "mixins", "blocks", "papers", "data", "mixins", "tables"],
}


@pytest.fixture(scope="module")
def walks():
    return _walk.walks()


def test_the_rooms_are_entered_in_this_order(walks):
    found = {said: [room for room, _ in _walk.rooms(steps)] for said, steps in walks.items()}
    assert found == IN_ORDER


@pytest.mark.parametrize("said", _walk.WALKS)
def test_a_picture_says_what_the_trace_gives(walks, said):
    picture = ET.fromstring(_walk.draw(said, walks[said]))
    texts = [(float(part.get("y")), part.text) for part in picture.iter() if part.text]
    # From top to bottom: a room, then each function and what it returned.
    assert texts == sorted(texts, key=lambda text: text[0])
    boxes = [text for _, text in texts][1:]
    for room, inside in _walk.rooms(walks[said]):
        assert boxes.pop(0) == room
        for name, returned in inside:
            assert [boxes.pop(0), boxes.pop(0)] == [name, f"→ {returned}"]
    assert boxes == []


def test_the_page_explains_every_function_of_the_pictures():
    page = (DOCS / "structure.rst").read_text(encoding="utf-8")
    names = {name.rpartition(".")[2] for names in _walk.WALKS.values() for name in names}
    assert [name for name in sorted(names) if name not in page] == []


def test_another_walk_is_found():
    def call():
        skgen.TableEncoder().fit([[0.0], [1.0]]).transform([[2.0]])

    names = ["TableEncoder.fit", "TableEncoder.transform"]
    assert [step[:2] for step in _walk.trace(call, names)] == [("tables", name) for name in names]
    for wrong in (names[::-1], [*names, "RowMap.fit"]):
        with pytest.raises(ValueError, match=r"The walk was TableEncoder\.fit, "):
            _walk.trace(call, wrong)
