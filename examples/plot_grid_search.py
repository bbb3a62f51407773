"""
A grid search by score
======================

A model's score is its mean log-density of held-out rows, in nats, so ``GridSearchCV`` chooses among
settings, and among models, without a label. Where the distribution is known, so is the best score
that there can be.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold

from skgen import FlowMatcher
from skgen.datasets import GaussianRing

# %%
# Six hundred points of a ring of eight normal distributions.

distribution = GaussianRing()
X = distribution.sample(600, random_state=0)
X_test = distribution.sample(2000, random_state=1)
truth = distribution.log_density(X_test).mean()

# %%
# How long to train, and how wide a network? The mean over two folds, and how far they are apart.

grid = {"hidden_units": [16, 64], "max_steps": [50, 150, 450]}
folds = KFold(2, shuffle=True, random_state=0)
search = GridSearchCV(FlowMatcher(random_state=0), grid, cv=folds).fit(X)
print(f"best: {search.best_params_}, {search.best_score_:.2f} nats a row")

# %%
# Scikit-learn's mixtures score in the same unit, so a search over them can be compared: eight
# components can give the distribution exactly, and fewer are far from it.

mixtures = GridSearchCV(GaussianMixture(random_state=0), {"n_components": [1, 4, 8]}, cv=folds)
mixtures.fit(X)
for name, model in (("flow", search), ("mixture", mixtures)):
    print(f"{name:>8}: {model.score(X_test):.2f} nats on fresh rows; the true density {truth:.2f}")

# %%
# Scores of the search on the left; then the density of the worst and of the best setting, and the
# true one.

figure, axes = plt.subplots(1, 4, figsize=(13, 4), width_ratios=[1.4, 1, 1, 1])
results = search.cv_results_
for width in grid["hidden_units"]:
    rows = results["param_hidden_units"] == width
    steps = results["param_max_steps"][rows].astype(int)
    mean, apart = results["mean_test_score"][rows], results["std_test_score"][rows]
    axes[0].errorbar(steps, mean, apart, marker="o", capsize=3, label=f"{width} units")
for number, mean in zip([1, 4, 8], mixtures.cv_results_["mean_test_score"], strict=True):
    axes[0].axhline(mean, color="0.7", linestyle=":")
    axes[0].text(52, mean, f"mixture of {number}", fontsize=8, color="0.4", va="top")
axes[0].axhline(truth, color="0.2", linestyle="--", label="the true density")
axes[0].set_xscale("log")
axes[0].set_xticks(grid["max_steps"], grid["max_steps"])
axes[0].minorticks_off()
axes[0].set(xlabel="max_steps", ylabel="score, nats a row")
axes[0].legend(loc="lower right", fontsize=8)

settings = results["params"][results["mean_test_score"].argmin()]
worst = FlowMatcher(random_state=0, **settings).fit(X)
side = np.linspace(-1.6, 1.6, 40) * np.abs(distribution.centers).max()
points = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
densities = {
    "worst setting": worst.score_samples(points),
    "best setting": search.best_estimator_.score_samples(points),
    "the distribution": distribution.log_density(points),
}
for axis, (title, log_density) in zip(axes[1:], densities.items(), strict=True):
    axis.imshow(np.exp(log_density).reshape(40, 40), origin="lower", extent=side[[0, -1, 0, -1]])
    axis.set_title(title)
    axis.set(xticks=[], yticks=[])
figure.tight_layout()
plt.show()
