"""Fitted networks as numbers and arrays, and back, read with distrust.

A fitted network is a handful of matrices and what its encoding learnt. What comes from a file
is checked for its type, range and shape before anything is built from it, and a network must
answer before it is handed out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .._typing import Json, JsonObject
from ._classifier import AllCNNClassifier
from ._encoding import N_NODES, N_NUISANCES, Encoding
from ._regressor import AllCNNRegressor
from .mixture import n_components_of, n_mixture_outputs

__all__ = [
    "checked_array",
    "checked_number",
    "checked_object",
    "classifier_from_section",
    "is_plain",
    "network_arrays",
    "network_section",
    "regressor_from_section",
]

Arrays = Mapping[str, npt.NDArray[np.generic]]
Network = AllCNNClassifier | AllCNNRegressor

_MAX_ACTIVATIONS = 2**21  # of a layer, for one pattern
_LARGEST_NUISANCE = 1e6  # of the counting noise; larger ones make the matrices singular
_LARGEST_TARGET = 1e6  # nm; mean and scale of what is estimated
_MAX_TOLD = 1000
_MAX_COMPONENTS = 1000
_LARGEST_TOLD = 1e6
_PARAMETERS = (
    "preset",
    "n_filters",
    "kernel_sizes",
    "channels",
    "batch_norm",
    "n_linear",
    "q_bias",
    "lr",
    "schedule",
    "precision",
    "weight_decay",
    "batch_size",
    "max_epochs",
    "steps_per_epoch",
    "early_stopping",
    "validation_fraction",
    "n_iter_no_change",
)
_LATER_PARAMETERS = {"n_told": 0, "n_components": 1}  # written where they are no defaults
_TUPLES = ("n_filters", "kernel_sizes", "channels")


def network_section(network: Network, name: str) -> JsonObject:
    """What a file says of a fitted network besides its arrays.

    Parameters
    ----------
    network : AllCNNClassifier or AllCNNRegressor
        Fitted.
    name : str
        Key under which the parameters stand.

    Returns
    -------
    dict
        The parameters, with the layers as they are (what a preset's name means may change),
        and ``level`` and ``scale`` of the encoding, with told columns also ``told_scale``.
    """
    parameters = {p: getattr(network.architecture_, p, getattr(network, p)) for p in _PARAMETERS}
    encoding = network.encoding_
    section: JsonObject = {
        name: {**parameters, **_later_parameters(network)},
        "level": encoding.level,
        "scale": list(encoding.scale),
    }
    if encoding.n_told:
        section["told_scale"] = list(encoding.told_scale)
    return section


def is_plain(network: Network) -> bool:
    """Whether release 0.1.0 could read a fitted network: one without told columns or mixture.

    Parameters
    ----------
    network : AllCNNClassifier or AllCNNRegressor
        Fitted.

    Returns
    -------
    bool
    """
    return not _later_parameters(network)


def _later_parameters(network: Network) -> dict[str, int]:
    """Those of a fitted network that are no defaults."""
    found = {"n_told": network.encoding_.n_told}
    if isinstance(network, AllCNNRegressor):
        found["n_components"] = n_components_of(len(network.layers_[-1][1]), len(network.mean_))
    return {name: value for name, value in found.items() if value != _LATER_PARAMETERS[name]}


def network_arrays(network: Network, prefix: str = "") -> dict[str, npt.NDArray[np.generic]]:
    """Arrays of a fitted network, by name.

    Parameters
    ----------
    network : AllCNNClassifier or AllCNNRegressor
        Fitted.
    prefix : str, default=""
        How the names begin.

    Returns
    -------
    dict of str to ndarray
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {
        f"{prefix}{name}": getattr(network.encoding_, name)
        for name in ("mean", "noise", "nuisance")
    }
    for k, (weight, bias) in enumerate(network.layers_):
        arrays[f"{prefix}weight{k}"], arrays[f"{prefix}bias{k}"] = weight, bias
    return arrays


def classifier_from_section(
    section: Mapping[str, Json],
    arrays: Arrays,
    prefix: str,
    n_points: int,
    classes: npt.NDArray[np.int64],
) -> AllCNNClassifier:
    """Build a classifier from what a file holds.

    Parameters
    ----------
    section : mapping
        As :func:`network_section` gives, under ``"classifier"``.
    arrays : mapping of str to ndarray
    prefix : str
        How the names of its arrays begin.
    n_points : int
        Of its patterns, told columns left out.
    classes : ndarray of shape (n_classes,) of int
        In picometres.

    Returns
    -------
    AllCNNClassifier
        It predicts, and cannot go on training.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, of another kind, or inconsistent.
    """
    classifier = AllCNNClassifier(**_checked_parameters(section["classifier"]))
    classifier.classes_ = classes
    if section["labels_between_classes"] is True:
        classifier.classes = classes
    _fill(classifier, section, arrays, prefix, n_points, len(classes))
    return classifier


def regressor_from_section(
    section: Mapping[str, Json], arrays: Arrays, prefix: str, n_points: int, n_targets: int
) -> AllCNNRegressor:
    """Build a regressor from what a file holds.

    Parameters
    ----------
    section : mapping
        As :func:`network_section` gives, under ``"parameters"``.
    arrays : mapping of str to ndarray
    prefix : str
        How the names of its arrays begin.
    n_points : int
        Of its patterns, told columns left out.
    n_targets : int

    Returns
    -------
    AllCNNRegressor

    Raises
    ------
    KeyError, TypeError, ValueError
        As :func:`classifier_from_section`.
    """
    regressor = AllCNNRegressor(**_checked_parameters(section["parameters"]))
    n_outputs = n_mixture_outputs(_checked_components(regressor), n_targets)
    _fill(regressor, section, arrays, prefix, n_points, n_outputs)
    regressor.mean_ = checked_array(arrays, f"{prefix}target_mean", (n_targets,))
    regressor.scale_ = checked_array(arrays, f"{prefix}target_scale", (n_targets,))
    if regressor.scale_.min() <= 0:
        raise ValueError("the scale of a target must be positive")
    if max(float(np.abs(regressor.mean_).max()), float(regressor.scale_.max())) > _LARGEST_TARGET:
        raise ValueError("mean and scale of the targets hold extreme values")
    regressor._flat = False
    return regressor


def checked_number(value: Json) -> float:
    """Number of a file; a truth value or a text is none.

    Parameters
    ----------
    value : object

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If it is no number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def checked_array(
    arrays: Arrays,
    name: str,
    shape: tuple[int | None, ...],
    kind: Literal["floating", "integer"] = "floating",
) -> npt.NDArray[Any]:
    """Array of a file, of a shape and kind that are asked for.

    Parameters
    ----------
    arrays : mapping of str to ndarray
    name : str
    shape : tuple of int or None
        None for any length.
    kind : {"floating", "integer"}, default="floating"
        Of its numbers; their precision is that of the file.

    Returns
    -------
    ndarray

    Raises
    ------
    KeyError, ValueError
        If it is missing, of another shape or kind, or not finite.
    """
    array = arrays[name]
    if array.ndim != len(shape) or any(
        n is not None and n != m for n, m in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"array {name} has shape {array.shape}; expected {shape}")
    if not np.issubdtype(array.dtype, getattr(np, kind)) or not np.isfinite(array).all():
        raise ValueError(f"array {name} holds values that are not finite numbers")
    return array


def checked_object(value: Json, name: str) -> JsonObject:
    """Object of a file.

    Parameters
    ----------
    value : object
    name : str
        What it is called in the error.

    Returns
    -------
    dict

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object")
    return value


def _checked_parameters(section: Json) -> dict[str, Any]:
    """Parameters of a network, lists as the tuples that they were."""
    said = checked_object(section, "the parameters of a network")
    parameters: dict[str, Any] = {p: said[p] for p in _PARAMETERS}
    parameters |= {p: said[p] for p in _LATER_PARAMETERS if p in said}
    for name in _TUPLES:
        value = parameters[name]
        if isinstance(value, list):
            if not all(isinstance(item, int | str) for item in value):
                raise ValueError(f"{name} must be a list of numbers or names")
            parameters[name] = tuple(value)
    return parameters


def _checked_components(regressor: AllCNNRegressor) -> int:
    regressor._validate_params()
    if regressor.n_components > _MAX_COMPONENTS:
        raise ValueError(f"n_components is {regressor.n_components}; {_MAX_COMPONENTS} at most")
    return regressor.n_components


def _fill(
    network: Network,
    section: Mapping[str, Json],
    arrays: Arrays,
    prefix: str,
    n_points: int,
    n_outputs: int,
) -> None:
    """Give a network its layers and its encoding, and ask it once."""
    network._validate_params()
    if network.n_told > _MAX_TOLD:
        raise ValueError(f"n_told is {network.n_told}; {_MAX_TOLD} at most")
    architecture = network._architecture()
    widths = (len(architecture.channels), *architecture.widths)
    lengths = architecture.lengths(n_points)
    layers = zip(lengths, architecture.kernel_sizes, widths, widths[1:], strict=False)
    activations = max(n * max(kernel * n_in, n_out) for n, kernel, n_in, n_out in layers)
    if activations > _MAX_ACTIVATIONS:
        raise ValueError(f"a layer of {activations} values for one pattern")
    folded = []
    for k, kernel in enumerate(architecture.kernel_sizes):
        size = (widths[k] * kernel, widths[k + 1])
        weight = checked_array(arrays, f"{prefix}weight{k}", size)
        shape = (lengths[k], widths[k + 1]) if architecture.q_bias else (widths[k + 1],)
        folded.append((weight, checked_array(arrays, f"{prefix}bias{k}", shape)))
    last = len(folded)
    weight = checked_array(arrays, f"{prefix}weight{last}", (widths[-1], n_outputs))
    folded.append((weight, checked_array(arrays, f"{prefix}bias{last}", (n_outputs,))))
    network.architecture_ = architecture
    network.layers_ = folded
    network.encoding_ = _encoding(section, arrays, prefix, n_points, network.n_told)
    network.n_features_in_ = n_points + network.n_told
    _check_answers(network)


def _encoding(
    section: Mapping[str, Json], arrays: Arrays, prefix: str, n_points: int, n_told: int
) -> Encoding:
    level, (first, second) = checked_number(section["level"]), _pair(section, "scale")
    if not all(0 < value < math.inf for value in (level, first, second)):
        raise ValueError("level and scale must be positive and finite")
    noise = checked_array(arrays, f"{prefix}noise", (n_points,))
    nuisance = checked_array(arrays, f"{prefix}nuisance", (None, None))
    if noise.min() <= 0:
        raise ValueError("the noise must be positive")
    if not 1 <= len(nuisance) <= min(n_points, N_NODES) or nuisance.shape[1] > N_NUISANCES:
        raise ValueError(f"array {prefix}nuisance has shape {nuisance.shape}")
    if np.abs(nuisance).max(initial=0.0) > _LARGEST_NUISANCE:
        raise ValueError(f"array {prefix}nuisance holds extreme values")
    mean = checked_array(arrays, f"{prefix}mean", (n_points,))
    told = _pair(section, "told_scale") if n_told else (0.0, 1.0)
    if not (abs(told[0]) < _LARGEST_TOLD and 0 < told[1] < _LARGEST_TOLD):
        raise ValueError("told_scale holds extreme values")
    return Encoding(mean, noise, nuisance, level, (first, second), n_told, told)


def _pair(section: Mapping[str, Json], name: str) -> tuple[float, float]:
    values = section[name]
    if not isinstance(values, list) or len(values) != 2:
        raise ValueError(f"{name} must be two numbers")
    return checked_number(values[0]), checked_number(values[1])


def _check_answers(network: Network) -> None:
    """A pattern unlike the mean one, whole and in part, must have an answer."""
    encoding = network.encoding_
    mean = encoding.mean
    patterns = np.tile(mean * (1.0 + 0.3 * np.cos(np.arange(len(mean)) / 30.0)), (2, 1))
    patterns[1, len(mean) // 2 :] = np.nan
    told = np.full((2, encoding.n_told), encoding.told_scale[0])
    told[1] = np.nan
    network._outputs(np.hstack([patterns, told]))
