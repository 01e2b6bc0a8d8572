"""From what the files of a sizer hold to its fitted steps.

Every value that is used is checked for its type, range and shape before anything is
built from it, and the network must answer before it is handed out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..neural_network import AllCNNClassifier, AllCNNRegressor
from ..neural_network._encoding import N_NODES, N_NUISANCES, Encoding
from ..preprocessing import QStandardizer
from .reference import ReferencePatterns

__all__ = [
    "LARGEST_STRAIN",
    "NAME",
    "NETWORK_PARAMETERS",
    "REGRESSOR",
    "STANDARDIZER_PARAMETERS",
    "STRAIN_ROOM",
    "TARGETS",
    "SizerParts",
    "build_parts",
    "check_printable",
]

Array = npt.NDArray[Any]

_MAX_ACTIVATIONS = 2**21  # of a layer, for one pattern
_LARGEST_CLASS = 10**9  # pm
_LARGEST_AREA = 1e12
_LARGEST_NUISANCE = 1e6  # of the counting noise; larger ones make the matrices singular
STANDARDIZER_PARAMETERS = ("q_min", "q_max", "n_points", "padding", "coarse", "area")
NETWORK_PARAMETERS = (
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
_TUPLES = ("n_filters", "kernel_sizes", "channels")
REGRESSOR = "regressor_"  # how its arrays begin
LARGEST_STRAIN = 0.011  # that a pattern may show, unless a sizer was trained for more
STRAIN_ROOM = 0.005  # beyond the trained strains, before a pattern is refused
TARGETS = (
    "diameter",
    "dispersion",
    "strain",
    "volume_diameter",
    "width",
    "length",
    "thickness",
)
NAME = re.compile(r"[\w .+()-]{1,80}", flags=re.ASCII)


@dataclass(frozen=True)
class SizerParts:
    """What the two files of a sizer hold."""

    standardizer: QStandardizer
    classifier: AllCNNClassifier
    reference: ReferencePatterns | None
    regressor: AllCNNRegressor | None
    targets: tuple[str, ...]
    facts: dict[str, Any]


def build_parts(manifest: Mapping[str, Any], arrays: Mapping[str, Array]) -> SizerParts:
    """Build the parts of a sizer.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, of another kind, or inconsistent.
    """
    standardizer, classifier = _build(manifest, arrays)
    facts = _facts(manifest, standardizer.q_)
    _check_answers(classifier)
    regressor: AllCNNRegressor | None = None
    targets: tuple[str, ...] = ()
    if "regressor" in manifest:
        regressor, targets = _regressor(manifest["regressor"], arrays, standardizer.n_points)
    reference = None
    if "reference_patterns" in arrays:
        q = _array(arrays, "reference_q", (None,), np.floating)
        diameters = _array(arrays, "reference_diameters", (None,), np.integer)
        dispersions = _array(arrays, "reference_dispersions", (None,), np.floating)
        shape = (len(diameters), len(dispersions), len(q))
        patterns = _array(arrays, "reference_patterns", shape, np.floating)
        inside = standardizer.q_[0] - 0.01 < q[0] and q[-1] < standardizer.q_[-1] + 0.01
        if len(q) < 100 or not inside or np.any(np.diff(q) <= 0) or not len(dispersions):
            raise ValueError("the reference patterns have no Q axis or no dispersion")
        if set(classifier.classes_) - set(diameters):
            raise ValueError("the reference patterns do not fit the classes")
        reference = ReferencePatterns(q, diameters, dispersions, patterns.astype(np.float32))
    return SizerParts(standardizer, classifier, reference, regressor, targets, facts)


def _build(
    manifest: Mapping[str, Any], arrays: Mapping[str, Array]
) -> tuple[QStandardizer, AllCNNClassifier]:
    given = manifest["standardizer"]
    standardizer = QStandardizer(**{p: given[p] for p in STANDARDIZER_PARAMETERS})
    if not 2 <= standardizer.n_points <= 10**6:
        raise ValueError(f"n_points is {standardizer.n_points}")
    standardizer._validate_params()
    if not standardizer.area <= _LARGEST_AREA:
        raise ValueError(f"area is {standardizer.area}")
    if "input_q" in arrays:
        standardizer.input_q = _array(arrays, "input_q", (None,), np.floating)
        standardizer.fit(np.ones((1, len(standardizer.input_q))))
    else:
        standardizer.fit(np.ones((1, standardizer.n_points)))
    classifier = AllCNNClassifier(**_given(manifest["classifier"]))
    n_points = int(standardizer.n_points)
    classes = _array(arrays, "classes", (None,), np.integer)
    if classes.size < 2 or not int(classes[0]) > 0 or int(classes.max()) > _LARGEST_CLASS:
        raise ValueError("the classes must be positive diameters in picometres")
    classes = classes.astype(np.int64)
    if np.any(np.diff(classes) <= 0):
        raise ValueError("the classes do not ascend")
    if manifest["classes"] != classes.tolist():
        raise ValueError("the classes of the manifest are not those of the arrays")
    classifier.classes_ = classes
    if manifest["labels_between_classes"] is True:
        classifier.classes = classes
    _fill(classifier, manifest, arrays, "", n_points, len(classes))
    return standardizer, classifier


def _regressor(
    section: Mapping[str, Any], arrays: Mapping[str, Array], n_points: int
) -> tuple[AllCNNRegressor, tuple[str, ...]]:
    targets = section["targets"]
    named = isinstance(targets, list) and all(name in TARGETS for name in targets)
    if not named or not 1 <= len(set(targets)) == len(targets):
        raise ValueError(f"the targets of the regressor must be of {TARGETS}, each once")
    regressor = AllCNNRegressor(**_given(section["parameters"]))
    _fill(regressor, section, arrays, REGRESSOR, n_points, 2 * len(targets))
    regressor.mean_ = _array(arrays, "regressor_target_mean", (len(targets),), np.floating)
    regressor.scale_ = _array(arrays, "regressor_target_scale", (len(targets),), np.floating)
    if regressor.scale_.min() <= 0:
        raise ValueError("the scale of a target must be positive")
    regressor._flat = False
    _check_answers(regressor)
    return regressor, tuple(targets)


def _given(section: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a network, lists as the tuples that they were."""
    parameters = {p: section[p] for p in NETWORK_PARAMETERS}
    for name in _TUPLES:
        value = parameters[name]
        if isinstance(value, list):
            if not all(isinstance(item, int | str) for item in value):
                raise ValueError(f"{name} must be a list of numbers or names")
            parameters[name] = tuple(value)
    return parameters


