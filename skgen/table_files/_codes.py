"""Numbers that are no quantities: names, such as postal codes, and marks, such as -999."""

import re
from itertools import islice

import pandas as pd

from skgen.tables.sentinels import far_from_others

from ._doubts import Correction, Doubt
from ._numbers import MAX_DIGITS
from ._shapes import FEW_NUMBERS, Shapes
from ._texts import Texts
from ._words import is_date

CODE_NAME = re.compile(
    r"(?:^|[\W_])(?:zip|plz|post(?:al)?_?code|postal|phone|tel|iban|ean|isbn)(?:$|[\W_])", re.I
)


def doubt_of_quantities(name: str, texts: Texts, shapes: Shapes) -> Doubt | None:
    """Return why the numbers of a column cannot be quantities, None if they can."""
    plain = [body for body in shapes.bodies() if set(body) == {"9"}]
    if any(len(body) > MAX_DIGITS for body in plain) and len(plain) == len(shapes.numeric):
        return Doubt(
            name,
            f"numbers of up to {max(map(len, plain))} digits, which are names and no "
            "quantities, taken as categories",
            (Correction("drop", name), Correction("numbers", name)),
        )
    if not any(len(body) > 1 for body in plain):
        return None
    text = texts.find(r"0\d+(?![\d.,])")
    if text is None or not text.isdigit():
        return None
    return Doubt(
        name,
        f"zeros in front, as in {text!r}, so that it is taken as categories",
        (Correction("numbers", name),),
    )


def doubt_of_codes(name: str, texts: Texts, shapes: Shapes) -> list[Doubt]:
    """Return why whole numbers of a column, read as quantities, may be codes."""
    if CODE_NAME.search(name):
        text = "numbers, which its name says are codes"
        return [Doubt(name, text, (Correction("categories", name),))]
    bodies = shapes.bodies()
    lengths = {len(body) for body in bodies}
    if min(lengths) < 9 or len(lengths) > 1 or set("".join(bodies)) != {"9"}:
        return []
    n = sum(shapes.numeric.values())
    if n < FEW_NUMBERS or len(texts.counts) <= 0.95 * n:
        return []
    text = f"numbers of {lengths.pop()} digits, nearly all different: codes?"
    return [Doubt(name, text, (Correction("categories", name), Correction("drop", name)))]


def doubt_of_marks(name: str, texts: Texts, column: pd.Series) -> list[Doubt]:
    """Return which numbers or dates of a column, far from all others, may be marks of gaps."""
    present = column.dropna()
    kind = "date" if is_date(column) else "number"
    values = (present.astype("int64") if kind == "date" else present).to_numpy(float)
    far = far_from_others(values)
    if 2 * far.sum() >= len(values):
        return []
    doubts = []
    for value, n in present[far].value_counts().sort_index().items():
        row = present.index[(present == value).to_numpy().argmax()]
        text = next(islice(texts.cells(), row, None))
        what = f"{text!r} ({n}), far from all others, is taken as a {kind}"
        doubts.append(Doubt(name, what, (Correction("gaps", name, text),)))
    return doubts
