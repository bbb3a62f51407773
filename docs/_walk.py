"""The picture of the walk of a table: which rooms a real fit and a real draw enter, in order.

`WALKS` names the functions to look for. Which rooms they are in, in which order they are called and
what they return is read from a small table that is fitted and drawn. A name that is not called, or
not in the order given, is an error, so that the picture cannot be of another code.
"""

import html
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import skgen

WALKS = {
    "pipe.fit(frame)": (
        "GenerativePipeline.fit",
        "TableEncoder.fit",
        "TableEncoder.transform",
        "BaseGenerativeModel.fit",
        "rows_to_learn",
        "RowMap.fit",
        "RowMap.forward",
        "VariationalDiffusionAE._build_module",
        "fit_stages",
        "VariationalDiffusionAE._stages",
        "train",
        "DiffusionAutoencoder.representation_loss",
    ),
    "pipe.sample(n)": (
        "GenerativePipeline.sample",
        "DrawingEstimator._sample",
        "drawn_rows",
        "DiffusionAutoencoder.sample",
        "RowMap.inverse",
        "DrawingEstimator._frame",
        "TableEncoder.inverse_transform",
    ),
}
PACKAGE = Path(skgen.__file__).parent
# Sizes in pixels: no wider than a telephone shows at full size.
WIDTH, LINE, PAD, GAP = 330, 17, 10, 22
STYLE = "flex: 1 1 300px; max-width: 420px; height: auto; align-self: flex-start"


def trace(call, names):
    """Call a function; return (room, name, type of what it returned) of the names it called."""
    found = {}

    def watch(frame, event, value):
        code, path = frame.f_code, Path(frame.f_code.co_filename)
        if event not in ("call", "return") or code.co_qualname not in names:
            return
        if path.is_relative_to(PACKAGE):
            room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
            step = found.setdefault(code.co_qualname, [room, code.co_qualname, None])
            if event == "return" and step[2] is None:
                step[2] = type(value).__name__

    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
    if tuple(found) != tuple(names):
        raise ValueError(f"The walk was {', '.join(found)}; expected {', '.join(names)}.")
    return [tuple(step) for step in found.values()]


def walks():
    """Fit and draw a small table; return the steps of both, by the call that was made."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=60), "kind": rng.choice(["a", "b"], 60)})
    model = skgen.VariationalDiffusionAE(max_steps=10, random_state=0, verbose=0)
    pipe = skgen.make_generative_pipeline(skgen.TableEncoder(), model)
    calls = [lambda: pipe.fit(frame), lambda: pipe.sample(5)]
    return {said: trace(call, WALKS[said]) for said, call in zip(WALKS, calls, strict=True)}


def rooms(steps):
    """Put steps that follow one another in a room together: (room, its steps)."""
    boxes = []
    for room, name, returned in steps:
        if not boxes or boxes[-1][0] != room:
            boxes.append((room, []))
        boxes[-1][1].append((name, returned))
    return boxes


def draw(said, steps):
    """Return a walk as SVG in the colours of the page around it: a box a room, from top to end."""
    parts, y = [], 26

    def text(x, y, words, look=""):
        parts.append(f'<text x="{x}" y="{y}" {look}>{html.escape(words)}</text>')

    text(0, 16, said, 'font-family="monospace" font-size="15" font-weight="bold"')
    for number, (room, inside) in enumerate(rooms(steps)):
        if number:
            down = f"M{WIDTH / 2} {y - GAP + 2}v{GAP - 6}m-5 -5l5 5l5 -5"
            parts.append(f'<path d="{down}" fill="none" stroke="currentColor" stroke-width="1.5"/>')
        height = LINE * (1 + 2 * len(inside)) + 2 * PAD
        parts.append(
            f'<rect x="1" y="{y}" width="{WIDTH - 2}" height="{height}" rx="6" fill="currentColor" '
            'fill-opacity="0.06" stroke="currentColor" stroke-opacity="0.5"/>'
        )
        text(12, y + PAD + 13, room, 'font-size="15" font-weight="bold"')
        for line, (name, returned) in enumerate(inside):
            below = y + PAD + LINE * (2 * line + 1) + 13
            text(12, below, name, 'font-family="monospace" font-size="12.5"')
            text(28, below + LINE - 2, f"→ {returned}", 'font-size="13" opacity="0.75"')
        y += height + GAP
    return (
        f'<svg viewBox="0 0 {WIDTH} {y - GAP + 2}" width="{WIDTH}" style="{STYLE}" role="img" '
        f'aria-label="The rooms that {html.escape(said)} enters" fill="currentColor" '
        f'font-family="sans-serif" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def write_walks(target):
    """Write both pictures, side by side where there is room, as a part of a page."""
    pictures = "\n".join(draw(said, steps) for said, steps in walks().items())
    target.parent.mkdir(parents=True, exist_ok=True)
    page = f'<div style="display: flex; flex-wrap: wrap; gap: 24px">\n{pictures}\n</div>\n'
    target.write_text(page, encoding="utf-8")
