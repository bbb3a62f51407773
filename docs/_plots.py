"""The four pictures of the page of results, drawn before each build from docs/benchmarks.

By hand: ``python docs/_plots.py FOLDER``.
"""

import sys
from math import log10
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

# Our models in colours that are distinct for the colour-blind too, others in grey.
OURS = {
    "VariationalDiffusionAE": ("#0072b2", "o"),
    "SchrodingerBridgeMatcher": ("#d55e00", "s"),
    "FlowMatcher": ("#cc8800", "^"),
    "BinaryLatentDiffusion": ("#009e73", "D"),
    "VQDiffusionBridge": ("#9a3fb0", "v"),
}
RIVALS = {
    "GaussianMixture": "GM",
    "KernelDensity": "KD",
    "NSF": "NS",
    "OT-CFM": "OT",
    "RealNVP": "RN",
    "CTGAN": "CT",
    "TVAE": "TV",
    "ForestDiffusion": "FD",
    "ForestDiffusion K=10": "F10",
    "TabularARGN": "AR",
}
GREY = "0.35"
# Set for a telephone: pictures are narrow, so that their type stays readable there.
STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "results",
}


def read(source, name):
    """Return one table without the rows that summarize others."""
    figures = pd.read_csv(Path(source) / f"{name}.csv", dtype={"split": str})
    return figures[~figures["split"].isin(["mean", "std", "median"])]


def quality(source):
    """Draw how well new rows pass for real ones, against the time of the fit; every library."""
    figures = pd.read_csv(Path(source) / "rivals.csv")
    tables = figures["table"].unique()
    figure, axes = plt.subplots(3, 2, figsize=(5.4, 7.6), sharex=True, sharey=True)
    for axis, table in zip(axes.flat, tables, strict=True):
        rows = figures[figures["table"] == table].set_index("model")
        axis.axhline(rows.loc["real training rows", "area"], color="0.5", linestyle=":")
        ours = rows[rows.index.isin(OURS)]
        labels = [(log10(x), y) for x, y in zip(ours["fit, CPU s"], ours["area"], strict=True)]
        for name, row in rows.sort_values("area").iterrows():
            # A fit of less than half a second stands at half a second.
            x, y = max(row["fit, CPU s"], 0.5), row["area"]
            if name in OURS:
                color, marker = OURS[name]
                axis.plot(x, y, marker, color=color, label=name, zorder=3)
            elif name in RIVALS and pd.notna(y):
                axis.plot(x, y, ".", color=GREY)
                # The label stands below its point or above it, farther where others are in the way.
                for offset in (-0.04, 0.04, -0.08, 0.08, -0.12, 0.12, -0.16):
                    place = log10(x), y + offset
                    if all(
                        abs(place[0] - a) > 0.38 or abs(place[1] - b) > 0.039 for a, b in labels
                    ):
                        break
                labels.append(place)
                style = {"ha": "center", "va": "center", "fontsize": 7, "color": GREY}
                axis.text(x, place[1], RIVALS[name], **style)
        axis.set(title=table, xscale="log", xlim=(0.35, 4000), ylim=(0.46, 1.15))
        axis.set_yticks([0.5, 0.6, 0.7, 0.8, 0.9, 1])
        axis.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    figure.supxlabel("seconds of the fit, processor (less is better)", fontsize=9)
    figure.supylabel("AUC of new rows against real ones (less is better)", fontsize=9)
    handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
    place = {"loc": "outside upper center", "ncols": 2, "frameon": False}
    figure.legend([handles[name] for name in OURS], OURS, **place)
    return figure


def features(source):
    """Draw the accuracy of classifiers on latent variables, less that on principal components."""
    figures = read(source, "features")
    figures = figures[figures["model"] == "latent less PCA"].replace(
        {"cancer": "breast cancer", "mnist 3,000": "MNIST"}
    )
    by = figures.groupby(["data", "measure"], sort=False)["value"]
    points = 100 * by.agg(["mean", "std"])
    order = points["mean"].groupby("data").max().sort_values().index
    figure, axis = plt.subplots(figsize=(5.4, 3.6))
    axis.axvline(0, color="0.3", linewidth=1)
    for shift, measure, color, marker in (
        (0.13, "linear probe", "#0072b2", "o"),
        (-0.13, "nearest-neighbour probe", "#d55e00", "s"),
    ):
        part = points.xs(measure, level="measure").loc[order]
        places = [place + shift for place in range(len(order))]
        style = {"fmt": marker, "color": color, "capsize": 2, "label": measure}
        axis.errorbar(part["mean"], places, xerr=part["std"], **style)
    axis.set_yticks(range(len(order)), order)
    axis.set_xlabel("points of accuracy above PCA (more is better)")
    axis.legend(loc="lower right")
    return figure


