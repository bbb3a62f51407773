"""Manifolds in float64: inverses, geodesics, frames, and the expansion of volume."""

import math

import pytest
import torch

from skgen.processes.manifolds import Circle, Line, Product, Sphere
from skgen.processes.noise import GeneratorNoise

MANIFOLDS = [Sphere(), Circle(), Line(), Product(["sphere", "circle", "line", "circle"])]
ids = ["sphere", "circle", "line", "product"]


@pytest.fixture(params=MANIFOLDS, ids=ids)
def manifold(request):
    return request.param


def points(manifold, n=50, seed=0):
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    return manifold.draw(noise, torch.empty(n, manifold.n_coordinates, dtype=torch.float64))


def tangents(manifold, x, size, seed=1):
    z = torch.randn(
        len(x), manifold.dim, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    v = (manifold.frame(x) @ z)[:, :, 0]
    return size * v / v.norm(dim=1, keepdim=True)


def test_exp_and_log_are_inverse(manifold):
    x, y = points(manifold), points(manifold, seed=5)
    found = manifold.exp(x, manifold.log(x, y))
    # Angles are the same but for whole turns.
    torch.testing.assert_close(manifold.embed(found), manifold.embed(y))
    v = tangents(manifold, x, 1.3)
    torch.testing.assert_close(manifold.log(x, manifold.exp(x, v)), v)
    torch.testing.assert_close(manifold.log(x, x), torch.zeros_like(x), atol=1e-7, rtol=0)


def test_distances_of_the_sphere():
    x, y = points(Sphere()), points(Sphere(), seed=3)
    distance = torch.arccos((x * y).sum(1))
    torch.testing.assert_close(Sphere().log(x, y).norm(dim=1), distance)
    assert Circle().log(torch.tensor([3.0]), torch.tensor([-3.0])) == pytest.approx(2 * math.pi - 6)


def test_frames_are_orthonormal_tangents(manifold):
    x = points(manifold)
    frame = manifold.frame(x)
    unit = torch.eye(manifold.dim, dtype=torch.float64).expand(len(x), -1, -1)
    torch.testing.assert_close(frame.transpose(1, 2) @ frame, unit)
    for column in frame.unbind(2):
        torch.testing.assert_close(manifold.project(x, column), column)
    v = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        manifold.project(x, v), (frame @ frame.transpose(1, 2) @ v[:, :, None])[:, :, 0]
    )


def test_frames_at_the_poles():
    poles = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]).double()
    frame = Sphere().frame(poles)
    assert (frame.transpose(1, 2) @ poles[:, :, None]).abs().max() < 1e-12


def test_velocity_to_the_end_is_that_of_the_geodesic(manifold):
    x_0, x_1 = points(manifold), points(manifold, seed=7)
    v, t, step = manifold.log(x_0, x_1), 0.4, 1e-5
    x_t, ahead = manifold.exp(x_0, t * v), manifold.exp(x_0, (t + step) * v)
    moved = manifold.log(x_t, ahead) / step
    torch.testing.assert_close(manifold.log(x_t, x_1) / (1 - t), moved, atol=1e-4, rtol=1e-4)


def test_expansion_of_volume_is_the_determinant_of_exp(manifold):
    x = points(manifold, 12)
    v = tangents(manifold, x, 1.1)
    expansion = manifold.log_expansion(v)
    for k in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(
            lambda u, k=k: manifold.exp(x[k : k + 1], u[None])[0], v[k]
        )
        y = manifold.exp(x[k : k + 1], v[k : k + 1])
        inner = manifold.frame(y)[0].T @ jacobian @ manifold.frame(x[k : k + 1])[0]
        assert -inner.det().abs().log() == pytest.approx(float(expansion[k]), abs=1e-9)


@pytest.mark.statistical
def test_draws_have_the_density_told():
    # The mean of 1 / p over draws is the volume.
    manifold = Product(["sphere", "circle"])
    x = points(manifold, 200)
    volume = 4 * math.pi * 2 * math.pi
    assert manifold.log_density(x).exp().reciprocal().mean() == pytest.approx(volume)
    height = points(Sphere(), 4000)[:, 2]
    assert abs(float(height.mean())) < 4 * (1 / 3 / 4000) ** 0.5
    assert float(height.square().mean()) == pytest.approx(1 / 3, abs=0.02)
    line = points(Line(), 20000)
    entropy = -float(Line().log_density(line).mean())
    exact = 0.5 * math.log(2 * math.pi * math.e * Line.std**2)
    assert entropy == pytest.approx(exact, abs=4 * (0.5 / 20000) ** 0.5)


def test_features_have_the_length_told(manifold):
    x = points(manifold, 3)
    assert manifold.features(x).shape == (3, manifold.n_features)
    if isinstance(manifold, Circle):
        torch.testing.assert_close(manifold.features(x), manifold.features(x + 2 * math.pi))
