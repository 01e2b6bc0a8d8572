r"""What an experiment does to a simulated pattern, as scikit-learn transformers.

A diluted, counted pattern is

.. math::

    I(Q) = \frac{n(Q)}{k}, \qquad n \sim \mathrm{Poisson}(k\,I_0), \qquad
    I_0 = c\,I_\mathrm{qd} + (1 - c)\,I_\mathrm{solvent},

with :math:`I_\mathrm{qd}` and :math:`I_\mathrm{solvent}` of equal area, so that
:math:`c` (``qd_fraction``) is the dots' share of the integrated intensity. The
mean signal-to-noise ratio is :math:`\sqrt{k\,\langle I_0 \rangle}`.

Every transformer draws in two ways. ``transform`` seeds each row by
``random_state`` and the row's own numbers: the result does not depend on order,
batch or number of workers. ``perturb(X, rng)`` draws afresh from a generator:
a network that trains with it never sees the same noise twice.
"""

from ..instruments.radiation import ANODES
from ._background import Background
from ._classifier import AugmentedClassifier
from ._concentration import from_mass_fraction, to_mass_fraction
from ._experiment import RandomExperiment
from ._instrument import InstrumentBroadening, KAlpha2, Polarisation, ZeroShift
from ._library import augment_library, library_samples
from ._noise import PoissonNoise
from ._sampling import QCoarsening, QTruncation
from ._solvent import SolventMixer, SolventVariation
from ._texture import PreferredOrientation
from .base import perturb
from .laboratories import LABORATORIES, Laboratory

__all__ = [
    "ANODES",
    "LABORATORIES",
    "AugmentedClassifier",
    "Background",
    "InstrumentBroadening",
    "KAlpha2",
    "Laboratory",
    "PoissonNoise",
    "Polarisation",
    "PreferredOrientation",
    "QCoarsening",
    "QTruncation",
    "RandomExperiment",
    "SolventMixer",
    "SolventVariation",
    "ZeroShift",
    "augment_library",
    "from_mass_fraction",
    "library_samples",
    "perturb",
    "to_mass_fraction",
]
