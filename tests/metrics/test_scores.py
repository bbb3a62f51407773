"""Bits per dimension of known distributions, and scorers of drawn rows in model selection."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KernelDensity

from skgen import VariationalDiffusionAE
from skgen.metrics import (
    bits_per_dimension,
    classifier_two_sample_aucs,
    energy_distance,
    make_sample_scorer,
    sliced_wasserstein,
)


def test_bits_of_a_uniform_distribution_count_its_values():
    # 2^b values at a distance w, spread over their cells: density (2^b w)^-d
    for bits, width, d in ((8, 1.0, 3), (5, 1 / 31, 784), (1, 2.0, 1)):
        score = -d * np.log(2**bits * width)
        assert bits_per_dimension(score, d, width=width) == pytest.approx(bits, rel=1e-12)


@pytest.mark.statistical
def test_bits_do_not_depend_on_units_and_reach_the_entropy(rng):
    p = np.array([0.5, 0.25, 0.125, 0.125])
    X = rng.choice(4, p=p, size=(20_000, 2))
    for unit in (1.0, 1 / 3):
        # the density of a cell of width `unit` is its probability over the width
        score = np.log(p[X] / unit).sum(axis=1)
        bits = bits_per_dimension(score, 2, width=unit)
        assert bits.shape == (20_000,)
        # the entropy of one entry is 1.75 bits, its standard deviation .83
        assert bits.mean() == pytest.approx(1.75, abs=4 * 0.83 / np.sqrt(40_000))
        assert bits_per_dimension(score.mean(), 2, width=unit) == pytest.approx(bits.mean())


@pytest.mark.parametrize(("name", "value"), [("n_features", 0), ("width", 0.0)])
def test_bits_name_a_bad_parameter(name, value):
    with pytest.raises(ValueError, match=f"{name} == {value}, must be >"):
        bits_per_dimension(-1.0, **{"n_features": 2, name: value})


IRIS, _ = load_iris(return_X_y=True)


def test_scorer_is_the_metric_of_drawn_rows():
    model = KernelDensity(bandwidth=0.3).fit(IRIS)
    fake = model.sample(len(IRIS), random_state=3)
    lower, higher = (
        make_sample_scorer(energy_distance, greater_is_better=better, random_state=3)
        for better in (False, True)
    )
    assert higher(model, IRIS) == energy_distance(IRIS, fake)
    assert lower(model, IRIS, np.zeros(len(IRIS))) == -energy_distance(IRIS, fake)

    sliced = make_sample_scorer(sliced_wasserstein, random_state=3, p=1, n_projections=7)
    options = {"p": 1, "n_projections": 7}
    assert sliced(model, IRIS) == -sliced_wasserstein(IRIS, fake, random_state=3, **options)
    assert sliced(model, IRIS) == sliced(model, IRIS)
    own = make_sample_scorer(sliced_wasserstein, random_state=3)
    other = make_sample_scorer(
        lambda X, Y: sliced_wasserstein(X, Y, random_state=4), random_state=3
    )
    assert own(model, IRIS) != other(model, IRIS)


@pytest.mark.parametrize(
    "copy",
    [lambda scorer: clone(scorer, safe=False), lambda scorer: pickle.loads(pickle.dumps(scorer))],
    ids=["clone", "pickle"],
)
def test_scorer_can_be_copied(copy):
    scorer = make_sample_scorer(sliced_wasserstein, random_state=1, p=1)
    again = copy(scorer)
    model = KernelDensity().fit(IRIS)
    assert again is not scorer
    assert again(model, IRIS) == scorer(model, IRIS)
    assert repr(again) == repr(scorer)
    assert repr(scorer) == (
        "make_sample_scorer(sliced_wasserstein, greater_is_better=False, random_state=1, p=1)"
    )


@pytest.mark.statistical
def test_scorer_serves_model_selection():
    scorer = make_sample_scorer(energy_distance)
    search = GridSearchCV(KernelDensity(), {"bandwidth": [0.01, 0.2, 5.0]}, scoring=scorer, cv=3)
    # a search is cloned with its scorer
    assert clone(search).fit(IRIS).best_params_ != {"bandwidth": 5.0}
    scores = cross_val_score(
        VariationalDiffusionAE(max_steps=2, random_state=0), IRIS, scoring=scorer, cv=2
    )
    assert scores.shape == (2,)
    assert np.all(scores < 0)


def test_scorer_says_what_it_cannot_do():
    with pytest.raises(TypeError, match="LogisticRegression has no method sample"):
        make_sample_scorer(energy_distance)(LogisticRegression(), IRIS)
    with pytest.raises(TypeError, match=r"classifier_two_sample_aucs returns \{.*one number"):
        make_sample_scorer(classifier_two_sample_aucs)(KernelDensity().fit(IRIS), IRIS)
    with pytest.raises(TypeError, match="metric='energy_distance' cannot be called: give a fun"):
        make_sample_scorer("energy_distance")
    with pytest.raises(TypeError, match="random_state must be an instance of"):
        make_sample_scorer(energy_distance, random_state=None)
