r"""Manifolds whose geodesics are known: spheres, circles, lines, and products of them.

A point is a row of coordinates: a unit vector of three numbers on the sphere, an angle in radians
on a circle, a number on a line; a point of a product has those of its factors, one after the other.
A tangent vector has as many. Each class has

- ``exp(x, v)``, where the geodesic from x with velocity v is at time 1, and its inverse
  ``log(x, y)``,
- ``project(x, v)``, the tangent part of any v, and ``frame(x)``, an orthonormal basis of tangents,
- ``log_expansion(v)``, minus the logarithm of how much ``exp`` expands volume at v: a distribution
  of tangents v at x with density q has the density
  :math:`q(v) \exp(\text{log\_expansion}(v))` of the points :math:`\exp_x(v)` with respect to the
  volume of the manifold,
- ``draw`` and ``log_density`` of a distribution that covers the manifold: uniform on spheres and
  circles, normal on lines,
- ``embed(x)``, coordinates in which near points are near, and ``features(x)``, what a network
  reads.

On the sphere, with :math:`c = \langle x, y\rangle` and :math:`\theta = \arccos c`,
:math:`\log_x y = \frac{\theta}{\sin\theta}(y - c x)` and
:math:`\exp_x v = \cos|v|\,x + \frac{\sin|v|}{|v|} v`, and ``exp`` expands volume by
:math:`\sin|v| / |v|`. On a circle :math:`\log_x y` is y - x, less whole turns.

Source: Chen and Lipman, *Flow matching on general geometries*, ICLR 2024.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from skgen.processes.noise import GeneratorNoise

LOG_2PI = math.log(2 * math.pi)


def _waves(x: Tensor, frequencies: Sequence[float]) -> list[Tensor]:
    return [f(k * x) for k in frequencies for f in (torch.sin, torch.cos)]


class Sphere:
    """The unit sphere in three dimensions."""

    n_coordinates, dim, n_features = 3, 2, 39

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Follow the geodesics from points x with tangents v."""
        angle = v.norm(dim=-1, keepdim=True)
        y = angle.cos() * x + torch.sinc(angle / math.pi) * v
        return y / y.norm(dim=-1, keepdim=True)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the tangents at x of the geodesics to y; antipodes have none, and get a zero."""
        cosine = (x * y).sum(-1, keepdim=True)
        v = y - cosine * x
        sine = v.norm(dim=-1, keepdim=True)
        tiny = torch.finfo(x.dtype).tiny
        ratio = torch.where(sine > tiny, torch.atan2(sine, cosine) / sine.clamp(min=tiny), 1.0)
        return ratio * v

    def project(self, x: Tensor, v: Tensor) -> Tensor:
        """Return the tangent part of v."""
        return v - (x * v).sum(-1, keepdim=True) * x

    def frame(self, x: Tensor) -> Tensor:
        """Return orthonormal tangents, (..., 3, 2): the reflection that takes an axis to x."""
        axis = torch.zeros_like(x)
        axis[..., 2] = torch.where(x[..., 2] < 0, 1.0, -1.0)
        normal = x - axis
        normal = normal / normal.norm(dim=-1, keepdim=True)
        reflection = torch.eye(3).to(x) - 2 * normal[..., :, None] * normal[..., None, :]
        return reflection[..., :2]

    def log_expansion(self, v: Tensor) -> Tensor:
        """Return minus the logarithm of the expansion of volume by exp at v, (...,)."""
        angle = v.norm(dim=-1).clamp(max=math.pi * (1 - 1e-6))
        return -torch.sinc(angle / math.pi).log()

    def draw(self, noise: GeneratorNoise, like: Tensor) -> Tensor:
        """Draw uniform points."""
        z = noise.normal(like)
        return z / z.norm(dim=-1, keepdim=True)

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log-density of `draw`, (...,)."""
        return torch.full_like(x[..., 0], -math.log(4 * math.pi))

    def embed(self, x: Tensor) -> Tensor:
        """Return coordinates in which near points are near."""
        return x

    def features(self, x: Tensor) -> Tensor:
        """Return what a network reads."""
        return torch.cat([x, *_waves(x, (1, 2, 4, 8, 16, 32))], -1)


class _OneDimensional:
    """What circles and lines share: one coordinate, whose steps are lengths."""

    n_coordinates, dim = 1, 1

    def project(self, x: Tensor, v: Tensor) -> Tensor:
        """Return v, which is tangent."""
        return v

    def frame(self, x: Tensor) -> Tensor:
        """Return the unit tangent, (..., 1, 1)."""
        return torch.ones_like(x)[..., None]

    def log_expansion(self, v: Tensor) -> Tensor:
        """Return 0: exp keeps lengths."""
        return torch.zeros_like(v[..., 0])


