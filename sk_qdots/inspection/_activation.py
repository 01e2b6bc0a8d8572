r"""Which part of a pattern decided.

With the activations :math:`A_{ic}` of a convolution, at position :math:`i` and channel
:math:`c`, and the difference :math:`\Delta` of the logits of two classes,

.. math:: M_i = \sum_c A_{ic} \frac{\partial \Delta}{\partial A_{ic}}

is what the stretch of pattern under position :math:`i` adds to the decision. Behind the
last convolution of a network with global average pooling, as the published one, this is
the class activation map, and its sum is the difference of the logits but for a bias.

References
----------
B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, Proc. IEEE Conf. on Computer
Vision and Pattern Recognition, 2921 (2016); of earlier layers: R. L. Draelos, L. Carin,
arXiv:2011.08891 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray, IntArray, RealArray
from ..preprocessing.patterns import rows_of
from ._axes import BLUE, Q_LABEL, RED, Display, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..neural_network import AllCNNClassifier
    from ..pipeline import SizingPipeline
    from ..sizing import Sizer

__all__ = ["ClassActivationDisplay", "class_activation"]

_FEWEST_POSITIONS = 50


def class_activation(
    classifier: AllCNNClassifier,
    X: npt.ArrayLike,
    *,
    target: int | str | None = None,
    against: int | str | None = None,
    layer: int | None = None,
) -> tuple[RealArray, FloatArray]:
    """Map of what each part of the patterns adds to the decision for a class.

    Parameters
    ----------
    classifier : AllCNNClassifier
        Fitted or loaded.
    X : array-like of shape (n_samples, n_features)
        Standardised patterns; NaN means not measured.
    target : label, optional
        Class to decide for; by default the most probable one of each pattern.
    against : label, optional
        Class to decide against; by default the next most probable one.
    layer : int, optional
        Convolution behind which to look, from 0; -1 is the last. By default the last
        one with 50 positions or more.

    Returns
    -------
    maps : ndarray of shape (n_samples, n_positions)
        Positive where the pattern speaks for the class.
    edges : ndarray of shape (n_positions + 1,)
        Ends of the positions, in points of the pattern.

    Raises
    ------
    ValueError
        If a class or a layer does not exist.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import class_activation
    >>> sizer = sq.load_sizer("PbS")
    >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    >>> row = sizer.standardizer.transform(sq.library_samples(library)[0])
    >>> maps, edges = class_activation(sizer.pipeline["allcnn"], row)
    >>> maps.shape[1] == len(edges) - 1
    True
    """
    X = np.asarray(X, dtype=np.float32)
    order = np.argsort(classifier.predict_proba(X), axis=1)[:, ::-1]
    best = order[:, 0] if target is None else _class_positions(classifier, target, len(X))
    next_best = np.where(order[:, 0] == best, order[:, 1], order[:, 0])
    other = next_best if against is None else _class_positions(classifier, against, len(X))
    architecture, layers = classifier.architecture_, classifier.layers_
    kernels = architecture.kernel_sizes
    activations = [classifier.encode(X)]
    padded = []
    for k, (weight, bias) in enumerate(layers[:-1]):
        hidden = activations[-1]
        n, length, channels = hidden.shape
        missing = -length % kernels[k]
        before = missing // 2
        padded.append((before, length))
        hidden = np.pad(hidden, ((0, 0), (before, missing - before), (0, 0)))
        hidden = hidden.reshape(n, -1, kernels[k] * channels) @ weight + bias
        activations.append(np.maximum(hidden, 0.0) if k >= architecture.n_linear else hidden)
    lengths = [hidden.shape[1] for hidden in activations[1:]]
    if layer is None:
        layer = max([k for k, n in enumerate(lengths) if n >= _FEWEST_POSITIONS], default=0)
    if not -len(lengths) <= layer < len(lengths):
        raise ValueError(f"layer is {layer}; the network has {len(lengths)} convolutions")
    layer %= len(lengths)
    weight = layers[-1][0]
    difference = (weight[:, best] - weight[:, other]).T
    gradient = np.repeat(difference[:, None, :] / lengths[-1], lengths[-1], axis=1)
    for k in range(len(lengths) - 1, layer, -1):
        if k >= architecture.n_linear:
            gradient = gradient * (activations[k + 1] > 0)
        back = (gradient @ layers[k][0].T).reshape(len(X), -1, activations[k].shape[2])
        before, length = padded[k]
        gradient = back[:, before : before + length]
    maps = (activations[layer + 1] * gradient).sum(axis=2)
    edges = np.arange(lengths[layer] + 1, dtype=float)
    for k in range(layer, -1, -1):
        edges = edges * kernels[k] - padded[k][0]
    return maps, np.clip(edges, 0, activations[0].shape[1])


def _class_positions(classifier: AllCNNClassifier, label: int | str, n: int) -> IntArray:
    found = np.flatnonzero(classifier.classes_ == label)
    if not found.size:
        raise ValueError(f"{label!r} is none of the classes, {classifier.classes_.tolist()}")
    return np.full(n, found[0])


@dataclass
class ClassActivationDisplay(Display):
    """A pattern, and under it which part of it spoke for its size.

    Parameters
    ----------
    q, intensity : ndarray of shape (n_q,)
        The standardised pattern.
    edges : ndarray of shape (n_positions + 1,)
        Ends of the positions of the map, in 1/Angstrom.
    activation : ndarray of shape (n_positions,)
    target, against : float
        Diameters in nm.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import ClassActivationDisplay
    >>> sizer = sq.load_sizer("PbS")
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> ClassActivationDisplay.from_estimator(sizer, pattern).plot()  # doctest: +SKIP
    """

    q: FloatArray
    intensity: RealArray
    edges: FloatArray
    activation: RealArray
    target: float
    against: float

    @classmethod
    def from_estimator(
        cls,
        estimator: Sizer | SizingPipeline,
        pattern: xr.DataArray,
        *,
        target: int | None = None,
        against: int | None = None,
        layer: int | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Compute the map of one pattern.

        Parameters
        ----------
        estimator : Sizer or SizingPipeline
            With an :class:`sk_qdots.AllCNNClassifier`.
        pattern : DataArray
            One pattern.
        target, against : int, optional
            Diameters in picometres; by default the two most probable ones.
        layer : int, optional
            As in :func:`class_activation`.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        ClassActivationDisplay

        Raises
        ------
        ValueError
            If the estimator has no all-convolutional classifier, several patterns are given,
            or a diameter is not one of its classes.
        """
        pipeline = getattr(estimator, "pipeline", estimator)
        steps = getattr(pipeline, "named_steps", {})
        if not {"qstandardizer", "allcnn"} <= set(steps):
            raise ValueError(
                "estimator must be a Sizer or a pipeline with the steps 'qstandardizer' and "
                "'allcnn', as make_sizing_pipeline() gives"
            )
        standardizer, classifier = steps["qstandardizer"], steps["allcnn"]
        if len(rows_of(pattern)) != 1:
            raise ValueError("give one pattern")
        estimator.predict_proba([pattern.squeeze()])  # a sizer refuses what it does not know
        row = np.asarray(standardizer.transform(pattern if pattern.ndim == 2 else [pattern]))
        order = classifier.classes_[np.argsort(classifier.predict_proba(row)[0])[::-1]]
        target = int(order[0]) if target is None else target
        against = int(order[order != target][0]) if against is None else against
        if target == against:
            raise ValueError(f"target and against are both {target}; compare two sizes")
        maps, edges = class_activation(classifier, row, target=target, against=against, layer=layer)
        q = standardizer.q_
        points = np.interp(edges, np.arange(len(q)), q)
        return cls(
            q, row[0, : len(q)], points, maps[0], target / 1000.0, against / 1000.0
        )._drawn_on(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the pattern over the map.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax, 7.0, 3.6)
        top = float(np.nanmax(self.intensity))
        scale = 0.35 * top / max(float(np.abs(self.activation).max()), 1e-12)
        base = -0.45 * top
        heights = self.activation * scale
        colours = np.where(heights > 0, BLUE, RED)
        ax.bar(self.edges[:-1], heights, np.diff(self.edges), base, align="edge", color=colours)
        ax.axhline(base, color="0.6", lw=0.6)
        ax.plot(self.q, self.intensity, color="0.2", lw=0.8)
        ax.text(
            0.99,
            0.04,
            f"blue speaks for {self.target:g} nm, red for {self.against:g} nm",
            transform=ax.transAxes,
            ha="right",
            fontsize="small",
        )
        measured = self.q[np.isfinite(self.intensity)]
        ax.set_xlim(measured[0], measured[-1])
        ax.set_xlabel(Q_LABEL)
        ax.set_ylabel("intensity (area 1000)")
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 1.1 * top])
        return self._keep(ax)
