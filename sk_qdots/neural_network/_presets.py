"""Named architectures of the all-CNN."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

__all__ = ["CHANNELS", "LOG_VARIANCES", "PRESETS", "TOLD_CHANNELS", "Architecture"]

TOLD_CHANNELS = ("told", "told share", "is told")
CHANNELS = ("deviation", "residual", "pattern", "mask", *TOLD_CHANNELS)


@dataclass(frozen=True)
class Architecture:
    """Layers of an all-CNN, and what it sees.

    Parameters
    ----------
    n_filters : int or tuple of int
        Filters of every convolution, or of each.
    kernel_sizes : tuple of int
        Kernel size, and stride, of each convolution.
    channels : tuple of str
        What the network sees at each point: ``"deviation"`` from the mean training
        pattern, ``"residual"``, that deviation without what varies within a class,
        the ``"pattern"`` itself, the ``"mask"`` of measured points, the resolution that is
        ``"told"``, its Lorentzian ``"told share"``, and whether it ``"is told"``.
    batch_norm : bool
        Whether each convolution is followed by batch normalisation.
    n_linear : int
        How many of the first convolutions have no ReLU behind them.
    q_bias : bool
        Whether the biases depend on Q.
    """

    n_filters: int | tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    channels: tuple[str, ...]
    batch_norm: bool
    n_linear: int
    q_bias: bool

    def __post_init__(self) -> None:
        if not self.kernel_sizes or not all(_is_count(k) for k in self.kernel_sizes):
            raise ValueError(f"kernel_sizes is {self.kernel_sizes}; it must hold integers >= 1")
        widths = self.n_filters if isinstance(self.n_filters, tuple | list) else (self.n_filters,)
        if len(widths) not in (1, len(self.kernel_sizes)) or not all(_is_count(w) for w in widths):
            raise ValueError(
                f"n_filters is {self.n_filters}; it must be an integer >= 1, or one for each of "
                f"the {len(self.kernel_sizes)} convolutions"
            )
        unknown = [c for c in self.channels if c not in CHANNELS]
        if unknown or not self.channels or len(set(self.channels)) < len(self.channels):
            raise ValueError(f"channels is {self.channels}; choose from {CHANNELS}, each once")
        if not 0 <= self.n_linear <= len(self.kernel_sizes):
            raise ValueError(
                f"n_linear is {self.n_linear}; there are {len(self.kernel_sizes)} convolutions"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Filters of each convolution."""
        if isinstance(self.n_filters, tuple | list):
            if len(self.n_filters) == 1:
                return tuple(self.n_filters) * len(self.kernel_sizes)
            return tuple(self.n_filters)
        return (self.n_filters,) * len(self.kernel_sizes)

    def lengths(self, n_points: int) -> tuple[int, ...]:
        """Positions that each convolution leaves of a pattern."""
        left = []
        for kernel in self.kernel_sizes:
            n_points = -(-n_points // kernel)
            left.append(n_points)
        return tuple(left)


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1


LOG_VARIANCES = (-14.0, 6.0)  # of targets of variance 1: nothing is known better than this

PRESETS = {
    # As published: five convolutions of 32 filters, global average pooling.
    "paper": Architecture(
        n_filters=32,
        kernel_sizes=(10, 5, 4, 3, 2),
        channels=("pattern",),
        batch_norm=False,
        n_linear=0,
        q_bias=False,
    ),
    # The first convolution only averages: a ReLU on counting noise would lose what
    # lies below it. The last one sees the whole range.
    "robust": Architecture(
        n_filters=(32, 96, 128, 192, 256),
        kernel_sizes=(10, 5, 4, 3, 9),
        channels=("deviation", "residual", "mask"),
        batch_norm=True,
        n_linear=1,
        q_bias=True,
    ),
}
