"""One HTML page that judges drawn rows: words, figures and pictures, all within the file.

No script, no link to the outside: pictures are data within the page, and a content policy forbids
browsers to load anything else. Whatever comes from the table is escaped.
"""

import base64
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from skgen.metrics import sample_report
from skgen.metrics._columns import column_distances, rank_correlations
from skgen.plotting import SampleComparisonDisplay, TrainingCurveDisplay
from skgen.table_files import is_date, is_number

MAX_MARGINALS, MARGINALS_A_ROW = 24, 4
MAX_BARS = 10
MAX_CORRELATED, MAX_NAMED = 40, 20
MAX_PAIRS = 5
SHOWN_ROWS = 8

MEANINGS = {
    "marginal_error": "the columns one by one",
    "correlation_error": "the columns in pairs: rank correlations",
    "energy_distance": "the rows as a whole",
    "classifier_two_sample_test": "how well a classifier distinguishes generated from real rows",
    "precision": "generated rows that lie among real ones",
    "recall": "real rows that generated ones reach",
    "density": "how many real rows surround each generated one; 1 if as many as a real one",
    "coverage": "real rows with a generated one near by",
    "near_copies": "generated rows nearer to a training row than 99% of the held-out rows are",
}

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2430; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #dde2e8; text-align: left;
         vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.wrong td { background: #fdf0e3; }
@media (max-width: 30rem) { table { font-size: .8rem; } th, td { padding: .3rem .25rem; } }
.wide { overflow-x: auto; }
img { max-width: 100%; height: auto; }
p { max-width: 46rem; }"""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

VERDICT = """\
<h2>Verdict</h2>
<p><strong>{found} difference between generated rows and real ones.</strong> A measure shows one
only if its value is outside of the range between real rows, such that the report of a perfect model
names a difference in about 1 of 100 cases. Differences too small for so many rows are not
found.</p>"""

PREDICTED = """\
<h2>Learning from generated rows</h2>
<p>Trees trained on {n_rows} generated rows predict {column} right in {fake:.0%} of held-out real
rows; those trained on {n_rows} real ones, in {real:.0%}. Its most frequent value is right in
{usual:.0%}.</p>"""

DISCLOSED = """\
<h2>What generated rows disclose</h2>
<p>Of {n_predicates} statements made from generated rows, such as "at least this old, in that
town", {train:.1%} are true of exactly one training row and {test:.1%} of exactly one of as many
held-out rows: {low:+.1%} to {high:+.1%} more, with 95% confidence. {singled}</p>
<p>By how near generated rows are to them, training rows are distinguished from held-out ones in
{auc:.0%} of pairs, between {auc_low:.0%} and {auc_high:.0%} with 95% confidence; 50% is a guess.
{found}</p>"""

HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<h1>{title}</h1>
"""


def _figure(value: float, digits: int = 3) -> str:
    """Return a number in so many digits, without an exponent where it has more before its point."""
    if np.isnan(value):
        return ""
    is_large = 10**digits <= abs(value) < 1e15
    return f"{value:.0f}" if is_large else f"{value:.{digits}g}"


def _cell(value: Any) -> str:
    """Return a cell of a table, numbers aligned."""
    if isinstance(value, float | np.floating):
        return f'<td class="number">{_figure(float(value))}</td>'
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f'<td class="number">{value}</td>'
    if isinstance(value, _Number):
        return f'<td class="number">{value}</td>'
    return f"<td>{escape('' if pd.isna(value) else str(value))}</td>"


def _html_table(
    head: Sequence[str], rows: Sequence[Sequence[Any]], wrong: Sequence[bool] | None = None
) -> str:
    """Return a table of HTML, the wrong rows marked."""
    marks = [False] * len(rows) if wrong is None else wrong
    names = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    body = [
        f"<tr class={'wrong' if mark else 'right'}>{''.join(map(_cell, row))}</tr>"
        for row, mark in zip(rows, marks, strict=True)
    ]
    return f'<div class="wide"><table><tr>{names}</tr>\n' + "\n".join(body) + "\n</table></div>"


def _picture(figure: Any, text: str) -> str:
    """Return a figure as an image within the page, and close it."""
    import matplotlib.pyplot as plt

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    plt.close(figure)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'


def _marginals(real: pd.DataFrame, drawn: pd.DataFrame) -> Any:
    """Draw each column of real and of generated rows."""
    import matplotlib.pyplot as plt

    names = list(real.columns[:MAX_MARGINALS])
    n_columns = min(MARGINALS_A_ROW, len(names))
    n_rows = -(-len(names) // n_columns)
    size = (2.9 * n_columns, 2.3 * n_rows + 0.4)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=size, squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, names, strict=False):
        both = [table[name].dropna() for table in (real, drawn)]
        ax.set_title(_short(name), fontsize=10)
        ax.tick_params(labelsize=8)
        if is_number(real[name]) or is_date(real[name]):
            _histogram(ax, both, is_date(real[name]))
        else:
            _bars(ax, both)
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in ("C0", "C1")]
    figure.legend(handles, ["real", "generated"], loc="outside upper right", ncols=2, frameon=False)
    return figure


