"""What a sizer can be made of, and what not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.pipeline import Pipeline

from ..neural_network import AllCNNClassifier, AllCNNRegressor
from ..preprocessing import QStandardizer
from .parts import TARGETS

__all__ = ["check_regressor", "fitted_steps"]


def fitted_steps(pipeline: Pipeline) -> tuple[QStandardizer, AllCNNClassifier]:
    """The two fitted steps of a pipeline that a sizer can be made of."""
    steps = pipeline.named_steps
    standardizer, classifier = steps.get("qstandardizer"), steps.get("allcnn")
    right = isinstance(standardizer, QStandardizer) and isinstance(classifier, AllCNNClassifier)
    if not right or len(steps) != 2:
        raise ValueError(
            "pipeline must have the steps 'qstandardizer' and 'allcnn' and no other, as "
            f"make_sizing_pipeline() gives; it has {', '.join(map(repr, steps))}"
        )
    if not (hasattr(standardizer, "q_") and hasattr(classifier, "layers_")):
        raise ValueError("pipeline is not fitted; call pipeline.fit(X, y) first")
    if len(standardizer.q_) != standardizer.n_points:
        raise ValueError(
            f"pipeline was fitted on a bare array of {len(standardizer.q_)} columns, which has no "
            "Q axis; fit it on a DataArray with a coordinate q, or give QStandardizer(input_q=...)"
        )
    classes = np.asarray(classifier.classes_)
    if classes.dtype.kind not in "iu" or classes.min() <= 0:
        raise ValueError("the classes must be diameters in picometres, positive integers")
    return standardizer, classifier


def check_regressor(
    regressor: AllCNNRegressor | None, targets: Sequence[str], standardizer: QStandardizer
) -> None:
    """Refuse a regressor that does not fit the standardiser or what it is said to estimate."""
    if regressor is None:
        if targets:
            raise ValueError("targets are given without a regressor")
        return
    if not hasattr(regressor, "layers_"):
        raise ValueError("regressor is not fitted; call regressor.fit(X, y) first")
    unknown = set(targets) - set(TARGETS)
    if unknown or len(set(targets)) < len(targets) or len(targets) != len(regressor.mean_):
        raise ValueError(
            f"targets is {tuple(targets)!r}; name each of the regressor's {len(regressor.mean_)} "
            f"targets once, of {', '.join(TARGETS)}"
        )
    if regressor.n_features_in_ != len(standardizer.q_):
        raise ValueError(
            f"regressor was fitted on {regressor.n_features_in_} points and the standardiser gives "
            f"{len(standardizer.q_)}"
        )
