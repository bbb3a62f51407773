"""
More rows for a small class
===========================

One handwritten digit in the training data is rare, and a classifier hardly knows it.
:class:`~skgen.GenerativeOverSampler` learns all digits under their labels, so that the rare one
profits from what handwriting has in common, and draws what it lacks.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skgen import FlowMatcher, GenerativeOverSampler
from skgen.datasets import load_pen_digits

# %%
# Eight positions of a pen make a digit. Of the fives there are 10, of each other digit 100.

X, y = load_pen_digits(return_X_y=True)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)


def imbalanced(seed):
    """Return rows and labels, few fives among them."""
    order = np.random.default_rng(seed).permutation(len(y_rest))
    kept = [order[y_rest[order] == k][: 10 if k == 5 else 100] for k in range(10)]
    return X_rest[np.concatenate(kept)], y_rest[np.concatenate(kept)]


# %%
# Rows as they are; ten copies of each five; or as many new ones. A random forest and a support
# vector machine learn from each, for three draws of the training rows, and read the test part.

ways = ["as they are", "copies", "new rows"]
classifiers = {"random forest": RandomForestClassifier(100, random_state=0), "SVM": SVC()}
recall = {name: np.empty((len(ways), 3)) for name in classifiers}
for seed in range(3):
    X_train, y_train = imbalanced(seed)
    fives = np.flatnonzero(y_train == 5)
    copies = np.concatenate([np.arange(len(y_train)), np.repeat(fives, 9)])
    model = FlowMatcher(max_steps=400, random_state=seed)
    X_more, y_more = GenerativeOverSampler(model).fit_resample(X_train, y_train)
    rows = [(X_train, y_train), (X_train[copies], y_train[copies]), (X_more, y_more)]
    for name, classifier in classifiers.items():
        for way, (X_part, y_part) in enumerate(rows):
            read = classifier.fit(X_part, y_part).predict(X_test[y_test == 5])
            recall[name][way, seed] = np.mean(read == 5)

for name, shares in recall.items():
    for way, share in zip(ways, shares, strict=True):
        print(f"{name:>13}, {way:>11}: fives read {share.mean():.1%} (± {share.std():.1%})")

# %%
# The ten fives that there were, as many of those that were drawn, and the share of fives read in
# the test part. Copies have weight but no variety: enough for the smooth border of the support
# vector machine, too little for the trees of the forest.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), width_ratios=[1, 1, 1.3])
colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, 7))
new = X_more[len(X_train) :]
for axis, rows, title in ((axes[0], X_train[fives], "all there were"), (axes[1], new, "drawn")):
    for place, row in enumerate(rows[:10]):
        path = row.reshape(8, 2) + [130 * (place % 4), -130 * (place // 4)]
        for color, part in zip(colors, pairwise(path), strict=True):
            axis.plot(*np.transpose(part), color=color, linewidth=2, solid_capstyle="round")
        axis.plot(*path[0], "o", color=colors[0], markersize=4)
    axis.set(aspect="equal", title=title)
    axis.axis("off")
place = np.arange(len(ways))
for shift, (name, shares) in zip((-0.2, 0.2), recall.items(), strict=True):
    axes[2].bar(place + shift, shares.mean(1), 0.4, yerr=shares.std(1), capsize=3, label=name)
axes[2].set_xticks(place, ways)
axes[2].set(ylim=(0, 1), ylabel="share of fives read")
axes[2].legend(loc="upper left")
figure.tight_layout()
plt.show()
