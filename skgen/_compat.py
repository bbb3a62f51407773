"""Every private name of scikit-learn that is used here, and why: what a new release may break.

Other files import such names from here only, and :data:`INHERITED` lists the private attributes of
scikit-learn's classes that are used or overridden; ``tests/test_architecture.py`` holds both.
"""

from typing import Any

# Some rows of any container, such as a condition in a list, an array or a frame.
from sklearn.utils import _safe_indexing

# To tell whether a method of a class is there for an instance, without calling what checks it.
from sklearn.utils._available_if import _AvailableIfDescriptor

# What a file keeps of `set_fit_request` and the like.
from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest

# The tables of constructor parameters, in which scikit-learn's own estimators say their ranges.
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

# The container that `set_output` asks for: `sample`, `impute` and others return it, too.
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config

# The names that `get_feature_names_out` is given; the number of rows of any container.
from sklearn.utils.validation import _check_feature_names_in, _num_samples

__all__ = [
    "ADAPTERS_MANAGER",
    "INHERITED",
    "HasMethods",
    "Interval",
    "MetadataRequest",
    "MethodMetadataRequest",
    "StrOptions",
    "_AvailableIfDescriptor",
    "_check_feature_names_in",
    "_get_output_config",
    "_num_samples",
    "_safe_indexing",
    "scale_after_power",
    "validate_parameter_constraints",
]

INHERITED = {
    "_parameter_constraints": "the table of an estimator's parameters and their ranges",
    "_validate_params": "checks the parameters against that table",
    "_get_param_names": "the parameters, where get_params would read their values",
    "_final_estimator": "the last step of a pipeline, of which it may lack",
    "_validate_steps": "checks the steps of a pipeline",
    "_get_metadata_for_step": "hands a pipeline's last step `source` as the steps transform it",
}


def scale_after_power(step: Any) -> Any:
    """Return what a fitted PowerTransformer divides by once the powers are taken."""
    return step._scaler.scale_
