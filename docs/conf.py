"""Sphinx settings: numpydoc pages made from ``__all__``, and a gallery that runs the examples.

Nothing here needs a network, so there are no links into other projects' documentation.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# Small networks do not gain by more threads: two examples run at a time instead. Set before torch
# is imported, and passed on to the processes that run them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import skgen

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from _figures import write_figures  # noqa: E402
from _plots import write_plots  # noqa: E402
from _walk import write_walks  # noqa: E402

project = "scikit-gen"
author = "the scikit-gen developers"
copyright = f"2026, {author}"
version = release = skgen.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_nb",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
# Only the gallery's text is read; its notebooks and scripts are for download.
exclude_patterns = ["_build", "_templates", "gallery/*.ipynb"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}

# The notebook is run anew for each build, which fails where a cell does; without progress bars.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_output_stderr = "remove"

autodoc_typehints = "none"
autosummary_ignore_module_all = False
autosummary_imported_members = True
numpydoc_show_class_members = False

# MathJax comes with the pages, in one file, so that equations show without a network too. Of the
# package only that file is wanted: as an extension it would copy all of MathJax, 24 MB.
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
mathjax_path = "tex-svg.js"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"[/\\]plot_",
    "ignore_pattern": r"[/\\]benchmarks[/\\]|__init__\.py|own_estimator\.py",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("skgen",),
    "reference_url": {"skgen": None},
    "backreferences_dir": None,
    "download_all_examples": False,
    "remove_config_comments": True,
    "min_reported_time": 1,
    "parallel": 2,
    # Their page sorts its table by scripts of other hosts.
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"scikit-gen {version}"
html_show_sourcelink = False
html_static_path = ["_static", str(MATHJAX / mathjax_path)]
html_css_files = ["custom.css"]
# The bar at the top keeps to one line from 1,024 px on: a button for the search, and five pages.
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "first_steps": [], "choosing": [], "results": []}


def leave_out_foreign_members(app, what, name, obj, skip, options):
    """Skip inherited members that are not written here: their pages are scikit-learn's."""
    module = getattr(getattr(obj, "fget", obj), "__module__", None) or "skgen"
    return True if module.split(".")[0] != "skgen" else None


def write_measured(app):
    """Write the page of all figures, the pictures of the page of results, and the walk."""
    write_figures(HERE / "benchmarks", HERE / "generated")
    write_plots(HERE / "benchmarks", HERE / "generated" / "plots")
    write_walks(HERE / "generated" / "walk.html")


def copy_notebook(app):
    """Put the notebook of the examples where Sphinx reads it, its links to pages as from there."""
    text = (HERE.parent / "examples" / "first_steps.ipynb").read_text(encoding="utf-8")
    (HERE / "first_steps.ipynb").write_text(text.replace("](../docs/", "]("), encoding="utf-8")


def setup(app):
    """Connect what autodoc asks before it shows a member, and what is written before a build."""
    app.connect("autodoc-skip-member", leave_out_foreign_members)
    app.connect("builder-inited", copy_notebook)
    app.connect("builder-inited", write_measured)
