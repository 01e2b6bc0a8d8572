"""The all-convolutional network, as patch products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypedDict

import numpy as np
import torch
from torch import nn

from .._typing import Float32Array
from ._presets import PRESETS, Architecture

__all__ = ["AllCNN"]


class AllCNN(nn.Module):
    """All-convolutional network over one-dimensional patterns.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits).
    n_channels : int, default=1
        Channels of the input.
    n_filters : int or sequence of int, default=32
        Filters of every convolution, or of each.
    kernel_sizes : sequence of int, default=(10, 5, 4, 3, 2)
        Kernel size of each convolution, which is also its stride.
    batch_norm : bool, default=False
        Whether each convolution is followed by batch normalisation.
    n_linear : int, default=0
        How many of the first convolutions have no ReLU behind them.
    n_points : int, optional
        Points of a pattern. Where given, the biases depend on the position.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the matrix products in training; weights, and all that the network answers
        afterwards, are in single precision.

    Notes
    -----
    The input is what :class:`AllCNNClassifier` encodes patterns to, with values for the
    points that were not measured; NaN in it gives NaN.

    Where the kernel equals the stride, a convolution with 'same' padding is one
    matrix product over non-overlapping patches. The layers are linear maps of
    patches therefore: the same function as ``torch.nn.Conv1d``, several times
    faster on a CPU. The defaults are the published network.

    References
    ----------
    .. [1] L. Allara, F. Bertolotti, A. Guagliardi, npj Comput. Mater. (2024).
    .. [2] J. T. Springenberg et al., "Striving for simplicity: the all
       convolutional net", ICLR workshop (2015).

    Examples
    --------
    >>> import torch
    >>> from sk_qdots.neural_network import AllCNN
    >>> AllCNN(n_classes=17)(torch.zeros(2, 5004, 1)).shape
    torch.Size([2, 17])
    >>> robust = AllCNN.from_preset("robust", n_classes=17, n_points=5004)
    >>> robust(torch.zeros(2, 5004, 3)).shape
    torch.Size([2, 17])
    """

    def __init__(
        self,
        n_classes: int,
        n_channels: int = 1,
        n_filters: int | Sequence[int] = 32,
        kernel_sizes: Sequence[int] = (10, 5, 4, 3, 2),
        batch_norm: bool = False,
        n_linear: int = 0,
        n_points: int | None = None,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        layout = Architecture(
            n_filters=tuple(np.atleast_1d(n_filters).tolist()),
            kernel_sizes=tuple(kernel_sizes),
            channels=PRESETS["paper"].channels,
            batch_norm=batch_norm,
            n_linear=n_linear,
            q_bias=n_points is not None,
        )
        self.kernel_sizes = layout.kernel_sizes
        self.n_linear = n_linear
        self.n_points = n_points
        self.dtype: torch.dtype = getattr(torch, precision)
        widths = (n_channels, *layout.widths)
        self.convolutions = nn.ModuleList(
            nn.Linear(kernel * n_in, n_out)
            for kernel, n_in, n_out in zip(self.kernel_sizes, widths, widths[1:], strict=False)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(width) if batch_norm else nn.Identity() for width in layout.widths
        )
        lengths = () if n_points is None else layout.lengths(n_points)
        self.q_biases = nn.ParameterList(
            nn.Parameter(torch.zeros(length, width))
            for length, width in zip(lengths, layout.widths, strict=False)
        )
        self.output = nn.Linear(widths[-1], n_classes)

    @classmethod
    def from_preset(cls, preset: str, *, n_classes: int, n_points: int) -> Self:
        """Network of a named architecture.

        Parameters
        ----------
        preset : {"paper", "robust"}
        n_classes : int
        n_points : int
            Points of a pattern.

        Returns
        -------
        AllCNN

        Raises
        ------
        ValueError
            If there is no such preset.
        """
        if preset not in PRESETS:
            raise ValueError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
        return cls(n_classes, **arguments(PRESETS[preset], n_points))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of patterns.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_points, n_channels)

        Returns
        -------
        Tensor of shape (n_samples, n_classes)
        """
        lower = self.training and self.dtype != torch.float32
        with torch.autocast(X.device.type, self.dtype, enabled=lower):
            return self._logits(X).float()

    def _logits(self, X: torch.Tensor) -> torch.Tensor:
        for k, (kernel, convolution, norm) in enumerate(
            zip(self.kernel_sizes, self.convolutions, self.norms, strict=True)
        ):
            X = convolution(_patches(X, kernel))
            X = norm(X.flatten(0, 1)).unflatten(0, X.shape[:2])
            if self.n_points is not None:
                X = X + self.q_biases[k]
            if k >= self.n_linear:
                X = torch.relu(X)
        logits: torch.Tensor = self.output(X.mean(dim=1))
        return logits

    def folded_layers(self) -> list[tuple[Float32Array, Float32Array]]:
        """Weights and biases with batch normalisation folded in, output layer last.

        Returns
        -------
        list of tuple of ndarray
            (weight of shape (n_in, n_out), bias of shape (n_out,), or
            (n_positions, n_out) where it depends on the position) for each layer.
        """
        layers = []
        for k, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            assert isinstance(convolution, nn.Linear)
            weight, bias = convolution.weight.detach().double(), convolution.bias.detach().double()
            if isinstance(norm, nn.BatchNorm1d):
                assert norm.running_var is not None and norm.running_mean is not None
                gain = norm.weight.detach() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight = weight * gain[:, None]
                bias = (bias - norm.running_mean) * gain + norm.bias.detach()
            if self.n_points is not None:
                bias = bias + self.q_biases[k].detach().double()
            layers.append((weight, bias))
        layers.append((self.output.weight.detach(), self.output.bias.detach()))
        return [(_to_numpy(weight.T), _to_numpy(bias)) for weight, bias in layers]


class Arguments(TypedDict):
    """Of :class:`AllCNN`, as an architecture sets them."""

    n_channels: int
    n_filters: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    batch_norm: bool
    n_linear: int
    n_points: int | None


def arguments(architecture: Architecture, n_points: int) -> Arguments:
    """What an architecture gives the network, for patterns of so many points."""
    return {
        "n_channels": len(architecture.channels),
        "n_filters": architecture.widths,
        "kernel_sizes": architecture.kernel_sizes,
        "batch_norm": architecture.batch_norm,
        "n_linear": architecture.n_linear,
        "n_points": n_points if architecture.q_bias else None,
    }


def _patches(X: torch.Tensor, kernel: int) -> torch.Tensor:
    """(n, length, channels) to (n, length / kernel, kernel x channels), 'same' padding."""
    n_samples, length, channels = X.shape
    missing = -length % kernel
    if missing:
        X = nn.functional.pad(X, (0, 0, missing // 2, missing - missing // 2))
    return X.reshape(n_samples, (length + missing) // kernel, kernel * channels)


def _to_numpy(tensor: torch.Tensor) -> Float32Array:
    return np.ascontiguousarray(tensor.cpu().numpy().astype(np.float32))
