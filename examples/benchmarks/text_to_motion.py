"""Motion by BinaryLatentDiffusion from a sentence that says what is to be seen.

The data are the windows that ``_motion.py`` cuts out of ``cmu_mocap.npz``, from the folder that the
environment variable SKGEN_DATA names: 32 frames of 69 standardised channels, of 8 actions. Prompts
are the wordings of ``_wordings.py``, eight for each action. A training window has one of the first
six of its action at random, embedded, as its condition; the other two are unseen.

For each held-out window a new one from a prompt of its action, the prompts in turn, with and
without guidance, judged as ``_motion.py`` has it by a classifier of actions: Fréchet distance to
the held-out windows, diversity, multimodality, R-precision among the 8 actions, and how many are
read as asked; besides, multimodality within a prompt, and the share of near-copies of training
windows, 1% by chance. Beside them held-out windows, real training
windows of the wanted actions, and training windows of another action, each chosen at random. The
Fréchet distance does not see who asked for what; the other measures of agreement do.

Where the sentence encoder is not installed, ``--embeddings`` names a file that ``_wordings.py``
has written where it is.

    python examples/benchmarks/text_to_motion.py --embeddings embeddings.npz
"""

from pathlib import Path

import numpy as np
from _common import Report, arguments, data_folder, described, seconds_of_fit
from _motion import N_BITS, N_STEPS, Judge, MotionBits, load, settings
from _wordings import N_UNSEEN, embeddings

from skgen.metrics import multimodality, near_copies

DATA, N_TRAINING_STEPS = "text to motion", 1000


def in_turn(y, choices):
    """Return for each row a number of a choice, which its label's rows take in turn."""
    numbers = np.empty(len(y), int)
    for label in np.unique(y):
        own = np.flatnonzero(y == label)
        numbers[own] = choices[np.arange(len(own)) % len(choices)]
    return numbers


def told(embedded, y, numbers):
    """Return the embeddings of the wordings of given numbers of labels."""
    return np.array([embedded[label][number] for label, number in zip(y, numbers, strict=True)])


def run(report, options, split, parts, embedded, common):
    """Learn motion from prompts, draw it from seen and unseen ones, and judge it."""
    X_train, y_train, X_test, y_test = parts
    judge = Judge(*parts)

    def judged(name, X, values=None):
        for measure, value in (judge.measures(X) | (values or {})).items():
            report.add(DATA, name, split, measure, value)

    rng = np.random.default_rng(split)
    own = {action: np.flatnonzero(y_train == action) for action in embedded}
    wrong = [rng.choice([other for other in own if other != action]) for action in y_test]
    for name, shown in (("the action", y_test), ("another action", wrong)):
        judged(f"training windows of {name}", X_train[[rng.choice(own[a]) for a in shown]])
    judged("held-out windows themselves", X_test)
    n_wordings = len(next(iter(embedded.values())))
    seen, unseen = np.split(np.arange(n_wordings), [n_wordings - N_UNSEEN])
    model = MotionBits(N_BITS, code="frames", **common)
    name = described(model)
    prompts = told(embedded, y_train, rng.choice(seen, len(y_train)))
    report.add(
        DATA, name, split, "seconds of fit", seconds_of_fit(model, X_train, condition=prompts)
    )
    for kind, choices in (("seen", seen), ("unseen", unseen)):
        numbers = in_turn(y_test, choices)
        asked = told(embedded, y_test, numbers)
        prompt = np.char.add(y_test, numbers.astype(str))
        for scale in options.guidance:
            X_new = model.sample(len(asked), condition=asked, guidance_scale=scale, n_steps=N_STEPS)
            found = judge.features(X_new)
            names, counts = np.unique(prompt, return_counts=True)
            several = np.isin(prompt, names[counts > 1])
            within = multimodality(found[several], prompt[several], n_pairs=100, random_state=0)
            extra = {
                "multimodality within a prompt": within,
                "near-copies": near_copies(X_train, X_test, X_new, standardize=False),
            }
            judged(f"{kind} wordings, guidance {scale:g}", X_new, extra)


def main():
    parser = arguments(__doc__, seeds=[1])
    parser.add_argument(
        "--guidance", type=float, nargs="+", default=[0.0, 1.0, 2.0], help="strengths of guidance"
    )
    parser.add_argument(
        "--embeddings", type=Path, help="NPZ of the prompts' embeddings to read, or else to write"
    )
    options = parser.parse_args()
    folder = data_folder("text to motion")
    if folder is None:
        return
    embedded = embeddings(options.embeddings)
    report = Report(__file__, options)
    for split in options.seed:
        *parts, n_channels = load(folder / "cmu_mocap.npz", split)
        common = settings(n_channels, options.max_steps or N_TRAINING_STEPS)
        run(report, options, split, parts, embedded, common)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
