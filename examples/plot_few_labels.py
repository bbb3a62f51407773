"""
Features for a classifier with few labels
=========================================

Pictures are plenty, labels are few: learn features from all pictures, without labels, and a
classifier on them from the few labels there are. :class:`~skgen.VariationalDiffusionAE` beside
principal components and plain pixels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skgen import VariationalDiffusionAE
from skgen.datasets import load_photo_crops

# %%
# Crops of 8 x 8 pixels of scikit-learn's two photographs: which one is a crop from? Training and
# test crops share no pixel.

train = load_photo_crops(1000, 8, subset="train", random_state=0)
test = load_photo_crops(1000, 8, subset="test", random_state=1)

# %%
# Sixteen features from all 1,000 crops. No label is seen.

kinds = {
    "VariationalDiffusionAE": VariationalDiffusionAE(16, max_steps=350, random_state=0),
    "PCA": PCA(16, random_state=0),
    "pixels": FunctionTransformer(),
}
features = {}
for name, kind in kinds.items():
    kind.fit(train.data)
    features[name] = kind.transform(train.data), kind.transform(test.data)

# %%
# A linear classifier of the features, from 10 to 1,000 labels; each number drawn ten times, but all
# thousand are there only once.

numbers = np.array([10, 20, 50, 100, 200, 500, 1000])
curves = {}
for name, (Z_train, Z_test) in features.items():
    curves[name] = np.empty((len(numbers), 10))
    for draw in range(10):
        order = np.random.default_rng(draw).permutation(1000)
        for k, number in enumerate(numbers):
            few = order[:number]
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
            probe.fit(Z_train[few], train.target[few])
            curves[name][k, draw] = probe.score(Z_test, test.target)

for name, curve in curves.items():
    means = zip(numbers, curve.mean(1), strict=True)
    shown = ", ".join(f"{number}: {value:.1%}" for number, value in means)
    print(f"{name:>22}  {shown}")

# %%
# The learning curves, with the standard deviation over the ten draws. Ten labels are too few for
# any of the features; from fifty on, what was learnt without labels is worth more than any number
# of them.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=[1, 1.6])
chosen = np.concatenate([np.flatnonzero(test.target == k)[:24] for k in (0, 1)])
images = np.pad(
    test.data[chosen].reshape(-1, 3, 8, 8), [(0, 0), (0, 0), (0, 1), (0, 1)], constant_values=1
)
left.imshow(images.reshape(8, 6, 3, 9, 9).transpose(0, 3, 1, 4, 2).reshape(72, 54, 3))
left.set_title(f"{train.target_names[0]} above, {train.target_names[1]} below")
left.axis("off")
for name, curve in curves.items():
    right.errorbar(numbers, curve.mean(1), curve.std(1), marker="o", capsize=3, label=name)
right.set_xscale("log")
right.set_xticks(numbers, numbers)
right.set(xlabel="labels", ylabel="accuracy on test crops")
right.legend()
figure.tight_layout()
plt.show()
