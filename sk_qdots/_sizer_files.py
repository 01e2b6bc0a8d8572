"""Sizers on disk: a manifest and arrays, read with distrust.

No pickle is written or read. Digests show damage of either file. Every value that
is used is checked for its type, range and shape before anything is built from it,
and the network must answer before it is handed out.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from ._reference import ReferencePatterns
from .neural_network import AllCNNClassifier, AllCNNRegressor
from .neural_network._encoding import N_NODES, N_NUISANCES, Encoding
from .preprocessing import QStandardizer

__all__ = [
    "LARGEST_STRAIN",
    "MANIFEST",
    "STRAIN_ROOM",
    "TARGETS",
    "SizerError",
    "check_printable",
    "read_manifest",
    "read_sizer",
    "write_sizer",
]

Array = npt.NDArray[Any]

_FORMAT = "sk_qdots sizer"
_FORMAT_VERSION = 3
MANIFEST = "manifest.json"
_WEIGHTS = "weights.npz"
_MAX_MANIFEST = 2**20
_MAX_WEIGHTS = 64 * 2**20
_MAX_ACTIVATIONS = 2**21  # of a layer, for one pattern
_LARGEST_CLASS = 10**9  # pm
_LARGEST_AREA = 1e12
_LARGEST_NUISANCE = 1e6  # of the counting noise; larger ones make the matrices singular
_STANDARDIZER_PARAMETERS = ("q_min", "q_max", "n_points", "padding", "coarse", "area")
_NETWORK_PARAMETERS = (
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
_REGRESSOR = "regressor_"  # how its arrays begin
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

_NAME = re.compile(r"[\w .+()-]{1,80}", flags=re.ASCII)
_MEMBER = re.compile(
    r"(classes|input_q|reference_(q|diameters|dispersions|patterns)|regressor_target_(mean|scale)"
    r"|(regressor_)?(mean|noise|nuisance|(weight|bias)\d{1,2}))\.npy"
)


class SizerError(ValueError):
    """A sizer that cannot be found, read or written.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> try:
    ...     sq.load_sizer("Unobtainium")
    ... except sq.SizerError as error:
    ...     print(str(error).split(";")[0])
    Unobtainium: no such sizer
    """


@dataclass(frozen=True)
class SizerParts:
    """What the two files of a sizer hold."""

    standardizer: QStandardizer
    classifier: AllCNNClassifier
    reference: ReferencePatterns | None
    regressor: AllCNNRegressor | None
    targets: tuple[str, ...]
    facts: dict[str, Any]


def write_sizer(
    folder: Path,
    *,
    standardizer: QStandardizer,
    classifier: AllCNNClassifier,
    reference: ReferencePatterns | None,
    regressor: AllCNNRegressor | None = None,
    targets: Sequence[str] = (),
    facts: Mapping[str, Any],
    overwrite: bool,
) -> None:
    """Write the two files; each appears whole or not at all."""
    if folder.exists():
        present = {p.name for p in folder.iterdir()} if folder.is_dir() else {""}
        leftovers = {name for name in present if name.endswith(".part")}
        if present - leftovers - {_WEIGHTS} and MANIFEST not in present:
            raise SizerError(f"{folder}: exists and is not a sizer; choose another path")
        if MANIFEST in present and not overwrite:
            raise SizerError(f"{folder}: holds a sizer already; pass overwrite=True to replace it")
    arrays = {"classes": classifier.classes_, **_network_arrays(classifier, "")}
    if regressor is not None:
        arrays |= _network_arrays(regressor, _REGRESSOR)
        arrays["regressor_target_mean"] = regressor.mean_
        arrays["regressor_target_scale"] = regressor.scale_
    if standardizer.input_q is not None:
        arrays["input_q"] = np.asarray(standardizer.input_q, dtype=np.float64)
    if reference is not None:
        arrays["reference_q"] = reference.q
        arrays["reference_diameters"] = reference.diameters
        arrays["reference_dispersions"] = reference.dispersions
        # Half precision keeps 3 digits of an area-1000 pattern: more than it is used for.
        arrays["reference_patterns"] = reference.patterns.astype(np.float16)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    weights = buffer.getvalue()
    manifest = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        **facts,
        "classes": classifier.classes_.tolist(),
        "labels_between_classes": classifier.classes is not None,
        "standardizer": {p: getattr(standardizer, p) for p in _STANDARDIZER_PARAMETERS},
        "classifier": _network_parameters(classifier),
        **_encoding_facts(classifier),
        "versions": {p: version(p) for p in ("sk_qdots", "numpy", "scikit-learn", "torch")},
        **({} if regressor is None else {"regressor": _regressor_facts(regressor, targets)}),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    try:
        manifest = json.loads(json.dumps(manifest, default=_plain, allow_nan=False))
        _parts(manifest, arrays)  # never write what could not be read again
        text = json.dumps({**manifest, "manifest_sha256": _digest(manifest)}, indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise SizerError(f"{folder}: this sizer cannot be saved: {error}") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace({folder / _WEIGHTS: weights, folder / MANIFEST: text.encode()})
    except OSError as error:
        raise SizerError(f"{folder}: cannot be written: {error.strerror}") from None


def _network_arrays(network: AllCNNClassifier | AllCNNRegressor, prefix: str) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        f"{prefix}{name}": getattr(network.encoding_, name)
        for name in ("mean", "noise", "nuisance")
    }
    for k, (weight, bias) in enumerate(network.layers_):
        arrays[f"{prefix}weight{k}"], arrays[f"{prefix}bias{k}"] = weight, bias
    return arrays


def _network_parameters(network: AllCNNClassifier | AllCNNRegressor) -> dict[str, Any]:
    # The layers as they are: what a preset's name means may change.
    return {p: getattr(network.architecture_, p, getattr(network, p)) for p in _NETWORK_PARAMETERS}


def _encoding_facts(network: AllCNNClassifier | AllCNNRegressor) -> dict[str, Any]:
    return {"level": network.encoding_.level, "scale": list(network.encoding_.scale)}


def _regressor_facts(regressor: AllCNNRegressor, targets: Sequence[str]) -> dict[str, Any]:
    return {
        "targets": list(targets),
        "parameters": _network_parameters(regressor),
        **_encoding_facts(regressor),
    }


def read_sizer(folder: Path) -> SizerParts:
    """Read the two files and build the fitted steps from them.

    Raises
    ------
    SizerError
        If a file is missing, damaged, of a newer format, or inconsistent.
    """
    try:
        manifest = read_manifest(folder)
        return _parts(manifest, _read_weights(folder / _WEIGHTS, manifest["weights_sha256"]))
    except SizerError:
        raise
    except OSError as error:
        where = error.filename or folder
        raise SizerError(f"{where}: cannot be read: {error.strerror or error}") from None
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise SizerError(f"{folder}: not a sizer, or damaged: {error!r}") from None


def _read_bytes(path: Path, largest: int) -> bytes:
    """A regular file's bytes, and no more of them than a sizer can have."""
    if not path.is_file():
        raise SizerError(f"{path}: missing; the folder is not a sizer")
    with path.open("rb") as file:
        raw = file.read(largest + 1)
    if len(raw) > largest:
        raise SizerError(f"{path}: larger than {largest} bytes; not a sizer's")
    return raw


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a sizer tells of itself, its digest checked.

    Raises
    ------
    SizerError
        If it is missing, damaged or of another format.
    """
    path = folder / MANIFEST
    raw = _read_bytes(path, _MAX_MANIFEST)
    try:
        manifest = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SizerError(f"{path}: not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise SizerError(f"{path}: not a sizer's manifest")
    found = manifest.get("format_version")
    if found != _FORMAT_VERSION:
        older = isinstance(found, int) and found < _FORMAT_VERSION
        remedy = "train the sizer again" if older else "update sk_qdots"
        raise SizerError(
            f"{path}: format version {found!r}; this version of sk_qdots reads {_FORMAT_VERSION}: "
            f"{remedy}"
        )
    if manifest.get("manifest_sha256") != _digest(manifest):
        raise SizerError(f"{path}: was changed after it was written, or damaged; copy it again")
    return manifest


def _read_weights(path: Path, digest: str) -> dict[str, Array]:
    raw = _read_bytes(path, _MAX_WEIGHTS)
    if hashlib.sha256(raw).hexdigest() != digest:
        raise SizerError(f"{path}: does not match its manifest; it is damaged, copy it again")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_members(archive)
        with np.load(io.BytesIO(raw), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        ValueError,
        RuntimeError,  # an encrypted member; NotImplementedError is one too
        SyntaxError,  # a header that is no Python literal
        TokenError,
        MemoryError,
    ) as error:
        raise SizerError(f"{path}: not a file of arrays: {error}") from None


def _check_members(archive: zipfile.ZipFile) -> None:
    """Refuse, before anything is unpacked, what is too large or not an array of numbers."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > _MAX_WEIGHTS:
        raise ValueError(f"it unpacks to more than {_MAX_WEIGHTS} bytes")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("two arrays have one name")
    for entry in entries:
        if not _MEMBER.fullmatch(entry.filename):
            raise ValueError(f"{entry.filename!r} is no part of a sizer")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{entry.filename} is packed in an unknown way")
        with archive.open(entry) as member:
            major, _ = np.lib.format.read_magic(member)
            read_header = {
                1: np.lib.format.read_array_header_1_0,
                2: np.lib.format.read_array_header_2_0,
            }.get(major)
            if read_header is None:
                raise ValueError(f"{entry.filename} is an array of an unknown version")
            shape, _, dtype = read_header(member)
        if dtype.kind not in "fiu" or math.prod(shape) * dtype.itemsize > entry.file_size:
            raise ValueError(f"{entry.filename} is not an array of numbers of its size")


