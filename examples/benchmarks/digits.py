"""Features and samples of VariationalDiffusionAE on scikit-learn's digits.

Five splits ``train_test_split(X, y, test_size=0.4, random_state=s, stratify=y)``, s = 0..4, of
1,797 images of 8x8 pixels; ``VariationalDiffusionAE(n_components=16, random_state=0)``, nothing
else set. On held-out rows: accuracy of logistic regression and of 5 nearest neighbours on the
latent, beside raw pixels and PCA of the same size. Of as many samples as there are held-out rows:
the share of near-copies of training rows, and the area under the curve of the better of two
classifiers that tell them from held-out rows, beside the same for real training rows.

Goals, of the mean over the splits: linear probe 97.5%, nearest neighbours 98.0%, at most 2%
near-copies (1% is chance); each fit within 60 s on two cores.

    python examples/benchmarks/digits.py
"""

from _common import Report, arguments, described, seconds_of_fit
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skgen import VariationalDiffusionAE
from skgen.metrics import classifier_two_sample_test, knn_probe, linear_probe, near_copies


def main():
    options = arguments(__doc__, seeds=range(5)).parse_args()
    report = Report(__file__, options)
    X, y = load_digits(return_X_y=True)
    for split in options.seed:
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.4, random_state=split, stratify=y
        )
        model = VariationalDiffusionAE(n_components=16, max_steps=options.max_steps, random_state=0)
        name = described(model)
        seconds = seconds_of_fit(model, X_train)
        report.add("digits", name, split, "seconds of fit", seconds, "<= 60")

        pca = PCA(16, random_state=0).fit(X_train)
        for features, Z_train, Z_test in (
            (name, model.transform(X_train), model.transform(X_test)),
            ("raw pixels", X_train, X_test),
            ("PCA(16)", pca.transform(X_train), pca.transform(X_test)),
        ):
            goals = (">= 0.975", ">= 0.980") if features == name else ("", "")
            linear = linear_probe(Z_train, y_train, Z_test, y_test)
            report.add("digits", features, split, "linear probe", linear, goals[0])
            neighbours = knn_probe(Z_train, y_train, Z_test, y_test)
            report.add("digits", features, split, "nearest-neighbour probe", neighbours, goals[1])

        X_new = model.sample(len(X_test))
        copies = near_copies(X_train, X_test, X_new, standardize=False)
        report.add("digits", name, split, "near-copies", copies, "<= 0.02")
        for rows, kind in ((X_new, name), (X_train, "real training rows")):
            auc = classifier_two_sample_test(X_test, rows, random_state=split)
            report.add("digits", kind, split, "auc against held-out rows", auc)
    report.summarize()
    report.write()


if __name__ == "__main__":
    main()
