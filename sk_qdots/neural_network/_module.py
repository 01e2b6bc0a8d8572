"""The all-convolutional network, as patch products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["AllCNN"]


class AllCNN(nn.Module):
    """All-convolutional network over one-dimensional patterns.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits).
    n_channels : int, default=1
        Channels of the input.
    n_filters : int, default=32
        Filters of every convolution.
    kernel_sizes : sequence of int, default=(10, 5, 4, 3, 2)
        Kernel size of each convolution, which is also its stride.
    batch_norm : bool, default=True
        Whether each convolution is followed by batch normalisation.

    Notes
    -----
    Where the kernel equals the stride, a convolution with 'same' padding is one
    matrix product over non-overlapping patches. The layers are linear maps of
    patches therefore: the same function as ``torch.nn.Conv1d``, several times
    faster on a CPU.

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
    """

    def __init__(
        self,
        n_classes: int,
        n_channels: int = 1,
        n_filters: int = 32,
        kernel_sizes: Sequence[int] = (10, 5, 4, 3, 2),
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_sizes = tuple(kernel_sizes)
        widths = [n_channels] + [n_filters] * len(self.kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Linear(k * width, n_filters)
            for k, width in zip(self.kernel_sizes, widths, strict=False)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(n_filters) if batch_norm else nn.Identity() for _ in self.kernel_sizes
        )
        self.output = nn.Linear(n_filters, n_classes)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Logits of patterns.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_points, n_channels)

        Returns
        -------
        Tensor of shape (n_samples, n_classes)
        """
        for kernel, convolution, norm in zip(
            self.kernel_sizes, self.convolutions, self.norms, strict=True
        ):
            X = convolution(_patches(X, kernel))
            X = norm(X.flatten(0, 1)).unflatten(0, X.shape[:2])
            X = torch.relu(X)
        logits: torch.Tensor = self.output(X.mean(dim=1))
        return logits

    def folded_layers(self) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """Weights and biases with batch normalisation folded in, output layer last.

        Returns
        -------
        list of tuple of ndarray
            (weight of shape (n_in, n_out), bias of shape (n_out,)) for each layer.
        """
        layers = []
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            assert isinstance(convolution, nn.Linear)
            weight, bias = convolution.weight.detach().double(), convolution.bias.detach().double()
            if isinstance(norm, nn.BatchNorm1d):
                assert norm.running_var is not None and norm.running_mean is not None
                gain = norm.weight.detach() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight = weight * gain[:, None]
                bias = (bias - norm.running_mean) * gain + norm.bias.detach()
            layers.append((weight, bias))
        layers.append((self.output.weight.detach(), self.output.bias.detach()))
        return [(_to_numpy(weight.T), _to_numpy(bias)) for weight, bias in layers]


def _patches(X: torch.Tensor, kernel: int) -> torch.Tensor:
    """(n, length, channels) to (n, length / kernel, kernel x channels), 'same' padding."""
    n_samples, length, channels = X.shape
    missing = -length % kernel
    if missing:
        X = nn.functional.pad(X, (0, 0, missing // 2, missing - missing // 2))
    return X.reshape(n_samples, (length + missing) // kernel, kernel * channels)


def _to_numpy(tensor: Any) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(tensor.cpu().numpy().astype(np.float32))
