r"""One-step integrators of an ordinary differential equation dy/ds = f(s, y).

The probability-flow equation of variance-preserving diffusion is the simplest of them in the
coordinates :math:`y = z/\alpha`, :math:`s = \sigma/\alpha = e^{\gamma/2}`, where it reads
:math:`dy/ds = \hat\epsilon`; Euler's step on it is DDIM.

Source: Song, Meng and Ermon, *Denoising diffusion implicit models*, ICLR 2021; Karras, Aittala,
Aila and Laine, *Elucidating the design space of diffusion-based generative models*, NeurIPS 2022.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Derivative = Callable[[Tensor, Tensor], Tensor]


def euler_step(f: Derivative, y: Tensor, s: Tensor, s_next: Tensor) -> Tensor:
    """Euler's step, first order."""
    return y + (s_next - s) * f(s, y)


def heun_step(f: Derivative, y: Tensor, s: Tensor, s_next: Tensor) -> Tensor:
    """Heun's step, second order: the slope is the mean of both ends'."""
    slope = f(s, y)
    slope_next = f(s_next, y + (s_next - s) * slope)
    return y + 0.5 * (s_next - s) * (slope + slope_next)


def adaptive_flow(f: Derivative, y: Tensor, tolerance: float, max_steps: int = 1000) -> Tensor:
    r"""Carry rows from s = 0 to s = 1 by Bogacki and Shampine's pair, each with its step size.

    Parameters
    ----------
    f : callable
        ``f(s, y)`` with times s of shape (n,) and rows y of shape (n, n_features).
    y : Tensor of shape (n, n_features)
        Rows at s = 0.
    tolerance : float
        Error of a step, as the root mean square over a row of its share of :math:`1 + |y|`.
    max_steps : int
        Steps after which the rows that have not arrived are carried on by Euler's step.

    Returns
    -------
    Tensor of shape (n, n_features)
        Rows at s = 1. A row's steps do not depend on the other rows.

    Notes
    -----
    Source: Bogacki and Shampine, *A 3(2) pair of Runge-Kutta formulas*, Applied Mathematics
    Letters, 1989.
    """
    s = torch.zeros_like(y[:, 0])
    step = torch.full_like(s, 0.05)
    slope = f(s, y)
    for _ in range(max_steps):
        step = torch.minimum(step, 1 - s)
        if not (step > 0).any():
            return y
        h = step[:, None]
        k_2 = f(s + 0.5 * step, y + 0.5 * h * slope)
        k_3 = f(s + 0.75 * step, y + 0.75 * h * k_2)
        y_next = y + h * (2 * slope + 3 * k_2 + 4 * k_3) / 9
        k_4 = f(s + step, y_next)
        wrong = h * (-5 / 72 * slope + k_2 / 12 + k_3 / 9 - k_4 / 8)
        size = 1 + torch.maximum(y.abs(), y_next.abs())
        error = (wrong / (tolerance * size)).square().mean(1).sqrt()
        accepted = error <= 1
        s = torch.where(accepted, torch.where(step < 1 - s, s + step, 1.0), s)
        y = torch.where(accepted[:, None], y_next, y)
        slope = torch.where(accepted[:, None], k_4, slope)
        step = step * (0.9 * error.clamp(min=1e-9) ** (-1 / 3)).clamp(0.2, 5.0)
    return y + (1 - s)[:, None] * slope
