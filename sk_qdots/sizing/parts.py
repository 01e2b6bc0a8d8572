"""From the parts of a sizer to what its files hold, and back.

A sizer whose only engine is the all-CNN is written as release 0.1.0 wrote it, format 3, so
that it can be read there. Others are format 4, which has a list of ``engines``, each with its
``kind``; the arrays of engine k begin with ``enginek_``. A format 3 sizer is read as a list of
one engine whose section is the manifest itself.

Every value that is used is checked for its type, range and shape before anything is
built from it, and an engine must answer before it is handed out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .._typing import IntArray, Json, JsonObject
from ..neural_network.saved import (
    checked_array,
    checked_object,
    classifier_from_section,
    is_plain,
    network_arrays,
    network_section,
    regressor_from_section,
)
from ..preprocessing import QStandardizer
from . import estimators
from .engines import ClassifierEngine, Engine, NetworkEngine
from .facts import Facts, facts_from_manifest
from .posterior import QUANTITIES
from .posterior_engine import PosteriorEngine
from .recipe_sections import recipe_arrays, recipe_from_section, recipe_section
from .reference import ReferencePatterns

__all__ = [
    "FORMAT_VERSIONS",
    "SizerParts",
    "arrays_of_parts",
    "build_parts",
    "digest_of_parts",
    "manifest_of_parts",
]

Arrays = Mapping[str, npt.NDArray[np.generic]]

FORMAT_VERSIONS = (3, 4)
_LARGEST_CLASS = 10**9  # pm
_LARGEST_AREA = 1e12
_LARGEST_INTENSITY = 1e30
_MAX_ENGINES = 4
_MAX_PARTICLES = 1000
_REGRESSOR = "regressor_"  # how its arrays begin
_MOST_TOLD = 1000
_STANDARDIZER_PARAMETERS = ("q_min", "q_max", "n_points", "padding", "coarse", "area")


@dataclass(frozen=True)
class SizerParts:
    """What the two files of a sizer hold."""

    standardizer: QStandardizer
    engines: tuple[Engine, ...]
    reference: ReferencePatterns | None
    facts: Facts


def manifest_of_parts(parts: SizerParts) -> JsonObject:
    """What the manifest says of the parts.

    Raises
    ------
    TypeError
        If an engine cannot be stored.
    """
    standardizer = {p: getattr(parts.standardizer, p) for p in _STANDARDIZER_PARAMETERS}
    if parts.standardizer.n_told:
        standardizer["n_told"] = parts.standardizer.n_told
    first = parts.engines[0]
    common: JsonObject = {**parts.facts.to_dict(), "standardizer": standardizer}
    if _is_format_3(parts):
        return {"format_version": 3, **common, **_network_section(first)}
    sections: list[Json] = [_engine_section(engine) for engine in parts.engines]
    # The classes of the first stand where those of format 3 do: whoever lists sizers needs them.
    return {
        "format_version": 4,
        **common,
        "classes": first.classes_.tolist(),
        "engines": sections,
    }


def arrays_of_parts(parts: SizerParts) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays of the parts, by name.

    Raises
    ------
    TypeError
        If an engine cannot be stored.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for k, engine in enumerate(parts.engines):
        prefix = "" if _is_format_3(parts) else f"engine{k}_"
        arrays[f"{prefix}classes"] = engine.classes_
        if isinstance(engine, NetworkEngine):
            arrays |= network_arrays(engine.classifier, prefix)
            if (regressor := engine.regressor) is not None:
                arrays |= network_arrays(regressor, prefix + _REGRESSOR)
                arrays[f"{prefix}{_REGRESSOR}target_mean"] = regressor.mean_
                arrays[f"{prefix}{_REGRESSOR}target_scale"] = regressor.scale_
        elif isinstance(engine, ClassifierEngine):
            arrays |= estimators.estimator_arrays(engine.classifier, prefix)
        elif isinstance(engine, PosteriorEngine) and engine.recipe is not None:
            arrays |= recipe_arrays(engine.recipe, prefix)
        else:
            raise TypeError(f"an engine of the class {type(engine).__name__} cannot be stored")
    if parts.standardizer.input_q is not None:
        arrays["input_q"] = np.asarray(parts.standardizer.input_q, dtype=np.float64)
    if parts.reference is not None:
        arrays["reference_q"] = parts.reference.q
        arrays["reference_diameters"] = parts.reference.diameters
        arrays["reference_dispersions"] = parts.reference.dispersions
        # Half precision keeps 3 digits of an area-1000 pattern: more than it is used for.
        arrays["reference_patterns"] = parts.reference.patterns.astype(np.float16)
        if parts.reference.particles is not None:
            arrays["reference_particles"] = parts.reference.particles.astype(np.float16)
    return arrays


def digest_of_parts(parts: SizerParts) -> str:
    """SHA-256 of the engines and their calibration; empty where one cannot be stored.

    Returns
    -------
    str
        The same before a sizer is saved and after it was loaded.
    """
    try:
        arrays = arrays_of_parts(replace(parts, reference=None))
    except TypeError:
        return ""
    total = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        total.update(name.encode())
        total.update(np.ascontiguousarray(array).tobytes())
    known = parts.facts.calibration
    told = [_engine_section(engine) for engine in parts.engines]
    total.update(json.dumps([told, known and known.to_dict()], sort_keys=True).encode())
    return total.hexdigest()


def build_parts(manifest: Mapping[str, Json], arrays: Arrays) -> SizerParts:
    """Build the parts of a sizer.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, of another kind, or inconsistent.
    """
    standardizer = _standardizer(manifest["standardizer"], arrays)
    n_points = int(standardizer.n_points)
    facts = facts_from_manifest(manifest, standardizer.q_)
    engines: list[Engine] = []
    if manifest["format_version"] == 3:
        engines.append(_network_engine(manifest, arrays, "", n_points))
    else:
        sections = manifest["engines"]
        if not isinstance(sections, list) or not 1 <= len(sections) <= _MAX_ENGINES:
            raise ValueError("engines must be a list")
        for k, section in enumerate(sections):
            engines.append(_engine(section, arrays, f"engine{k}_", n_points))
    if isinstance(engines[0], PosteriorEngine):
        engines[0].estimator  # noqa: B018  (simulated now, or refused)
    told = [getattr(engine, "n_told", 0) for engine in engines]
    is_network = isinstance(engines[0], NetworkEngine)
    if set(told) - {0, standardizer.n_told} or (is_network and told[0] != standardizer.n_told):
        raise ValueError("n_told of the networks is not that of the standardizer")
    if manifest["classes"] != engines[0].classes_.tolist():
        raise ValueError("the classes of the manifest are not those of the arrays")
    reference = None
    if "reference_patterns" in arrays:
        reference = _reference(arrays, standardizer, engines[0].classes_)
        if facts.dispersions is None:
            known = reference.dispersions.tolist()
            facts = replace(facts, dispersions=(min(known), max(known)))
    return SizerParts(standardizer, tuple(engines), reference, facts)


def _is_format_3(parts: SizerParts) -> bool:
    first = parts.engines[0]
    if len(parts.engines) > 1 or not isinstance(first, NetworkEngine):
        return False
    return all(is_plain(one) for one in (first.classifier, first.regressor) if one is not None)


def _engine_section(engine: Engine) -> JsonObject:
    if isinstance(engine, NetworkEngine):
        return {"kind": "all-cnn", **_network_section(engine)}
    if isinstance(engine, ClassifierEngine):
        section = estimators.estimator_section(engine.classifier)
        return {"kind": "scikit-learn", "classes": engine.classes_.tolist(), **section}
    if isinstance(engine, PosteriorEngine) and engine.recipe is not None:
        targets: list[Json] = [*engine.targets]
        recipe = recipe_section(engine.recipe)
        return {"kind": "debye-posterior", "targets": targets, "recipe": recipe}
    raise TypeError(f"an engine of the class {type(engine).__name__} cannot be stored")


def _network_section(engine: Engine) -> JsonObject:
    assert isinstance(engine, NetworkEngine)
    section: JsonObject = {
        "classes": engine.classes_.tolist(),
        "labels_between_classes": engine.classifier.classes is not None,
        **network_section(engine.classifier, "classifier"),
    }
    if engine.regressor is not None:
        section["regressor"] = {
            "targets": list(engine.targets),
            **network_section(engine.regressor, "parameters"),
        }
    return section


def _engine(section: Json, arrays: Arrays, prefix: str, n_points: int) -> Engine:
    if not isinstance(section, dict):
        raise TypeError("an engine must be an object")
    kind = section["kind"]
    if kind == "all-cnn":
        return _network_engine(section, arrays, prefix, n_points)
    if kind == "scikit-learn":
        classes = _classes(section, arrays, prefix)
        return ClassifierEngine(
            estimators.classifier_from_section(section, arrays, prefix, n_points, classes)
        )
    if kind == "debye-posterior":
        recipe = checked_object(section["recipe"], "the recipe")
        made = recipe_from_section(recipe, arrays, prefix)
        return PosteriorEngine(None, made.instrument, made)
    raise ValueError(f"{kind!r} is no kind of engine")


def _network_engine(
    section: Mapping[str, Json], arrays: Arrays, prefix: str, n_points: int
) -> NetworkEngine:
    classes = _classes(section, arrays, prefix)
    classifier = classifier_from_section(section, arrays, prefix, n_points, classes)
    if "regressor" not in section:
        return NetworkEngine(classifier)
    second = section["regressor"]
    if not isinstance(second, dict):
        raise TypeError("the regressor must be an object")
    targets = second["targets"]
    named = isinstance(targets, list) and all(name in QUANTITIES for name in targets)
    if not (isinstance(targets, list) and named and 1 <= len(set(targets)) == len(targets)):
        raise ValueError(f"the targets of the regressor must be of {QUANTITIES}, each once")
    regressor = regressor_from_section(second, arrays, prefix + _REGRESSOR, n_points, len(targets))
    return NetworkEngine(classifier, regressor, tuple(map(str, targets)))


def _classes(section: Mapping[str, Json], arrays: Arrays, prefix: str) -> IntArray:
    classes = checked_array(arrays, f"{prefix}classes", (None,), "integer")
    if classes.size < 2 or not int(classes[0]) > 0 or int(classes.max()) > _LARGEST_CLASS:
        raise ValueError("the classes must be positive diameters in picometres")
    whole = classes.astype(np.int64)
    if np.any(np.diff(whole) <= 0):
        raise ValueError("the classes do not ascend")
    if section["classes"] != whole.tolist():
        raise ValueError("the classes of the manifest are not those of the arrays")
    return whole


def _standardizer(given: Json, arrays: Arrays) -> QStandardizer:
    if not isinstance(given, dict):
        raise TypeError("the standardizer must be an object")
    parameters: dict[str, Any] = {p: given[p] for p in _STANDARDIZER_PARAMETERS}
    parameters["n_told"] = given.get("n_told", 0)
    standardizer = QStandardizer(**parameters)
    if not 2 <= standardizer.n_points <= 10**6:
        raise ValueError(f"n_points is {standardizer.n_points}")
    standardizer._validate_params()
    if standardizer.n_told > _MOST_TOLD:
        raise ValueError(f"n_told is {standardizer.n_told}; {_MOST_TOLD} at most")
    if not standardizer.area <= _LARGEST_AREA:
        raise ValueError(f"area is {standardizer.area}")
    n_columns = standardizer.n_points
    if "input_q" in arrays:
        standardizer.input_q = checked_array(arrays, "input_q", (None,))
        n_columns = len(standardizer.input_q)
    return standardizer.fit(np.ones((1, n_columns)))


def _reference(arrays: Arrays, standardizer: QStandardizer, classes: IntArray) -> ReferencePatterns:
    q = checked_array(arrays, "reference_q", (None,))
    diameters = checked_array(arrays, "reference_diameters", (None,), "integer")
    dispersions = checked_array(arrays, "reference_dispersions", (None,))
    shape = (len(diameters), len(dispersions), len(q))
    patterns = checked_array(arrays, "reference_patterns", shape)
    inside = standardizer.q_[0] - 0.01 < q[0] and q[-1] < standardizer.q_[-1] + 0.01
    if len(q) < 100 or not inside or np.any(np.diff(q) <= 0) or not len(dispersions):
        raise ValueError("the reference patterns have no Q axis or no dispersion")
    if set(classes.tolist()) - set(diameters.tolist()):
        raise ValueError("the reference patterns do not fit the classes")
    particles = None
    if "reference_particles" in arrays:
        particles = checked_array(arrays, "reference_particles", (None, len(q)))
        if not 1 <= len(particles) <= _MAX_PARTICLES or particles.min() < 0.0:
            raise ValueError("the patterns of particles are none, too many or negative")
        particles = particles.astype(np.float32)
    largest = max(float(np.abs(p).max(initial=0.0)) for p in (patterns, particles) if p is not None)
    if float(dispersions.min()) < 0 or largest > _LARGEST_INTENSITY:
        raise ValueError("the reference patterns hold a negative dispersion or extreme values")
    return ReferencePatterns(q, diameters, dispersions, patterns.astype(np.float32), particles)
