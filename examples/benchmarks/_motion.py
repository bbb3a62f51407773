"""Windows of the motion clips, and the judge of motion that is to be of a wanted action.

``cmu_mocap.npz``: 96 clips of the CMU motion capture database at 30 frames a second, of 8 actions.
Channels: the steps of the root in the plane, its height, its rotation and those of the joints that
move, 69 in all, each standardised by the training clips. Windows of 32 frames, one for every 4
frames. Of every action a quarter of the clips is held out, at least one; of the single clip of
washwindow the last 30%.
"""

import warnings
from dataclasses import replace

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier

from skgen import BinaryLatentDiffusion
from skgen.metrics import diversity, frechet_distance, multimodality, r_precision

LENGTH, STRIDE = 32, 4
N_BITS = 256
N_STEPS = 32


def channels(frames, active):
    """Return steps of the root in the plane, its height, and the rotations that vary."""
    steps = np.diff(frames[:, [0, 2]], axis=0, prepend=frames[:1, [0, 2]])
    rotations = frames[:, 3:][:, active[3:]]
    return np.hstack([steps, frames[:, 1:2], rotations])


def windows(clips):
    """Cut clips into windows; return rows and the number of the clip of each."""
    rows, numbers = [], []
    for number, clip in enumerate(clips):
        for start in range(0, len(clip) - LENGTH + 1, STRIDE):
            rows.append(clip[start : start + LENGTH].ravel())
            numbers.append(number)
    return np.array(rows, np.float32), np.array(numbers)


def load(path, seed):
    """Return windows and actions of training and of held-out clips."""
    with np.load(path) as data:
        ends = np.cumsum(data["clip_len"])[:-1]
        clips = [channels(clip, data["active"]) for clip in np.split(data["frames"], ends)]
        labels = data["clip_label"]
    rng = np.random.default_rng(seed)
    train, test = [], []
    for action in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == action))
        if len(own) == 1:
            cut = int(0.7 * len(clips[own[0]]))
            train.append((clips[own[0]][:cut], action))
            test.append((clips[own[0]][cut:], action))
            continue
        n_test = max(1, len(own) // 4)
        test += [(clips[k], action) for k in own[:n_test]]
        train += [(clips[k], action) for k in own[n_test:]]
    frames = np.concatenate([clip for clip, _ in train])
    mean, std = frames.mean(0), np.maximum(frames.std(0), 1e-3)
    parts = []
    for part in (train, test):
        X, numbers = windows([(clip - mean) / std for clip, _ in part])
        parts += [X, np.array([action for _, action in part])[numbers]]
    print(f"{len(parts[0])} windows to learn from, {len(parts[2])} held out")
    return *parts, frames.shape[1]


def settings(n_channels, max_steps):
    """Return what all models of the windows are set to."""
    return {
        "input_shape": (LENGTH, n_channels),
        "batch_size": 64,
        "max_steps": max_steps,
        "early_stopping": False,
        "random_state": 0,
    }


class MotionBits(BinaryLatentDiffusion):
    """Codes of windows, without noise on the encoder's input.

    The first principal axis of 2,208 columns is long: its share would be as large as a column's
    deviation.
    """

    def _defaults(self, n_rows):
        return replace(super()._defaults(n_rows), encoder_noise=0.0)


class Judge:
    """Features of a classifier of actions, and what they say of windows of wanted actions.

    The classifier has learnt the actions from the training windows; its 32 hidden units are the
    features, and an action's features are the mean of its training windows'. Rows to judge are as
    many as held-out windows, and their wanted actions are these windows' own.

    Parameters
    ----------
    X_train, y_train, X_test, y_test : ndarray
        Windows and actions to learn from, and held out.
    """

    def __init__(self, X_train, y_train, X_test, y_test):
        self.pca = PCA(64, whiten=True, random_state=0).fit(X_train)
        self.reader = MLPClassifier(
            32, alpha=1.0, max_iter=300, early_stopping=True, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.reader.fit(self.pca.transform(X_train), y_train)
        centers = {a: self.features(X_train[y_train == a]).mean(0) for a in np.unique(y_train)}
        self.wanted = np.array([centers[action] for action in y_test])
        self.actions, self.real = y_test, self.features(X_test)

    def features(self, X):
        """Return the hidden units of windows."""
        hidden = self.pca.transform(X) @ self.reader.coefs_[0] + self.reader.intercepts_[0]
        return np.maximum(hidden, 0)

    def measures(self, X):
        """Return Fréchet distance, diversity, multimodality, R-precision, and how X is read."""
        found = self.features(X)
        values = {
            "Fréchet distance": frechet_distance(self.real, found),
            "diversity": diversity(found, random_state=0),
            "multimodality": multimodality(found, self.actions, n_pairs=100, random_state=0),
        }
        precision = r_precision(found, self.wanted, k=(1, 2, 3), pool_size=8, random_state=0)
        values |= {f"R-precision at {k}": value for k, value in enumerate(precision, 1)}
        right = self.reader.predict(self.pca.transform(X)) == self.actions
        by_action = [right[self.actions == action].mean() for action in np.unique(self.actions)]
        values["read as asked"] = right.mean()
        values["read as asked, mean of actions"] = np.mean(by_action)
        return values
