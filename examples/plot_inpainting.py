"""
What the lower half may have been
=================================

Hide the lower half of handwritten digits, and let a model that has learnt whole ones draw it. One
upper half leaves several digits open, so one answer is not enough:
:class:`~skgen.VQDiffusionBridge` draws as many as are wanted.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skgen import VQDiffusionBridge

# %%
# The model learns whole digits; those of the test part lose their lower four rows of pixels.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
holed = X_test.copy()
holed[:, 32:] = np.nan

model = VQDiffusionBridge(max_steps=250, random_state=0).fit(X_train)
draws = model.impute(holed[:150], n_draws=5)

# %%
# Can the completions be read as the digit that was there? A classifier of whole digits says so. The
# mean of the five nearest training digits, which is what ``KNNImputer`` fills in, is right more
# often, as a mean must be; but it is one answer where there are several, and says nothing of them.

reader = SVC(C=10).fit(X_train, y_train)
nearest = KNNImputer().fit(X_train).transform(holed[:150])
blank = np.nan_to_num(holed[:150])
for name, rows in (("left blank", blank), ("nearest neighbours", nearest), ("drawn", draws[0])):
    print(f"{name:>20}: {reader.score(rows, y_test[:150]):.0%} read as the digit that was there")
read = np.array([reader.predict(rows) for rows in draws])
among = (read == y_test[:150]).any(0).mean()
print(f"the digit that was there is among five that were drawn: {among:.0%}")
print(f"the five are not all read alike: {(read != read[0]).any(0).mean():.0%}")

# %%
# From the left: the digit, what the model is shown, five completions, and the mean of neighbours.

figure, axes = plt.subplots(8, 8, figsize=(7, 7))
titles = ["digit", "shown", *("drawn" for _ in draws), "neighbours"]
for number, row in enumerate(axes):
    k = np.flatnonzero(y_test[:150] == number + 1)[1]
    pictures = [X_test[k], holed[k], *(rows[k] for rows in draws), nearest[k]]
    for axis, picture in zip(row, pictures, strict=True):
        axis.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set_facecolor("#f3d9b1")
        axis.set(xticks=[], yticks=[])
for axis, title in zip(axes[0], titles, strict=True):
    axis.set_title(title, fontsize=10)
figure.tight_layout()
plt.show()