def _fill(
    network: AllCNNClassifier | AllCNNRegressor,
    section: Mapping[str, Any],
    arrays: Mapping[str, Array],
    prefix: str,
    n_points: int,
    n_outputs: int,
) -> None:
    """Give a network its layers and its encoding."""
    network._validate_params()
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
        weight = _array(arrays, f"{prefix}weight{k}", size, np.floating)
        shape = (lengths[k], widths[k + 1]) if architecture.q_bias else (widths[k + 1],)
        folded.append((weight, _array(arrays, f"{prefix}bias{k}", shape, np.floating)))
    last = len(folded)
    weight = _array(arrays, f"{prefix}weight{last}", (widths[-1], n_outputs), np.floating)
    folded.append((weight, _array(arrays, f"{prefix}bias{last}", (n_outputs,), np.floating)))
    network.architecture_ = architecture
    network.layers_ = folded
    network.encoding_ = _encoding(section, arrays, prefix, n_points)
    network.n_features_in_ = n_points


def _encoding(
    section: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str, n_points: int
) -> Encoding:
    level, *scale = (_number(value) for value in (section["level"], *section["scale"]))
    noise = _array(arrays, f"{prefix}noise", (n_points,), np.floating)
    nuisance = _array(arrays, f"{prefix}nuisance", (None, None), np.floating)
    if len(scale) != 2 or not all(0 < value < math.inf for value in (level, *scale)):
        raise ValueError("level and scale must be positive and finite")
    if noise.min() <= 0:
        raise ValueError("the noise must be positive")
    if not 1 <= len(nuisance) <= min(n_points, N_NODES) or nuisance.shape[1] > N_NUISANCES:
        raise ValueError(f"array {prefix}nuisance has shape {nuisance.shape}")
    if np.abs(nuisance).max(initial=0.0) > _LARGEST_NUISANCE:
        raise ValueError(f"array {prefix}nuisance holds extreme values")
    mean = _array(arrays, f"{prefix}mean", (n_points,), np.floating)
    return Encoding(mean, noise, nuisance, level, (scale[0], scale[1]))


def _check_answers(network: AllCNNClassifier | AllCNNRegressor) -> None:
    """A pattern unlike the mean one, whole and in part, must have an answer."""
    mean = network.encoding_.mean
    patterns = np.tile(mean * (1.0 + 0.3 * np.cos(np.arange(len(mean)) / 30.0)), (2, 1))
    patterns[1, len(mean) // 2 :] = np.nan
    network._outputs(patterns)


def _facts(manifest: Mapping[str, Any], q: Array) -> dict[str, Any]:
    start, end = (_number(value) for value in manifest["required_range"])
    step = _number(manifest["coarsest_step"])
    inside = q[0] - 0.01 <= start < end <= q[-1] + 0.01
    if not (inside and 0 < step < end - start):
        raise ValueError("required_range or coarsest_step is not valid")
    name = manifest["name"]
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ValueError(
            f"the name {name!r} is not valid: give 1 to 80 letters, digits, blanks or ._+()-"
        )
    facts = {key: manifest[key] for key in ("simulation", "training", "augmentation")}
    absent = {"augmentation": type(None)}  # a network may be trained without
    if not all(isinstance(v, dict | absent.get(k, dict)) for k, v in facts.items()):
        raise ValueError("simulation, training and augmentation must be objects")
    check_printable(facts)
    strain = _number(manifest.get("largest_strain", LARGEST_STRAIN))
    if not 0.0 < strain <= 0.2:
        raise ValueError("largest_strain is not valid")
    return {
        **facts,
        "name": name,
        "required_range": (start, end),
        "coarsest_step": step,
        "largest_strain": strain,
    }


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def check_printable(value: Any) -> None:
    """Refuse control characters: texts are shown on terminals."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_printable(key)
            check_printable(item)
    elif isinstance(value, list):
        for item in value:
            check_printable(item)
    elif isinstance(value, str) and not value.isprintable():
        raise ValueError(f"{value[:40]!r} holds control characters")


def _array(
    arrays: Mapping[str, Array], name: str, shape: tuple[int | None, ...], kind: type
) -> Array:
    array = arrays[name]
    if array.ndim != len(shape) or any(
        n is not None and n != m for n, m in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"array {name} has shape {array.shape}; expected {shape}")
    if not np.issubdtype(array.dtype, kind) or not np.isfinite(array).all():
        raise ValueError(f"array {name} holds values that are not finite numbers")
    return array