def bridges(source):
    """Draw how far bridges between clouds of the plane end from the target."""
    figures = read(source, "bridges_2d")
    figures = figures[figures["measure"] == "W2"]
    names = {
        "SchrodingerBridgeMatcher(scaling='common')": ("SchrodingerBridgeMatcher", "#d55e00", "s"),
        "SchrodingerBridgeMatcher(n_iterations=1, scaling='common', sigma=0.0)": (
            "the same without noise",
            "#e69f00",
            "D",
        ),
        "torchcfm OT-CFM": ("torchcfm, OT-CFM", "0.25", "o"),
        "torchcfm SB-CFM": ("torchcfm, SB-CFM", "0.45", "^"),
        "torchcfm CFM": ("torchcfm, CFM", "0.65", "v"),
        "two real samples": ("two real samples", "black", "|"),
    }
    pairs = {
        "moons": "normal to\ntwo moons",
        "s-curve": "normal to\nS-curve",
        "8 gaussians": "normal to\neight Gaussians",
        "moons to 8": "moons to\neight Gaussians",
    }
    means = figures.groupby(["model", "data"])["value"].agg(["mean", "std"])
    figure, axis = plt.subplots(figsize=(5.4, 4.2))
    for line, (model, (label, color, marker)) in enumerate(names.items()):
        part = means.loc[model].loc[list(pairs)]
        places = [3 - place + 0.3 - 0.12 * line for place in range(len(pairs))]
        style = {"fmt": marker, "color": color, "capsize": 2, "label": label}
        axis.errorbar(part["mean"], places, xerr=part["std"], **style)
    axis.set_yticks([3, 2, 1, 0], pairs.values())
    axis.set_xlabel("2-Wasserstein distance to the target (less is better)")
    axis.set_xlim(left=0)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def imputation(source):
    """Draw how far completed rows are from real ones, by the share of missing entries."""
    figures = read(source, "imputer")
    figures = figures[figures["split"].isin(["0", "1", "2"])]
    names = {
        "GenerativeImputer(model=FlowMatcher())": (
            "GenerativeImputer(FlowMatcher())",
            "#cc8800",
            "^-",
        ),
        "IterativeImputer(max_iter=20, sample_posterior=True, tol=0.01)": (
            "IterativeImputer, draws",
            "0.2",
            "o-",
        ),
        "IterativeImputer(max_iter=20, tol=0.01)": ("IterativeImputer", "0.45", "s--"),
        "KNNImputer()": ("KNNImputer", "0.6", "v:"),
    }
    shares = [10, 30, 50]
    tables = figures["data"].unique()
    figure, axes = plt.subplots(1, 3, figsize=(5.4, 3.4), sharey=True)
    means = figures.groupby(["data", "model", "measure"])["value"].mean()
    for axis, table in zip(axes, tables, strict=True):
        for model, (label, color, marker) in names.items():
            values = [means[table, model, f"{share}% missing: energy distance"] for share in shares]
            axis.plot(shares, values, marker, color=color, label=label, markersize=5)
        floor = means[table, "nothing missing", "energy distance"]
        axis.axhline(floor, color="0.5", linestyle=":", label="nothing missing")
        axis.set(title=table, xticks=shares, xlim=(4, 56))
    axes[0].set_ylabel("energy distance to real rows\n(less is better)")
    axes[1].set_xlabel("entries missing, %")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def write_plots(source, target):
    """Draw all pictures from the tables of one folder into another."""
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for draw in (quality, features, bridges, imputation):
            figure = draw(source)
            figure.savefig(target / f"{draw.__name__}.svg", metadata={"Date": None})
            plt.close(figure)


if __name__ == "__main__":
    write_plots(Path(__file__).resolve().parent / "benchmarks", sys.argv[1])
