"""
Choosing a model
================

A map from what is at hand and what is wanted to the model that does it. On :doc:`its own page
</choosing>` the fields lead to the user guide, and the measured figures behind the advice stand
below.
"""

import re
import sys
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt

# %%
# Questions with their places on the map, models with their places and their pages, and the ways
# between them with the answer that leads along each.

questions = {
    "start": (2.2, 9.2, "Is one data set to become\nlike another?"),
    "bits": (2.2, 7.4, "Are all columns 0 or 1?"),
    "aim": (2.2, 5.0, "What is wanted?"),
    "rows": (6.6, 7.4, "What is a row?"),
    "code": (6.6, 1.4, "In which form?"),
    "many": (10.2, 6.4, "Are there more than\n3,000 rows?"),
}
vdae, bridge, binary, codebook, tables = (
    f"user_guide/{page}.html"
    for page in (
        "variational_diffusion_ae",
        "schrodinger_bridge",
        "binary_latent_diffusion",
        "vq_diffusion_bridge",
        "tables",
    )
)
models = {
    "translate": (6.6, 9.2, "SchrodingerBridgeMatcher", bridge),
    "law": (10.2, 9.2, "BinaryLatentDiffusion\nautoencoder=None", binary),
    "mixed": (14.2, 9.2, "TableEncoder and\nVQDiffusionBridge", tables),
    "pictures": (14.2, 7.8, "VQDiffusionBridge\ninput_shape=...", codebook),
    "near": (14.2, 6.4, "VQDiffusionBridge", codebook),
    "few": (14.2, 5.0, "FlowMatcher", bridge),
    "gaps": (8.6, 4.3, "VQDiffusionBridge\nor FlowMatcher", codebook),
    "density": (8.6, 3.0, 'VariationalDiffusionAE\nobjective="likelihood"', vdae),
    "numbers": (14.2, 2.6, "VariationalDiffusionAE", vdae),
    "bytes": (14.2, 1.4, "BinaryLatentDiffusion", binary),
    "tokens": (14.2, 0.2, "VQDiffusionBridge", codebook),
}
ways = [
    ("start", "translate", "yes"),
    ("start", "bits", "no"),
    ("bits", "law", "yes"),
    ("bits", "aim", "no"),
    ("aim", "rows", "new rows"),
    ("aim", "gaps", "what is missing"),
    ("aim", "density", "how likely a row is"),
    ("aim", "code", "features"),
    ("rows", "mixed", "a table of mixed columns"),
    ("rows", "pictures", "an image or a sequence"),
    ("rows", "many", "numbers"),
    ("many", "near", "yes"),
    ("many", "few", "no"),
    ("code", "numbers", "numbers"),
    ("code", "bytes", "bits, eight to a byte"),
    ("code", "tokens", "tokens of a codebook"),
]

# %%
# The map. In the file that the page shows, a model's field is a link.

plt.rcParams["svg.fonttype"] = "none"
plt.rcParams["svg.hashsalt"] = "choosing"
figure, axis = plt.subplots(figsize=(13, 7.6))
axis.set(xlim=(0, 16.2), ylim=(-0.5, 10))
axis.axis("off")
places = {name: place[:2] for name, place in {**questions, **models}.items()}
for begin, end, answer in ways:
    (x, y), (x_end, y_end) = places[begin], places[end]
    axis.plot([x, x_end], [y, y_end], color="0.5", linewidth=1, zorder=1)
    axis.text(
        x + 0.52 * (x_end - x),
        y + 0.52 * (y_end - y),
        answer,
        ha="center",
        va="center",
        fontsize=9,
        style="italic",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        zorder=2,
    )
for x, y, text in questions.values():
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#dbe7f5", "edgecolor": "#4a78ad"}
    axis.text(x, y, text, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
for x, y, text, page in models.values():
    box = {"boxstyle": "square,pad=0.5", "facecolor": "#dff0d8", "edgecolor": "#4d8a3d"}
    field = axis.text(x, y, text, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
    field.set_url(page)
    field.get_bbox_patch().set_url(page)
figure.tight_layout()

if "__file__" in globals():
    # Run as a script, not by the gallery: write the map, as the page shows it, to the path given
    # or to a new folder for temporary files. The page's own is docs/images/choosing.svg.
    path = Path(sys.argv[1]) if sys.argv[1:] else Path(mkdtemp(prefix="skgen-")) / "choosing.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    # The page takes it up as it stands, without the prologue of a file.
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :].replace(' target="_blank"', "")
    text = re.sub(r'width="\S+" height="\S+"', 'width="100%"', text, count=1)
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path}")
plt.show()
