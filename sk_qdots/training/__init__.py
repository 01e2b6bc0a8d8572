"""From a crystal to a sizer: simulate, augment, train, judge.

What is sensible follows from the crystal and the instrument: no class finer than the
series of particles resolves, patterns over what the angles reach; strains and dispersions
are those of colloids. :func:`plan_training` says what would be done and what it costs,
:func:`train_sizer` does it.
"""

from ._card import model_card
from ._choices import plan_training
from ._train import train_sizer
from .calibrating import calibrate_sizer
from .plan import TrainingPlan

__all__ = ["TrainingPlan", "calibrate_sizer", "model_card", "plan_training", "train_sizer"]
