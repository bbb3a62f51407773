"""What new rows give away about the rows of ``fit``: attacks on every model at its defaults.

Each model learns 5,000 rows of a table (3,189 of the power plant) and draws as many; as many others
are held out. Two attackers see the drawn rows and tell the rows of ``fit`` from the others
(``membership_attack``: area under the ROC curve, .5 is a guess); a third guesses a column of a row
from the rest of it (``attribute_disclosure``: how much more often it is right for rows of ``fit``,
0 is best), and a fourth makes statements that are true of one row (``singling_out_attack``: how
much more often of a row of ``fit``, 0 is best). "rows of fit" are those rows themselves, "held-out
rows" further rows: what a model that copies, and a perfect one, would read.

Data: people of the US census and hours of a power plant, of the folder that SKGEN_DATA names.

    SKGEN_DATA=folder python examples/benchmarks/privacy.py
"""

import warnings

import pandas as pd
from _common import Report, arguments, data_folder

import skgen
from skgen import TableEncoder, make_generative_pipeline
from skgen.datasets import fetch_adult, fetch_power_plant
from skgen.metrics import attribute_disclosure, membership_attack, singling_out_attack

MODELS = (
    "VQDiffusionBridge",
    "VariationalDiffusionAE",
    "FlowMatcher",
    "SchrodingerBridgeMatcher",
    "BinaryLatentDiffusion",
)
# The column that is guessed.
GUESSED = {"people": "marital_status", "power plant": "PE"}


def tables():
    """Return the tables as frames."""
    people = fetch_adult(subset="train").data
    plant = fetch_power_plant()
    return {"people": people, "power plant": pd.DataFrame(plant.data, columns=plant.feature_names)}


def judge(report, name, model, seed, train, test, drawn):
    """Add what the attackers find."""
    attack = membership_attack(train, test, drawn, random_state=seed)
    column = GUESSED[name]
    disclosure = attribute_disclosure(train, test, drawn, column)
    report.add(name, model, seed, "membership, distance", attack["distance"], "<= .53")
    report.add(name, model, seed, "membership, density ratio", attack["density_ratio"], "<= .53")
    report.add(name, model, seed, "nearer to rows of fit", attack["nearer_to_train"], ".5")
    report.add(name, model, seed, f"gain in guessing {column}", disclosure["gain"], "0")
    singled = singling_out_attack(train, test, drawn, random_state=seed)
    report.add(name, model, seed, "gain in singling out", singled["gain"], "0")


def main():
    """Attack every model."""
    parser = arguments(__doc__, seeds=range(3))
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--table", nargs="+", default=list(GUESSED), choices=list(GUESSED))
    parser.add_argument("--rows", type=int, default=5000, help="rows to learn, and to hold out")
    options = parser.parse_args()
    if data_folder("the tables") is None:
        return
    report = Report(__file__, options)
    warnings.simplefilter("ignore")
    for name in options.table:
        table = tables()[name]
        for seed in options.seed:
            rows = table.sample(frac=1, random_state=seed).reset_index(drop=True)
            n = min(options.rows, len(rows) // 3)
            train, test, fresh = (
                pd.DataFrame(rows[i * n : (i + 1) * n]).reset_index(drop=True) for i in range(3)
            )
            judge(report, name, "rows of fit", seed, train, test, train)
            judge(report, name, "held-out rows", seed, train, test, fresh)
            for model in options.model:
                one = getattr(skgen, model)(max_steps=options.max_steps, random_state=seed)
                drawn = make_generative_pipeline(TableEncoder(), one).fit(train).sample(n)
                judge(report, name, model, seed, train, test, drawn)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
