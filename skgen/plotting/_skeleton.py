"""Joints in space, and the bones between them."""

import numpy as np

from ._drawing import pyplot


class SkeletonDisplay:
    """A skeleton in space, in one pose or in several of a motion.

    Parameters
    ----------
    poses : ndarray of shape (n_poses, n_joints, 3)
        Positions of the joints.

    parents : ndarray of int of shape (n_joints,)
        Number of the joint that each hangs from; -1 for the root.

    Attributes
    ----------
    ax_ : Axes3D
        The axes of the last plot.

    figure_ : Figure
        The figure that they are in.

    Examples
    --------
    A spine of three joints, and two arms.

    >>> from skgen.plotting import SkeletonDisplay
    >>> joints = [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 0, 1.5], [-1, 0, 1.5]]
    >>> display = SkeletonDisplay.from_samples(joints, [-1, 0, 1, 1, 1])
    >>> len(display.ax_.lines)
    4
    """

    def __init__(self, *, poses, parents):
        self.poses, self.parents = poses, parents

    @classmethod
    def from_samples(cls, poses, parents, *, up="z", ax=None):
        """Draw a skeleton.

        Parameters
        ----------
        poses : array-like of shape (n_joints, 3) or (n_poses, n_joints, 3)
            Positions of the joints, in one pose or in several.

        parents : array-like of int of shape (n_joints,)
            Number of the joint that each hangs from; -1 for the root.

        up : {"x", "y", "z"}, default="z"
            The coordinate that points upwards.

        ax : Axes3D, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : SkeletonDisplay
            What was drawn.
        """
        poses, parents = np.asarray(poses, dtype=np.float64), np.asarray(parents)
        if poses.ndim == 2:
            poses = poses[None]
        if poses.ndim != 3 or poses.shape[2] != 3 or not np.isfinite(poses).all():
            raise ValueError(
                f"poses has the shape {poses.shape}: give (n_joints, 3) or (n_poses, n_joints, 3), "
                "without gaps."
            )
        n_joints = poses.shape[1]
        fit = parents.shape == (n_joints,) and parents.dtype.kind in "iu"
        if not fit or parents.min() < -1 or parents.max() >= n_joints:
            raise ValueError(
                f"parents={parents.tolist()} for {n_joints} joints: give the number of a joint for "
                "each, or -1 for the root."
            )
        return cls(poses=poses, parents=parents).plot(ax, up=up)

    def plot(self, ax=None, *, up="z"):
        """Draw the skeleton.

        Parameters
        ----------
        ax : Axes3D, default=None
            Where to draw. None makes a new figure.

        up : {"x", "y", "z"}, default="z"
            The coordinate that points upwards.

        Returns
        -------
        self : SkeletonDisplay
            The display, with the drawn artists as attributes. Several poses go from dark to light.
        """
        plt = pyplot(self)
        if up not in ("x", "y", "z"):
            raise ValueError(f"up={up!r}: give 'x', 'y' or 'z'.")
        if ax is None:
            ax = plt.figure(layout="constrained").add_subplot(projection="3d")
        elif ax.name != "3d":
            raise ValueError("ax is flat: give axes made with projection='3d', or none.")
        self.ax_, self.figure_ = ax, ax.figure
        colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(self.poses)))
        for pose, color in zip(self.poses, colors, strict=True):
            for joint, parent in enumerate(self.parents):
                if parent not in (-1, joint):
                    self.ax_.plot(*pose[[parent, joint]].T, color=color, lw=2)
            self.ax_.scatter(*pose.T, color=[color], s=10, depthshade=False)
        self.ax_.set_aspect("equal")
        self.ax_.view_init(elev=15, azim=-60, vertical_axis=up)
        self.ax_.set(xticklabels=[], yticklabels=[], zticklabels=[])
        return self
