r"""Measures of generated rows against real ones, and of learnt features.

With :math:`P` the distribution of the real rows and :math:`Q` that of the fake ones:

- classifier two-sample test [1]_: the area under the ROC curve
  :math:`\Pr[f(x) < f(x')]`, :math:`x \sim P`, :math:`x' \sim Q`, of a classifier :math:`f` trained
  to distinguish them. For :math:`P = N(0, I)`, :math:`Q = N(d, I)` the best possible area is
  :math:`\Phi(|d| / \sqrt 2)`.
- the columns on which such a classifier relies, including those that break sums of the real rows.
- sliced Wasserstein distance [2]_: :math:`\mathrm{SW}_p^p = E_\theta \int_0^1
  |F_{\theta P}^{-1}(u) - F_{\theta Q}^{-1}(u)|^p \, du` over directions :math:`\theta` uniform on
  the sphere, :math:`F_{\theta P}` the distribution function of :math:`\theta^\top x`.
- energy distance [3]_: :math:`D^2 = 2 E|x - x'| - E|x - y| - E|x' - y'|`, with
  :math:`x, y \sim P` and :math:`x', y' \sim Q` all independent.
- Fréchet distance [4]_: :math:`|\mu - \mu'|^2 + \operatorname{tr}(C + C' - 2 (C C')^{1/2})` from
  the means and covariances of :math:`P` and :math:`Q`, or of features of their rows.
- Wasserstein distance [6]_: :math:`\mathrm{W}_p^p = \min_\pi \frac1n \sum_i |x_i - x'_{\pi(i)}|^p`
  over the ways :math:`\pi` to match as many real as fake rows.
- maximum mean discrepancy [7]_: :math:`E\, k(x, y) + E\, k(x', y') - 2 E\, k(x, x')` with a
  Gaussian kernel :math:`k`.
- precision, recall, density and coverage [8]_ [9]_: shares of fake rows in the neighbourhoods of
  real ones, and the other way round.
- errors of the columns, :math:`\sup_x |F(x) - G(x)|`, and of their rank correlations in pairs.
- errors of binary rows: of :math:`I(x_a; x_b)` over pairs of columns, and of
  :math:`\Pr[x_c = 1 \mid x_a, x_b]` over triples.
- diversity :math:`E|x - y|` over independent rows, multimodality the same over rows of one
  condition, and R-precision, the share of rows that are near to their own condition [5]_.
- near-copies: the share of fake rows that are nearer to a training row than nearly all held-out
  rows are.
- attacks on rows of ``fit``: how well an attacker who has the generated rows can distinguish them
  from held-out ones, guess one of their columns from the others, or make statements that are true
  of a single one.
- probes: the accuracy of a simple classifier on fixed features, and the score on real rows of a
  predictor trained on fake ones.
- a report, in words, of several of these, compared with their values between real rows.
- bits per dimension from a log-density, and scorers of drawn rows for model selection.

Tables are arrays of numbers without gaps, or frames of any columns, which are matched by their
names. Where all columns are numbers without gaps, they are taken as they are. Where a column has
text, categories, truth values with gaps, dates or missing entries, all columns are encoded by
:class:`skgen.TableEncoder`: numbers and dates are divided by a power of two near their standard
deviation in the first table, up to 20 categories become columns of 0 and 1 and more become binary
digits, and gaps are marked in a column of their own. The encoder also gets the categories and gaps
that only the fake rows have, which count as differences.

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
.. [6] G. Peyré, M. Cuturi, "Computational optimal transport", Foundations and Trends in Machine
   Learning 11, 2019.
.. [7] A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola, "A kernel two-sample test",
   Journal of Machine Learning Research 13, 2012.
.. [8] T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, "Improved precision and recall
   metric for assessing generative models", NeurIPS 2019.
.. [9] M. Naeem, S. Oh, Y. Uh, Y. Choi, J. Yoo, "Reliable fidelity and diversity metrics for
   generative models", ICML 2020.
"""

from ._binary import conditional_frequency_error, mutual_information_error
from ._columns import correlation_error, marginal_error
from ._conditional import diversity, multimodality, r_precision
from ._distances import (
    energy_distance,
    frechet_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein,
    wasserstein_distance,
)
from ._neighbours import near_copies, precision_recall_density_coverage
from ._privacy import attribute_disclosure, membership_attack
from ._probes import knn_probe, linear_probe, train_on_synthetic
from ._report import sample_report
from ._scores import bits_per_dimension, make_sample_scorer
from ._singling_out import singling_out_attack
from ._telling import telling_columns
from ._two_sample import classifier_two_sample_aucs, classifier_two_sample_test

__all__ = [
    "attribute_disclosure",
    "bits_per_dimension",
    "classifier_two_sample_aucs",
    "classifier_two_sample_test",
    "conditional_frequency_error",
    "correlation_error",
    "diversity",
    "energy_distance",
    "frechet_distance",
    "knn_probe",
    "linear_probe",
    "make_sample_scorer",
    "marginal_error",
    "maximum_mean_discrepancy",
    "membership_attack",
    "multimodality",
    "mutual_information_error",
    "near_copies",
    "precision_recall_density_coverage",
    "r_precision",
    "sample_report",
    "singling_out_attack",
    "sliced_wasserstein",
    "telling_columns",
    "train_on_synthetic",
    "wasserstein_distance",
]