def _histogram(ax: Any, both: list[pd.Series], dates: bool) -> None:
    """Draw the shares of real and of generated entries in the same bins."""
    if dates:
        from matplotlib.dates import ConciseDateFormatter, date2num

        both = [pd.Series(date2num(part), dtype=float) for part in both]
    values = [part.to_numpy(dtype=float) for part in both]
    edges = np.histogram_bin_edges(np.concatenate(values), bins=24)
    for part, color, filled in zip(values, ("C0", "C1"), (True, False), strict=True):
        heights = np.histogram(part, edges)[0] / max(1, len(part))
        ax.stairs(heights, edges, color=color, fill=filled, alpha=0.45 if filled else 1, lw=1.6)
    ax.set_yticks([])
    if dates:
        ax.xaxis_date()
        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))


def _bars(ax: Any, both: list[pd.Series]) -> None:
    """Draw the shares of the most frequent categories."""
    shares = [part.astype("str").value_counts(normalize=True) for part in both]
    shown = shares[0].index[:MAX_BARS]
    places = np.arange(len(shown))
    for part, color, shift in zip(shares, ("C0", "C1"), (-0.2, 0.2), strict=True):
        ax.barh(places + shift, part.reindex(shown, fill_value=0), 0.4, color=color)
    ax.set_yticks(places, [_short(value, 14) for value in shown])
    ax.invert_yaxis()


