r"""One-step integrators of an ordinary differential equation dy/ds = f(s, y).

The probability-flow equation of variance-preserving diffusion is the simplest of them in the
coordinates :math:`y = z/\alpha`, :math:`s = \sigma/\alpha = e^{\gamma/2}`, where it reads
:math:`dy/ds = \hat\epsilon`; Euler's step on it is DDIM.

Source: Song, Meng and Ermon, *Denoising diffusion implicit models*, ICLR 2021; Karras, Aittala,
Aila and Laine, *Elucidating the design space of diffusion-based generative models*, NeurIPS 2022.
"""

from collections.abc import Callable

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