class Circle(_OneDimensional):
    """Angles in radians."""

    n_features = 8

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Go on from x by v, and take off whole turns."""
        return self.log(torch.zeros_like(x), x + v)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Return y - x between minus and plus half a turn."""
        return torch.remainder(y - x + math.pi, 2 * math.pi) - math.pi

    def draw(self, noise: GeneratorNoise, like: Tensor) -> Tensor:
        """Draw uniform angles."""
        return 2 * math.pi * noise.uniforms(like) - math.pi

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log-density of `draw`, per radian, (...,)."""
        return torch.full_like(x[..., 0], -LOG_2PI)

    def embed(self, x: Tensor) -> Tensor:
        """Return cosine and sine."""
        return torch.cat([x.cos(), x.sin()], -1)

    def features(self, x: Tensor) -> Tensor:
        """Return what a network reads."""
        return torch.cat(_waves(x, (1, 2, 4, 8)), -1)


class Line(_OneDimensional):
    """Numbers in units of their deviation."""

    n_features = 9
    # Of the normal distribution that covers a line.
    std = 1.5

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Go on from x by v."""
        return x + v

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Return y - x."""
        return y - x

    def draw(self, noise: GeneratorNoise, like: Tensor) -> Tensor:
        """Draw normal numbers."""
        return self.std * noise.normal(like)

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log-density of `draw`, (...,)."""
        return -0.5 * (x[..., 0] / self.std).square() - math.log(self.std) - 0.5 * LOG_2PI

    def embed(self, x: Tensor) -> Tensor:
        """Return the number."""
        return x

    def features(self, x: Tensor) -> Tensor:
        """Return what a network reads."""
        return torch.cat([x, *_waves(x, (1, 2, 4, 8))], -1)


Factor = Sphere | Circle | Line
FACTORS: dict[str, type[Factor]] = {"sphere": Sphere, "circle": Circle, "line": Line}


class Product:
    """A product of manifolds.

    Parameters
    ----------
    kinds : sequence of {"sphere", "circle", "line"}
        Its factors, in the order of their coordinates.
    """

    def __init__(self, kinds: Sequence[str]):
        self.kinds = tuple(kinds)

    @property
    def factors(self) -> list[Factor]:
        """The factors as objects."""
        return [FACTORS[kind]() for kind in self.kinds]

    @property
    def n_coordinates(self) -> int:
        """Numbers of a point."""
        return sum(factor.n_coordinates for factor in self.factors)

    @property
    def dim(self) -> int:
        """Dimension of the manifold."""
        return sum(factor.dim for factor in self.factors)

    @property
    def n_features(self) -> int:
        """Numbers that a network reads of a point."""
        return sum(factor.n_features for factor in self.factors)

    def _each(self, method: str, *arrays: Tensor) -> list[Tensor]:
        """Return what a method of each factor gives for its coordinates."""
        sizes = [factor.n_coordinates for factor in self.factors]
        parts = zip(*(array.split(sizes, -1) for array in arrays), strict=True)
        return [
            getattr(factor, method)(*own) for factor, own in zip(self.factors, parts, strict=True)
        ]

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Follow the geodesics from points x with tangents v."""
        return torch.cat(self._each("exp", x, v), -1)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the tangents at x of the geodesics to y."""
        return torch.cat(self._each("log", *torch.broadcast_tensors(x, y)), -1)

    def project(self, x: Tensor, v: Tensor) -> Tensor:
        """Return the tangent part of v."""
        return torch.cat(self._each("project", x, v), -1)

    def frame(self, x: Tensor) -> Tensor:
        """Return orthonormal tangents, (n, n_coordinates, dim)."""
        frame, row, column = x.new_zeros(len(x), self.n_coordinates, self.dim), 0, 0
        for own in self._each("frame", x):
            d, m = own.shape[1:]
            frame[:, row : row + d, column : column + m] = own
            row, column = row + d, column + m
        return frame

    def log_expansion(self, v: Tensor) -> Tensor:
        """Return minus the logarithm of the expansion of volume by exp at v, (...,)."""
        return torch.stack(self._each("log_expansion", v)).sum(0)

    def draw(self, noise: GeneratorNoise, like: Tensor) -> Tensor:
        """Draw points that cover the manifold."""
        sizes = [factor.n_coordinates for factor in self.factors]
        pairs = zip(self.factors, like.split(sizes, -1), strict=True)
        return torch.cat([factor.draw(noise, own) for factor, own in pairs], -1)

    def log_density(self, x: Tensor) -> Tensor:
        """Return the log-density of `draw`, (...,)."""
        return torch.stack(self._each("log_density", x)).sum(0)

    def embed(self, x: Tensor) -> Tensor:
        """Return coordinates in which near points are near."""
        return torch.cat(self._each("embed", x), -1)

    def features(self, x: Tensor) -> Tensor:
        """Return what a network reads."""
        return torch.cat(self._each("features", x), -1)
