"""Published data sets that are too large to ship: read from a folder, or fetched from OpenML.

A set is one file. It is looked for in the folder `data_home`, or, without that argument, in the one
that the environment variable ``SKGEN_DATA`` names; where it is not there and OpenML has the set, it
is fetched from OpenML.
"""

import os
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

from ._crops import check_subset

# Names of columns.
HOUSING = """
longitude latitude housing_median_age total_rooms total_bedrooms population households
median_income median_house_value
"""
ADULT = """
age workclass fnlwgt education education_num marital_status occupation relationship race sex
capital_gain capital_loss hours_per_week native_country income
"""


def _find(file_name, data_home):
    """Return the path of a file, None if it is not there, and where it was looked for.

    Parameters
    ----------
    file_name : str
        Name of the file.

    data_home : path-like or None
        Folder to look in; None for the one that ``SKGEN_DATA`` names.

    Returns
    -------
    path : Path or None
        Where the file is.

    looked : str
        Where it was looked for, in words.
    """
    home = data_home if data_home is not None else os.environ.get("SKGEN_DATA")
    if not home:
        return None, "in no folder: data_home is None and SKGEN_DATA is not set"
    folder = Path(home).expanduser()
    path = folder / file_name
    source = "SKGEN_DATA" if data_home is None else "data_home"
    return (path if path.is_file() else None), f"in {str(folder)!r} ({source})"


def _missing(file_name, looked, remedy):
    """Make the error for a file that is neither in a folder nor to be had otherwise."""
    return OSError(
        f"{file_name} was not found: looked {looked}; {remedy} Name the folder that holds the file "
        "by data_home=... or by the environment variable SKGEN_DATA."
    )


def _openml(data_id, file_name, looked, data_home):
    """Fetch a set from OpenML as a frame, or say where its file was looked for.

    Parameters
    ----------
    data_id : int
        Number of the set on OpenML.

    file_name, looked : str
        What was not found, and where.

    data_home : path-like or None
        Folder that scikit-learn caches the download in; None for its own.

    Returns
    -------
    frame : DataFrame
        All columns of the set.

    Raises
    ------
    OSError
        If OpenML cannot be reached.
    """
    try:
        return fetch_openml(
            data_id=data_id, target_column=None, as_frame=True, data_home=data_home
        ).data
    except (OSError, HTTPException) as error:
        address = f"https://www.openml.org/d/{data_id}"
        remedy = f"fetching {address} failed ({error!r})."
        raise _missing(file_name, looked, remedy) from error


def _read_columns(path, columns):
    """Read the named columns of a CSV file, in the order given."""
    frame = pd.read_csv(path)
    absent = [column for column in columns if column not in frame]
    if absent:
        raise ValueError(f"{path} has no column {absent}: it has {list(frame)}.")
    return frame[columns]


def _table(frame, as_frame, descr):
    """Bundle a frame of numeric columns as scikit-learn does."""
    frame = frame.astype(np.float64)
    return Bunch(
        data=frame if as_frame else frame.to_numpy(), feature_names=list(frame), DESCR=descr
    )


