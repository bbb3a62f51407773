r"""Measures of generated rows against real ones, and of learnt features.

With :math:`P` the law of the real rows and :math:`Q` that of the fake ones:

- classifier two-sample test [1]_: the area under the ROC curve
  :math:`\Pr[f(x) < f(x')]`, :math:`x \sim P`, :math:`x' \sim Q`, of a classifier :math:`f` trained
  to tell them apart. For :math:`P = N(0, I)`, :math:`Q = N(d, I)` the best there is reads
  :math:`\Phi(|d| / \sqrt 2)`.
- sliced Wasserstein distance [2]_: :math:`\mathrm{SW}_p^p = E_\theta \int_0^1
  |F_{\theta P}^{-1}(u) - F_{\theta Q}^{-1}(u)|^p \, du` over directions :math:`\theta` uniform on
  the sphere, :math:`F_{\theta P}` the distribution function of :math:`\theta^\top x`.
- energy distance [3]_: :math:`D^2 = 2 E|x - x'| - E|x - y| - E|x' - y'|`, with
  :math:`x, y \sim P` and :math:`x', y' \sim Q` all independent.
- Fréchet distance [4]_: :math:`|\mu - \mu'|^2 + \operatorname{tr}(C + C' - 2 (C C')^{1/2})` from
  the means and covariances of :math:`P` and :math:`Q`, or of features of their rows.
- errors of binary rows: of :math:`I(x_a; x_b)` over pairs of columns, and of
  :math:`\Pr[x_c = 1 \mid x_a, x_b]` over triples.
- diversity :math:`E|x - y|` over independent rows, multimodality the same over rows of one
  condition, and R-precision, the share of rows that are near to their own condition [5]_.
- near-copies: the share of fake rows that lie nearer to a training row than all but a few of the
  held-out rows do.
- probes: the accuracy of a simple classifier on fixed features.

References
----------
.. [1] D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
.. [2] N. Bonneel, J. Rabin, G. Peyré, H. Pfister, "Sliced and Radon Wasserstein barycenters of
   measures", Journal of Mathematical Imaging and Vision 51, 2015.
.. [3] G. Székely, M. Rizzo, "Energy statistics: a class of statistics based on distances",
   Journal of Statistical Planning and Inference 143, 2013.
.. [4] D. Dowson, B. Landau, "The Fréchet distance between multivariate normal distributions",
   Journal of Multivariate Analysis 12, 1982.
.. [5] C. Guo, S. Zou, X. Zuo, S. Wang, W. Ji, X. Li, L. Cheng, "Generating diverse and natural 3D
   human motions from text", CVPR 2022.
"""

from ._binary import conditional_frequency_error, mutual_information_error
from ._conditional import diversity, multimodality, r_precision
from ._distances import energy_distance, frechet_distance, sliced_wasserstein
from ._neighbours import near_copies
from ._probes import knn_probe, linear_probe
from ._two_sample import classifier_two_sample_aucs, classifier_two_sample_test

__all__ = [
    "classifier_two_sample_aucs",
    "classifier_two_sample_test",
    "conditional_frequency_error",
    "diversity",
    "energy_distance",
    "frechet_distance",
    "knn_probe",
    "linear_probe",
    "multimodality",
    "mutual_information_error",
    "near_copies",
    "r_precision",
    "sliced_wasserstein",
]
