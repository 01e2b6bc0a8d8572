"""Every estimator of the package, found rather than listed."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin

__all__ = ["all_estimators"]

_ROOT = "sk_qdots"
_MIXINS: dict[str, type] = {
    "classifier": ClassifierMixin,
    "regressor": RegressorMixin,
    "transformer": TransformerMixin,
}
_WITHOUT_ESTIMATORS = {"cli"}
_TORCH_MODULES = {"AllCNN"}  # to ask for one imports torch, and none is an estimator


def all_estimators(
    type_filter: str | Sequence[str] | None = None,
) -> list[tuple[str, type[BaseEstimator]]]:
    """List the public estimators of the package.

    Public is what the ``__all__`` of a package or of a module beside them names; what is
    abstract is left out. Looking does not import torch.

    Parameters
    ----------
    type_filter : {"classifier", "regressor", "transformer"} or sequence of these, optional
        Which kinds, by their mixins; all by default. A pipeline, whose kind is that of its
        last step, is of none.

    Returns
    -------
    list of (str, type)
        Name and class, sorted by name.

    Raises
    ------
    ValueError
        If a kind is none of the three.

    See Also
    --------
    sklearn.utils.discovery.all_estimators : The same for scikit-learn.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.utils import all_estimators
    >>> [name for name, _ in all_estimators("regressor")]
    ['AllCNNRegressor', 'DebyePosterior', 'ScherrerRegressor']
    >>> dict(all_estimators())["QStandardizer"] is sq.QStandardizer
    True
    """
    mixins = _mixins(type_filter)
    found = {
        (name, value)
        for module in _public_modules(import_module(_ROOT))
        for name in module.__all__
        if name not in _TORCH_MODULES
        if _is_estimator(value := getattr(module, name)) and issubclass(value, mixins)
    }
    return sorted(found, key=lambda pair: pair[0])


def _mixins(type_filter: str | Sequence[str] | None) -> tuple[type, ...]:
    """Classes of which an estimator must be one."""
    if type_filter is None:
        return (BaseEstimator,)
    kinds = [type_filter] if isinstance(type_filter, str) else list(type_filter)
    unknown = [kind for kind in kinds if kind not in _MIXINS]
    if unknown:
        raise ValueError(
            f"type_filter is {type_filter!r}; known kinds: {', '.join(_MIXINS)}, or None for all"
        )
    return tuple(_MIXINS[kind] for kind in kinds)


def _public_modules(package: ModuleType) -> Iterator[ModuleType]:
    """A package, the packages within it, and the modules beside those at the root."""
    yield package
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        last = found.name.rpartition(".")[2]
        if last.startswith("_") or last in _WITHOUT_ESTIMATORS:
            continue
        if found.ispkg:
            yield from _public_modules(import_module(found.name))
        elif package.__name__ == _ROOT:
            yield import_module(found.name)


def _is_estimator(value: object) -> bool:
    """Whether this is a concrete estimator that was written here."""
    return (
        inspect.isclass(value)
        and issubclass(value, BaseEstimator)
        and not inspect.isabstract(value)
        and value.__module__.partition(".")[0] == _ROOT
    )
