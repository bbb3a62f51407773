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
# Three ways to let the fives count as much as the others: weights, copies, and new rows. A support
# vector machine learns from each. What is read of the test part, three draws of the training rows:

ways = ["as they are", "weights", "copies", "new rows"]
recall, accuracy = np.empty((2, len(ways), 3))
for seed in range(3):
    X_train, y_train = imbalanced(seed)
    fives = np.flatnonzero(y_train == 5)
    copies = np.concatenate([np.arange(len(y_train)), np.repeat(fives, 9)])
    model = FlowMatcher(max_steps=500, random_state=seed)
    X_more, y_more = GenerativeOverSampler(model).fit_resample(X_train, y_train)
    classifiers = [
        SVC().fit(X_train, y_train),
        SVC(class_weight="balanced").fit(X_train, y_train),
        SVC().fit(X_train[copies], y_train[copies]),
        SVC().fit(X_more, y_more),
    ]
    for number, classifier in enumerate(classifiers):
        right = classifier.predict(X_test) == y_test
        recall[number, seed] = right[y_test == 5].mean()
        accuracy[number, seed] = np.mean([right[y_test == k].mean() for k in range(10)])

for number, way in enumerate(ways):
    print(
        f"{way:>12}: fives read {recall[number].mean():.1%} (± {recall[number].std():.1%}), "
        f"mean over digits {accuracy[number].mean():.1%} (± {accuracy[number].std():.1%})"
    )

# %%
# The ten fives that there were, as many of those that were drawn, and what is read.

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
axes[2].bar(place - 0.2, recall.mean(1), 0.4, yerr=recall.std(1), capsize=3, label="fives")
axes[2].bar(place + 0.2, accuracy.mean(1), 0.4, yerr=accuracy.std(1), capsize=3, label="all digits")
axes[2].set_xticks(place, ways)
axes[2].set(ylim=(min(0.8, recall.min() - 0.05), 1), ylabel="read right on the test part")
axes[2].legend(loc="upper left")
figure.tight_layout()
plt.show()
