"""Principal axes: those of few rows, kept in fewer numbers, are those of the covariance."""

import pytest
import torch

from skgen.papers.principal_axes import PrincipalAxes


def axes_of(rows, n_rows):
    axes = PrincipalAxes(rows.shape[1], True, n_rows)
    axes.fit(rows)
    return axes


@pytest.mark.parametrize(("n", "d"), [(1, 4), (3, 20), (50, 300)])
def test_few_rows_have_the_axes_of_their_covariance(n, d):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(n, d, generator=generator) * torch.linspace(1, 3, d) + 5
    few, many = axes_of(rows, n), axes_of(rows, None)
    rotation = few.turn(torch.eye(d).double())
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(d).double(), atol=1e-5, rtol=0)
    covariances = [
        (turned * axes.scale.double() ** 2) @ turned.T
        for axes, turned in ((few, rotation), (many, many.basis.double()))
    ]
    torch.testing.assert_close(*covariances, atol=1e-4, rtol=1e-4)
    # Rows vary along the first axes alone, and come back as they were.
    turned = few.to_axes(rows)
    assert turned[:, n:].abs().max() < 1e-4
    torch.testing.assert_close(few.from_axes(turned), rows, atol=1e-4, rtol=0)


def test_axes_of_few_rows_are_kept_in_so_many_numbers():
    """Of 40 rows with 1,000 columns: 40 x 1,000 numbers, not a million."""
    rows = torch.randn(40, 1000, generator=torch.Generator().manual_seed(0))
    assert sum(value.numel() for value in axes_of(rows, 40).buffers()) < 45_000


def test_few_rows_agree_with_observed_columns_as_many_do():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(6, 15, generator=generator)
    patterns = torch.rand(2, 15, generator=generator) > 0.5
    which = torch.tensor([0, 1, 0, 1, 0, 1])
    moved = []
    for axes in (axes_of(rows, 6), axes_of(rows, None)):
        start = torch.zeros(6, 15)
        on_axes = axes.agree(start, axes.scale**2, rows - axes.mean, patterns, which)
        moved.append(axes.from_axes(on_axes))
    torch.testing.assert_close(*moved, atol=1e-4, rtol=1e-4)