def fetch_mnist(*, subset="train", data_home=None, return_X_y=False):
    """Load the handwritten digits of MNIST.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The 60,000 images meant for training or the 10,000 meant for testing.

    data_home : str, path-like or None, default=None
        Folder that holds ``mnist.npz`` (arrays ``x_train``, ``y_train``, ``x_test``, ``y_test``);
        None for the folder that the environment variable ``SKGEN_DATA`` names. Without the file,
        the set is fetched from OpenML and cached, in `data_home` if that is given.

    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    mnist : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : ndarray of shape (n_images, 784), float32
            Flattened images of 28 x 28 pixels, with whole-numbered intensities from 0 to 255.
        target : ndarray of shape (n_images,), int64
            The digits, 0 to 9.
        feature_names : list of str
            Row and column of each pixel.
        DESCR : str
            Description of the data set.

    (data, target) : tuple of two ndarrays
        If `return_X_y` is True.

    Raises
    ------
    ValueError
        If `subset` is unknown.
    OSError
        If the file is not there and OpenML cannot be reached.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86, 1998.

    Examples
    --------
    >>> from skgen.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (10000, 784)
    """
    check_subset(subset, ("train", "test"))
    file_name = "mnist.npz"
    path, looked = _find(file_name, data_home)
    if path is not None:
        with np.load(path) as arrays:
            data, target = arrays[f"x_{subset}"], arrays[f"y_{subset}"]
    else:
        frame = _openml(554, file_name, looked, data_home)
        # OpenML holds the training images first
        rows = slice(None, 60_000) if subset == "train" else slice(60_000, None)
        data = frame.drop(columns="class").to_numpy()[rows]
        target = frame["class"].to_numpy()[rows]
    data = data.reshape(len(data), -1).astype(np.float32)
    target = target.astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=[f"pixel_{row}_{column}" for row in range(28) for column in range(28)],
        DESCR=f"MNIST handwritten digits, {subset} images: {len(data)} of 28 x 28 pixels, "
        "intensities 0 to 255, with the digit as target. Y. LeCun, C. Cortes, C. Burges.",
    )


def fetch_california_housing(*, data_home=None, as_frame=False):
    """Load block groups of the 1990 census of California, with missing entries.

    All columns are in `data`, the median house value last: a generative model learns their joint
    distribution. Other than :func:`sklearn.datasets.fetch_california_housing`, this version of the
    set has totals instead of averages, and 207 missing numbers of bedrooms.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Folder that holds ``california_housing.csv``; None for the folder that the environment
        variable ``SKGEN_DATA`` names. Without the file, the set is fetched from OpenML and cached,
        in `data_home` if that is given.

    as_frame : bool, default=False
        Whether `data` is a pandas DataFrame.

    Returns
    -------
    housing : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : ndarray or DataFrame of shape (20640, 9), float64
            The numeric columns, NaN where an entry is missing.
        feature_names : list of str
            Names of the columns.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If the file lacks a column.
    OSError
        If the file is not there and OpenML cannot be reached.

    References
    ----------
    .. [1] R. Pace, R. Barry, "Sparse spatial autoregressions", Statistics and Probability
       Letters 33, 1997.

    Examples
    --------
    >>> from skgen.datasets import fetch_california_housing
    >>> housing = fetch_california_housing()  # doctest: +SKIP
    >>> housing.data.shape  # doctest: +SKIP
    (20640, 9)
    """
    columns = HOUSING.split()
    file_name = "california_housing.csv"
    path, looked = _find(file_name, data_home)
    if path is not None:
        frame = _read_columns(path, columns)
    else:
        frame = _openml(43939, file_name, looked, data_home)[columns]
    return _table(
        frame,
        as_frame,
        "California housing: block groups of the 1990 census, with position (degrees), age of "
        "houses (years), totals, median income (10,000 dollars) and house value (dollars); 207 "
        "blanks in total_bedrooms. R. Pace, R. Barry, 1997.",
    )


def fetch_power_plant(*, data_home=None, as_frame=False):
    """Load hourly averages of a combined cycle power plant.

    All columns are in `data`, the energy output last: a generative model learns their joint
    distribution. OpenML is not asked for this set, so its file has to be there.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Folder that holds ``power_plant_ccpp.csv``, the table of the UCI repository (set 294) with
        its header ``AT,V,AP,RH,PE``; None for the folder that the environment variable
        ``SKGEN_DATA`` names.

    as_frame : bool, default=False
        Whether `data` is a pandas DataFrame.

    Returns
    -------
    plant : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : ndarray or DataFrame of shape (9568, 5), float64
            Temperature AT (degrees Celsius), exhaust vacuum V (cm Hg), pressure AP (mbar),
            relative humidity RH (%) and net energy output PE (MW).
        feature_names : list of str
            Names of the columns.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If the file lacks a column.
    OSError
        If the file is not there.

    References
    ----------
    .. [1] P. Tüfekci, "Prediction of full load electrical power output of a base load operated
       combined cycle power plant using machine learning methods", International Journal of
       Electrical Power and Energy Systems 60, 2014.

    Examples
    --------
    >>> from skgen.datasets import fetch_power_plant
    >>> plant = fetch_power_plant()  # doctest: +SKIP
    >>> plant.feature_names  # doctest: +SKIP
    ['AT', 'V', 'AP', 'RH', 'PE']
    """
    file_name = "power_plant_ccpp.csv"
    path, looked = _find(file_name, data_home)
    if path is None:
        raise _missing(
            file_name,
            looked,
            "download it from https://archive.ics.uci.edu/dataset/294 and save the table as CSV.",
        )
    return _table(
        _read_columns(path, ["AT", "V", "AP", "RH", "PE"]),
        as_frame,
        "Combined cycle power plant at full load, 2006 to 2011: hourly averages of temperature, "
        "exhaust vacuum, pressure, humidity and net energy output. P. Tüfekci, H. Kaya; UCI "
        "repository, CC BY 4.0.",
    )


