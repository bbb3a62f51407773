"""
Are these rows any good?
========================

Three models learn a small table, and :func:`~skgen.metrics.sample_report` says in words what is
wrong with the rows that they draw: one is too simple, one copies, and one does well.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skgen import SchrodingerBridgeMatcher
from skgen.metrics import sample_report
from skgen.plotting import SampleComparisonDisplay

# %%
# Five measurements of 569 cell nuclei. They are skewed, and hang together: the area is nearly a
# function of the radius.

columns = ["mean radius", "mean texture", "mean area", "mean smoothness", "mean concavity"]
X = load_breast_cancer(as_frame=True).data[columns]
X_train, X_test = train_test_split(X, test_size=0.4, random_state=0)
print(f"{len(X_train)} rows to learn from, {len(X_test)} to judge by")

# %%
# Three models of them: a normal distribution, a kernel density with a narrow kernel, and a bridge
# from noise to data with its default settings. Each draws as many rows as are held out.

scaler = StandardScaler().fit(X_train)
normal = GaussianMixture(1, random_state=0).fit(scaler.transform(X_train))
narrow = KernelDensity(bandwidth=0.01).fit(scaler.transform(X_train))
bridge = SchrodingerBridgeMatcher(random_state=0).fit(X_train)

n = len(X_test)
drawn = {
    "normal distribution": scaler.inverse_transform(normal.sample(n)[0]),
    "narrow kernel": scaler.inverse_transform(narrow.sample(n, random_state=0)),
    "bridge": bridge.sample(n),
}

# %%
# The report compares drawn with held-out rows by several measures. The floor is what real rows read
# against real rows: a perfect model can do no better. A verdict other than "no different from real
# rows" is more than chance explains.

for name, X_fake in drawn.items():
    report = sample_report(X_train, X_test, X_fake, max_rows=150, random_state=0)
    print(f"\n{name:<28} value floor")
    for measure, value, floor, verdict in report.itertuples():
        print(f"{measure:<28} {value:5.2f} {floor:5.2f}  {verdict}")

# %%
# The faults of the normal distribution are there to see: areas and concavities below zero, and a
# straight line where the area grows with the square of the radius.

display = SampleComparisonDisplay.from_samples(
    X_test, drawn["normal distribution"], columns=[0, 2, 4], random_state=0
)
display.figure_.suptitle("a normal distribution")

# %%
# The same picture of the bridge.

display = SampleComparisonDisplay.from_samples(
    X_test, drawn["bridge"], columns=[0, 2, 4], random_state=0
)
display.figure_.suptitle("a bridge")
plt.show()
