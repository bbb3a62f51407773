"""The rest of rows drawn given some of their columns, by ``sample(n, given=...)`` of a pipeline."""

import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from skgen import BinaryLatentDiffusion, TableEncoder, make_generative_pipeline

RNG = np.random.default_rng(0)
N = 200
GOODS = RNG.choice(["boots", "poles", "skis"], N)
ORDERS = pd.DataFrame(
    {
        "goods": GOODS,
        "age": RNG.integers(18, 80, N),
        "price": np.round(np.where(GOODS == "skis", 400, 90) + RNG.normal(0, 5, N), 2),
        "paid": RNG.random(N) < 0.5,
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 90, N), "D"),
        "size": pd.Categorical(RNG.choice(["s", "m", "l"], N), ["s", "m", "l"], ordered=True),
    }
)


def quick():
    return BinaryLatentDiffusion(max_steps=30, random_state=0)


@pytest.fixture(scope="module")
def pipe():
    return make_generative_pipeline(TableEncoder(), quick()).fit(ORDERS)


def test_the_rest_is_drawn_given_values(pipe):
    given = {"goods": "skis", "day": "2024-02-03", "size": "m"}
    drawn = pipe.sample(20, given=given, random_state=3)
    assert drawn.dtypes.equals(ORDERS.dtypes)
    assert drawn.index.equals(pd.RangeIndex(20))
    assert (drawn["goods"] == "skis").all()
    assert (drawn["day"] == pd.Timestamp("2024-02-03")).all()
    assert (drawn["size"] == "m").all()
    assert drawn["price"].between(ORDERS["price"].min(), ORDERS["price"].max()).all()
    assert drawn["age"].nunique() > 1
    asked = drawn[["goods", "day", "size"]].reindex(columns=ORDERS.columns)
    pd.testing.assert_frame_equal(drawn, pipe.impute(asked, random_state=3).astype(ORDERS.dtypes))


def test_the_rest_is_drawn_given_a_frame_with_gaps(pipe):
    given = pd.DataFrame({"age": [30, None, 50], "goods": ["skis", "boots", None]}, index=[7, 8, 9])
    drawn = pipe.sample(3, given=given, random_state=0)
    assert drawn.dtypes.equals(ORDERS.dtypes)
    assert list(drawn.columns) == list(ORDERS.columns)
    assert drawn.index.tolist() == [7, 8, 9]
    assert drawn["age"].tolist()[::2] == [30, 50]
    assert drawn["goods"].tolist()[:2] == ["skis", "boots"]
    assert drawn.loc[9, "goods"] in ("boots", "poles", "skis")


def test_the_rest_is_drawn_without_an_encoder():
    numbers = ORDERS[["age", "price"]].astype(float)
    pipe = make_generative_pipeline(StandardScaler(), quick()).fit(numbers)
    drawn = pipe.sample(4, given={"age": 40})
    assert drawn.columns.tolist() == ["age", "price"]
    assert drawn["age"].tolist() == [40.0] * 4
    assert drawn["price"].nunique() > 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"good": "skis"}, "the column 'good', which fit did not see; it saw 'goods', 'age'"),
        ({"goods": "ski"}, "'ski' in column 'goods', where fit saw '(boots|poles|skis)', "),
        ({"size": "xl"}, "'xl' in column 'size', which has the categories 's', 'm', 'l'"),
        ({"age": "old"}, "'old' in column 'age', which is of dtype int64"),
        ({"age": 30.5}, "30.5 in column 'age', which is of dtype int64"),
        ({"paid": "no"}, "'no' in column 'paid', which is of dtype bool"),
        ({"day": "soon"}, "'soon' in column 'day', which is of dtype datetime64"),
        ({"price": [1.0, 2.0]}, r"\[1.0, 2.0\] in column 'price', which is of dtype float64"),
        (pd.DataFrame({"age": [30, 31, 4.5]}), "4.5 in column 'age'"),
        (pd.DataFrame({"age": [30]}), r"given has 1 rows, and n_samples is 3.*sample\(1, given"),
    ],
)
def test_what_fit_did_not_see_is_refused(pipe, given, message):
    with pytest.raises(ValueError, match=message):
        pipe.sample(3, given=given)


def test_what_cannot_be_given_is_told(pipe):
    with pytest.raises(TypeError, match="given must be a dict of columns"):
        pipe.sample(3, given="skis")
    with pytest.raises(TypeError, match="no guidance_scale together with given="):
        pipe.sample(3, given={"age": 30}, guidance_scale=1.0)
    mixture = make_generative_pipeline(TableEncoder(), GaussianMixture()).fit(ORDERS)
    with pytest.raises(TypeError, match=r"step 'gaussianmixture', .*has no impute"):
        mixture.sample(3, given={"age": 30})
    numbers = ORDERS[["age", "price"]].to_numpy(float)
    with pytest.raises(TypeError, match="fitted to an array, which has no names"):
        make_generative_pipeline(TableEncoder(), quick()).fit(numbers).sample(given={0: 30})
