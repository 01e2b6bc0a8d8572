"""Every example in a docstring runs."""

import doctest
import importlib
import pkgutil

import pytest

import sk_qdots

MODULES = sorted(m.name for m in pkgutil.walk_packages(sk_qdots.__path__, "sk_qdots."))


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
