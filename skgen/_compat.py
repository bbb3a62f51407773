"""Every private name of scikit-learn that the package uses, with the reason.

A new release of scikit-learn may rename them. Other files import such names from here only, and
:data:`INHERITED` lists the private attributes of scikit-learn's classes that are used or
overridden; ``tests/test_architecture.py`` tests both.
"""

from typing import Any

# Takes some rows of a list, an array or a frame.
from sklearn.utils import _safe_indexing

# The descriptor of methods that exist only for some instances, and its check.
from sklearn.utils._available_if import _AvailableIfDescriptor

# The metadata requests of `set_fit_request` and the like, which files contain.
from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest

# The constraints of constructor parameters, and their check.
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

# The container that `set_output` asks for, which `sample`, `impute` and others return.
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config

# Checks the argument of `get_feature_names_out`; the number of rows of any container.
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
