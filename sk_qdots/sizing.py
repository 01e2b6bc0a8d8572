"""The size of quantum dots in a pattern, with its certainty.

A :class:`Sizer` is a fitted pipeline with what is needed to use it with care: the
range that it was trained for and the simulation that it was trained on. It is
saved as a folder of two files, a manifest (JSON) and arrays (npz, no pickle).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.pipeline import Pipeline

from ._patterns import q_of, rows_of
from ._sizer_files import SizerError, read_sizer, shipped_sizers, write_sizer
from .io import PatternError
from .neural_network import AllCNNClassifier
from .preprocessing import QStandardizer

__all__ = ["Sizer", "SizerError", "Sizing", "load_sizer", "make_sizing_pipeline"]

Array = npt.NDArray[Any]

_PUBLISHED_RANGE = (1.0, 4.4)  # 1/Angstrom; what the published network needs
_RANGE_TOLERANCE = 0.02  # 1/Angstrom
_COARSEST_STEP = 0.06  # 1/Angstrom; 251 points over the standard grid are 0.056


@dataclass(frozen=True)
class Sizing:
    """The answer to one pattern.

    Parameters
    ----------
    diameter : float
        Most probable class, number-average diameter in nm.
    probability : float
        Its probability.
    runner_up : float
        Second most probable class, in nm.
    runner_up_probability : float
        Its probability.
    expected_diameter : float
        Mean of the classes weighted by their probabilities, in nm.
    probabilities : DataArray
        Probability over ``diameter`` (nm).
    q_range : tuple of 2 float
        Range of the pattern that was used, in 1/Angstrom.
    source : str
        Where the pattern came from.
    model : str
        Name of the sizer.
    """

    diameter: float
    probability: float
    runner_up: float
    runner_up_probability: float
    expected_diameter: float
    probabilities: xr.DataArray
    q_range: tuple[float, float]
    source: str
    model: str


def make_sizing_pipeline(
    *,
    padding: Literal["nan", "edge", "zero"] = "nan",
    augmenter: Any = None,
    random_state: Any = None,
) -> Pipeline:
    """Make the unfitted pipeline that sizes: standardiser, then network.

    Parameters
    ----------
    padding : {"nan", "edge", "zero"}, default="nan"
        Of :class:`QStandardizer`.
    augmenter : transformer or None, default=None
        Of :class:`AllCNNClassifier`; draws every training batch afresh.
    random_state : int, RandomState instance or None, default=None
        Of :class:`AllCNNClassifier`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        With the steps ``qstandardizer`` and ``allcnn``.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> pipe = sq.make_sizing_pipeline(random_state=0).set_params(allcnn__n_filters=16)
    >>> list(pipe.named_steps)
    ['qstandardizer', 'allcnn']
    """
    return Pipeline(
        [
            ("qstandardizer", QStandardizer(padding=padding)),
            ("allcnn", AllCNNClassifier(augmenter=augmenter, random_state=random_state)),
        ]
    )


class Sizer:
    """A fitted pipeline, ready to size measured patterns and to be saved.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        A fitted :func:`make_sizing_pipeline`.
    name : str, default="unnamed"
        What to call it.
    simulation : mapping, optional
        Parameters of the library that it was trained on (``library.attrs``), with
        which the best pattern is drawn.
    training : mapping, optional
        How it was trained and how well it does, for the manifest; JSON values.
    required_range : tuple of 2 float, optional
        A pattern must start at or below the first and end at or above the second,
        in 1/Angstrom. By default the narrowest range that the pipeline's
        :class:`RandomExperiment` draws, or 1.0 to 4.4.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) of int
        Diameters in picometres.

    See Also
    --------
    load_sizer : A shipped sizer, or one that was saved.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sizer = sq.load_sizer("PbS")
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> sizer.size(pattern).diameter  # doctest: +SKIP
    4.5
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        name: str = "unnamed",
        simulation: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        required_range: tuple[float, float] | None = None,
    ) -> None:
        steps = pipeline.named_steps
        standardizer, classifier = steps.get("qstandardizer"), steps.get("allcnn")
        if not (
            isinstance(standardizer, QStandardizer) and isinstance(classifier, AllCNNClassifier)
        ):
            raise ValueError(
                "pipeline must have the steps 'qstandardizer' and 'allcnn', as "
                "make_sizing_pipeline() gives"
            )
        if not (hasattr(standardizer, "q_") and hasattr(classifier, "layers_")):
            raise ValueError("pipeline is not fitted; call pipeline.fit(X, y) first")
        self.pipeline = pipeline
        self.name = name
        self.simulation = dict(simulation or {})
        self.training = dict(training or {})
        self.required_range = required_range or _trained_range(classifier.augmenter)

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """Diameters of the classes, in picometres."""
        return np.asarray(self.pipeline.classes_)

    @property
    def q_(self) -> npt.NDArray[np.float64]:
        """The standard grid, in 1/Angstrom."""
        return np.asarray(self.pipeline.named_steps["qstandardizer"].q_)

    def predict_proba(self, patterns: Any) -> Array:
        """Probability of each class.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        PatternError
            If a pattern does not cover what the sizer needs.
        """
        if isinstance(patterns, xr.DataArray):
            self._check_axis(patterns)
        elif isinstance(patterns, Sequence):
            for pattern in patterns:
                if isinstance(pattern, xr.DataArray):
                    self._check_axis(pattern)
        return np.asarray(self.pipeline.predict_proba(patterns))

    def predict(self, patterns: Any) -> npt.NDArray[np.int64]:
        """Most probable diameter, in picometres.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.

        Returns
        -------
        ndarray of shape (n_samples,) of int
        """
        return np.asarray(self.classes_[self.predict_proba(patterns).argmax(axis=1)])

    def size(self, pattern: xr.DataArray) -> Sizing:
        """Size the dots in one pattern.

        Parameters
        ----------
        pattern : DataArray
            One pattern, such as :func:`sk_qdots.read_pattern` returns.

        Returns
        -------
        Sizing

        Raises
        ------
        PatternError
            If the pattern does not cover what the sizer needs, or is too coarse.
        """
        if not isinstance(pattern, xr.DataArray):
            raise TypeError(f"pattern is a {type(pattern).__name__}; expected a DataArray")
        if len(rows_of(pattern)) != 1:
            raise ValueError("size takes one pattern; for several use predict or predict_proba")
        source = str(pattern.attrs.get("source", "pattern"))
        probabilities = self.predict_proba(pattern)[0]
        best, second = np.argsort(probabilities)[::-1][:2]
        diameters = self.classes_ / 1000.0
        return Sizing(
            diameter=float(diameters[best]),
            probability=float(probabilities[best]),
            runner_up=float(diameters[second]),
            runner_up_probability=float(probabilities[second]),
            expected_diameter=float(probabilities @ diameters),
            probabilities=xr.DataArray(
                probabilities,
                dims="diameter",
                coords={"diameter": ("diameter", diameters, {"units": "nm"})},
                name="probability",
            ),
            q_range=self._used_range(q_of(pattern)),
            source=source,
            model=self.name,
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the sizer into a folder: ``manifest.json`` and ``weights.npz``.

        Parameters
        ----------
        path : str or path-like
            The folder; it is made where it does not exist.
        overwrite : bool, default=False
            Whether a sizer that is there already may be replaced.

        Raises
        ------
        SizerError
            If the folder holds something else, or a sizer and ``overwrite`` is False.
        """
        write_sizer(
            Path(path),
            standardizer=self.pipeline.named_steps["qstandardizer"],
            classifier=self.pipeline.named_steps["allcnn"],
            facts={
                "name": self.name,
                "required_range": list(self.required_range),
                "simulation": self.simulation,
                "training": self.training,
            },
            overwrite=overwrite,
        )

    def __repr__(self) -> str:
        low, high = self.classes_.min() / 1000, self.classes_.max() / 1000
        return f"Sizer({self.name!r}, {len(self.classes_)} classes, {low:g} to {high:g} nm)"

    def _used_range(self, q: Array) -> tuple[float, float]:
        grid = self.q_
        used = q[(q >= grid[0] - 1e-9) & (q <= grid[-1] + 1e-9)]
        return (float(used[0]), float(used[-1])) if used.size else (float("nan"), float("nan"))

    def _check_axis(self, pattern: xr.DataArray) -> None:
        source = str(pattern.attrs.get("source", "pattern"))
        q = q_of(pattern)
        measured = q[np.isfinite(rows_of(pattern)).any(axis=0)]
        start, end = self.required_range
        if (
            measured.size == 0
            or measured.min() > start + _RANGE_TOLERANCE
            or measured.max() < end - _RANGE_TOLERANCE
        ):
            found = f"{measured.min():.3g} to {measured.max():.3g}" if measured.size else "nothing"
            raise PatternError(
                source,
                f"covers Q = {found} 1/Angstrom; the sizer {self.name!r} needs {start:g} to "
                f"{end:g}: measure that range, and check the wavelength",
            )
        inside = measured[(measured >= start) & (measured <= max(end, start))]
        step = float(np.median(np.diff(inside))) if inside.size > 1 else np.inf
        if step > _COARSEST_STEP:
            raise PatternError(
                source,
                f"has a step of {step:.3g} 1/Angstrom; the sizer needs {_COARSEST_STEP:g} or less: "
                "measure with a finer step",
            )


def load_sizer(name: str | Path) -> Sizer:
    """Load a sizer that is shipped or was saved.

    Parameters
    ----------
    name : str or path-like
        Name of a shipped sizer, such as ``"PbS"``, or the folder that
        :meth:`Sizer.save` wrote.

    Returns
    -------
    Sizer

    Raises
    ------
    SizerError
        If there is no such sizer, or its files are damaged or not a sizer.

    Examples
    --------
    >>> from sk_qdots import load_sizer
    >>> load_sizer("PbS")
    Sizer('PbS', 17 classes, 2 to 10 nm)
    """
    shipped = shipped_sizers()
    folder = shipped.get(str(name), Path(name))
    if not folder.is_dir():
        raise SizerError(
            f"{name}: no such sizer; shipped: {', '.join(sorted(shipped))}. For your own give "
            "the folder that sizer.save(path) wrote"
        )
    standardizer, classifier, facts = read_sizer(folder)
    start, end = facts["required_range"]
    return Sizer(
        Pipeline([("qstandardizer", standardizer), ("allcnn", classifier)]),
        name=facts["name"],
        simulation=facts["simulation"],
        training=facts["training"],
        required_range=(start, end),
    )


def _trained_range(augmenter: Any) -> tuple[float, float]:
    if hasattr(augmenter, "q_min") and hasattr(augmenter, "q_max"):
        return float(augmenter.q_min[1]), float(augmenter.q_max[0])
    return _PUBLISHED_RANGE