def _short(text: Any, length: int = 26) -> str:
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def _correlations(real: pd.DataFrame, drawn: pd.DataFrame) -> Any:
    """Draw the rank correlations of real rows, of generated ones, and their difference."""
    import matplotlib.pyplot as plt

    n = min(MAX_CORRELATED, real.shape[1])
    matrices = []
    for table in (real, drawn):
        matrix = np.zeros((n, n))
        matrix[np.triu_indices(n, k=1)] = rank_correlations(table.to_numpy()[:, :n])
        matrices.append(matrix + matrix.T + np.eye(n))
    matrices.append(matrices[1] - matrices[0])
    side = 3.2 + 0.08 * n
    figure, axes = plt.subplots(1, 3, figsize=(3 * side, side), sharey=True, layout="constrained")
    for ax, matrix, title in zip(
        axes, matrices, ("real", "generated", "generated less real"), strict=True
    ):
        image = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
        ax.set_title(title)
        names = [_short(name, 18) for name in real.columns[:n]] if n <= MAX_NAMED else []
        ax.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        ax.set_yticks(range(len(names)), names, fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def _pairs(real: pd.DataFrame, drawn: pd.DataFrame) -> Any:
    """Draw the columns of numbers against each other; None where there are fewer than two."""
    names = [name for name in real if is_number(real[name]) and real[name].nunique() > 1]
    names = names[:MAX_PAIRS]
    if len(names) < 2:
        return None
    whole = [table[names].dropna().astype(float) for table in (real, drawn)]
    if min(map(len, whole)) < 2:
        return None
    return SampleComparisonDisplay.from_samples(*whole, random_state=0).figure_


def _in_figures(column: pd.Series) -> list[Any]:
    """Return centre, spread and gaps of a column."""
    present = column.dropna()
    gaps = f"{column.isna().mean():.1%}"
    if present.empty:
        return ["", "", gaps]
    if is_number(column):
        return [_figure(present.mean(), 4), _figure(present.std(), 4), gaps]
    if is_date(column):
        return [str(present.mean().date()), f"{present.std().days} days", gaps]
    shares = present.value_counts(normalize=True)
    return [f"{_short(shares.index[0])} ({shares.iloc[0]:.1%})", f"{len(shares)} values", gaps]


def _columns_table(real: pd.DataFrame, drawn: pd.DataFrame) -> str:
    rows = []
    for name in real:
        pairs = zip(_in_figures(real[name]), _in_figures(drawn[name]), strict=True)
        rows.append([name, *(part for pair in pairs for part in pair)])
    kinds = ["mean or most frequent", "deviation or values", "gaps"]
    head = ["column", *(text for kind in kinds for text in (kind, "generated"))]
    return _html_table(head, rows)


def _pictures(
    real: pd.DataFrame,
    drawn: pd.DataFrame,
    numbers: Sequence[pd.DataFrame],
    history: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    """Yield the sections with pictures."""
    more = real.shape[1] - MAX_MARGINALS
    cut = f" The first {MAX_MARGINALS} are shown." if more > 0 else ""
    yield "<h2>Column by column</h2>"
    yield f"<p>Shares of all rows of the table, and of generated ones.{cut}</p>"
    yield _picture(_marginals(real, drawn), "Each column of real rows and of generated ones.")
    # As in the other pictures, all real rows: the held-out ones may be few.
    encoded, fake = pd.concat(numbers[:2]), numbers[2]
    if encoded.shape[1] > 1:
        cut = f" The first {MAX_CORRELATED} are shown." if encoded.shape[1] > MAX_CORRELATED else ""
        yield (
            "<h2>Correlations</h2>\n<p>Rank correlations of the columns; categories are "
            f"encoded as columns of 0 and 1, or digits.{cut}</p>"
        )
        yield _picture(_correlations(encoded, fake), "Rank correlations, and their difference.")
    figure = _pairs(real, drawn)
    if figure is not None:
        yield "<h2>Pairs of columns</h2>\n<p>Columns of numbers against each other.</p>"
        yield _picture(figure, "Real rows beside generated ones, two columns at a time.")
    if any("train_loss" in row for row in history):
        yield (
            "<h2>Training</h2>\n<p>The loss by gradient step, a panel a stage. The weights of the "
            "lowest validation loss were kept; where it still falls at the end, more max_steps may "
            "help.</p>"
        )
        curve = TrainingCurveDisplay(history=list(history)).plot()
        yield _picture(curve.figure_, "Training and validation loss by gradient step.")


def page(
    *,
    title: str,
    facts: Mapping[str, str],
    real: pd.DataFrame,
    drawn: pd.DataFrame,
    numbers: Sequence[pd.DataFrame],
    history: Sequence[Mapping[str, Any]],
    copies_known: bool,
    max_rows: int,
    verbose: bool | str = False,
    show_rows: bool = False,
    judged: Sequence[str] = (),
) -> str:
    """Return the page.

    Parameters
    ----------
    title : str
        Its title.
    facts : dict of str to str
        The facts at the top, by name.
    real, drawn : DataFrame
        All rows of the table, and rows that the model drew.
    numbers : list of three DataFrames
        Training, held-out and drawn rows as numbers without gaps.
    history : list of dict
        The estimator's ``history_``.
    copies_known : bool
        Whether the first of `numbers` are the training rows, so that copies can be counted.
    max_rows : int
        Most rows to compare.
    verbose : bool or "auto"
        Whether to show a progress bar.
    show_rows : bool, default=False
        Whether to show some rows of the table; without it no row of the table is in the page.
    judged : list of str
        What `judgement` returns.

    Returns
    -------
    page : str
        HTML.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "the report draws with matplotlib, which is not installed: pip install "
            "'scikit-gen[plot]'."
        ) from error

    report = sample_report(*numbers, max_rows=max_rows, random_state=0, verbose=verbose)
    report = report.drop(index=[] if copies_known else "near_copies")
    right = report["verdict"].str.startswith("no different")
    n_wrong = int((~right).sum())
    found = f"{n_wrong} of {len(report)} measures find a" if n_wrong else "No measure finds a"
    rows = [
        [MEANINGS[name], float(row["value"]), float(row["floor"]), row["verdict"]]
        for name, row in report.iterrows()
    ]
    examples = {"Generated rows": drawn, **({"Rows of the table": real} if show_rows else {})}
    shown = [
        f"<h2>{heading}</h2>\n{_html_table(list(table.columns), _first_rows(table))}"
        for heading, table in examples.items()
    ]
    distances = column_distances(numbers[1].to_numpy(), numbers[2].to_numpy())
    furthest = pd.Series(distances, numbers[1].columns).sort_values(ascending=False)[:5]
    with warnings.catch_warnings(), matplotlib.rc_context({"text.parse_math": False}):
        # Names may be in letters that matplotlib's font lacks; the tables show them.
        warnings.filterwarnings("ignore", message="Glyph")
        pictures = list(_pictures(real, drawn, numbers, history))
    parts = [
        HEAD.format(policy=POLICY, title=escape(title), style=STYLE),
        _html_table(["", ""], list(facts.items())),
        VERDICT.format(found=found),
        _html_table(["measure", "generated", "between real rows", "verdict"], rows, list(~right)),
        f"<p>Furthest off, column by column: {_listed(furthest)}.</p>",
        *judged,
        *pictures,
        "<h2>The columns in figures</h2>",
        _columns_table(real, drawn),
        *shown,
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def judgement(
    area: float,
    names: Sequence[str],
    rules: Sequence[tuple[str, float, float]],
    predicted: Mapping[str, Any] | None = None,
    attacks: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
) -> list[str]:
    """Return, for the page, which columns give generated rows away, and how many keep the rules.

    Parameters
    ----------
    area : float
        Area of a classifier that reads the relations of columns.
    names : list of str
        The columns on which it relies.
    rules : list of (str, float, float)
        Rules in words, and the shares of held-out and of drawn rows that keep them.
    predicted : dict of str to object, default=None
        How well a ``column`` is predicted by a classifier trained on generated (``fake``) or
        ``real`` rows, ``n_rows`` of each, and by its most frequent value (``usual``).
    attacks : tuple of two dicts, default=None
        What `singling_out_attack` and `membership_attack` return, where training rows are known.

    Returns
    -------
    parts : list of str
        HTML.
    """
    parts = []
    if names:
        parts.append(
            f"<p>Trees that also read how far each column is from its prediction by the others "
            f"distinguish generated rows in {area:.0%} of pairs. They rely on "
            f"{', '.join(escape(name) for name in names)}.</p>"
        )
    if rules:
        rows = [[rule, f"{real:.2%}", f"{drawn:.2%}"] for rule, real, drawn in rules]
        head = (
            "<h2>Rules</h2>\n<p>Rules that all training rows keep, and how many other rows do.</p>"
        )
        parts += [head, _html_table(["rule", "held-out rows", "generated rows"], rows)]
    if predicted is not None:
        parts.append(PREDICTED.format_map({**predicted, "column": escape(predicted["column"])}))
    if attacks is not None:
        parts.append(_disclosed(*attacks))
    return parts


def _disclosed(singling_out: Mapping[str, Any], membership: Mapping[str, Any]) -> str:
    """Return what two attacks on the training rows have found."""
    low, high = singling_out["gain_interval"]
    auc_low, auc_high = membership["auc_interval"]
    return DISCLOSED.format(
        **{**singling_out, "low": low, "high": high},
        singled="So some training rows are singled out." if low > 0 else "Chance may explain it.",
        auc=membership["auc"],
        auc_low=auc_low,
        auc_high=auc_high,
        found="This is more than a guess." if auc_low > 0.5 else "A guess may be as good.",
    )


def _first_rows(table: pd.DataFrame) -> list[list[Any]]:
    """Return rows as the table would write them: days without an hour, numbers without exponent."""
    columns = [_as_written(table.iloc[:, j]) for j in range(table.shape[1])]
    return [list(row) for row in zip(*columns, strict=True)]


def _as_written(column: pd.Series) -> list[Any]:
    shown = column.head(SHOWN_ROWS).astype(object).where(column.head(SHOWN_ROWS).notna(), None)
    if is_date(column) and (column.dropna() == column.dropna().dt.normalize()).all():
        return [None if day is None else str(day.date()) for day in shown]
    if is_number(column):
        return [None if v is None else _Number(v) for v in shown]
    return [None if v is None else str(v).removesuffix(" 00:00:00") for v in shown]


class _Number(str):
    """A number in words, aligned like one."""

    def __new__(cls, value: Any) -> "_Number":
        if isinstance(value, float | np.floating):
            value = np.format_float_positional(value, 10, fractional=False, trim="-")
        return super().__new__(cls, value)


def _listed(distances: pd.Series) -> str:
    return ", ".join(f"{escape(str(name))} {value:.0%}" for name, value in distances.items())