def fetch_adult(*, subset="train", data_home=None):
    """Load people of the US census of 1994, a table of mixed columns with missing entries.

    All columns are in `data`, the class of income last: a generative model learns their joint
    distribution.

    Parameters
    ----------
    subset : {"train", "test"}, default="train"
        The 32,561 rows meant for training or the 16,281 meant for testing.

    data_home : str, path-like or None, default=None
        Folder that holds ``adult.csv``, both subsets with a column ``split``; None for the folder
        that the environment variable ``SKGEN_DATA`` names. Without the file, the set is fetched
        from OpenML and cached, in `data_home` if that is given.

    Returns
    -------
    adult : :class:`~sklearn.utils.Bunch`
        Dictionary-like, with the attributes

        data : DataFrame of shape (n_people, 15)
            Six columns of integers and nine of categories, the same ones in both subsets; NaN where
            an entry is missing.
        feature_names : list of str
            Names of the columns.
        DESCR : str
            Description of the data set.

    Raises
    ------
    ValueError
        If `subset` is unknown, the file lacks a column, or OpenML has changed the order of rows.
    OSError
        If the file is not there and OpenML cannot be reached.

    References
    ----------
    .. [1] R. Kohavi, "Scaling up the accuracy of naive-Bayes classifiers: a decision-tree hybrid",
       KDD 1996.

    Examples
    --------
    >>> from skgen.datasets import fetch_adult
    >>> adult = fetch_adult()  # doctest: +SKIP
    >>> adult.data.shape  # doctest: +SKIP
    (32561, 15)
    """
    check_subset(subset, ("train", "test"))
    columns = ADULT.split()
    file_name = "adult.csv"
    path, looked = _find(file_name, data_home)
    if path is not None:
        frame = _read_columns(path, [*columns, "split"])
        is_train = frame.pop("split").to_numpy() == "train"
    else:
        frame = _openml(1590, file_name, looked, data_home)
        frame = frame.rename(columns=lambda name: name.replace("-", "_"))
        frame = frame.rename(columns={"class": "income"})[columns]
        # OpenML holds the test rows first; the first row for training is known.
        is_train = np.arange(len(frame)) >= 16_281
        first = frame[is_train].iloc[:1]
        if first[["age", "fnlwgt"]].to_numpy().tolist() != [[39, 77_516]]:
            raise ValueError(
                "The rows of https://www.openml.org/d/1590 are not in the order that tells its "
                "subsets apart; give the folder of adult.csv as data_home=..."
            )
    for column in columns:
        numeric = pd.api.types.is_numeric_dtype(frame[column])
        values = frame[column] if numeric else frame[column].astype(object)
        frame[column] = values.astype(np.int64 if numeric else "category")
    return Bunch(
        data=frame[is_train == (subset == "train")].reset_index(drop=True),
        feature_names=columns,
        DESCR="Adult: people of the US census of 1994, with age (years), hours of work a week, "
        "capital gains and losses (dollars), education, occupation and others, and whether they "
        "earn more than 50,000 dollars a year; blanks in workclass, occupation and "
        "native_country. B. Becker, R. Kohavi; UCI repository, CC BY 4.0.",
    )