def _parts(manifest: Mapping[str, Any], arrays: Mapping[str, Array]) -> SizerParts:
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
    standardizer = QStandardizer(**{p: given[p] for p in _STANDARDIZER_PARAMETERS})
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
    _fill(regressor, section, arrays, _REGRESSOR, n_points, 2 * len(targets))
    regressor.mean_ = _array(arrays, "regressor_target_mean", (len(targets),), np.floating)
    regressor.scale_ = _array(arrays, "regressor_target_scale", (len(targets),), np.floating)
    if regressor.scale_.min() <= 0:
        raise ValueError("the scale of a target must be positive")
    regressor._flat = False
    _check_answers(regressor)
    return regressor, tuple(targets)


def _given(section: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a network, lists as the tuples that they were."""
    parameters = {p: section[p] for p in _NETWORK_PARAMETERS}
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
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
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


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Write files beside the old ones first, so that an interruption leaves the old ones."""
    temporary = {path: path.with_name(path.name + ".part") for path in contents}
    try:
        for path, content in contents.items():
            temporary[path].write_bytes(content)
        for path in contents:
            temporary[path].replace(path)
    finally:
        for part in temporary.values():
            part.unlink(missing_ok=True)


def _digest(manifest: Mapping[str, Any]) -> str:
    """Of all that the manifest says, however it is laid out."""
    rest = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")
