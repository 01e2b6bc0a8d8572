"""What a second process does to the cache: a spawned one imports it by name, wherever tests run."""

import os
from pathlib import Path

import numpy as np

from sk_qdots.posterior.cache import kept_arrays

ARRAYS = {"patterns": np.arange(600.0).reshape(20, 30), "q": np.linspace(1.0, 2.0, 30)}


class Maker:
    """Counts how often arrays are made."""

    def __init__(self, arrays=ARRAYS):
        self.arrays, self.n_made = arrays, 0

    def __call__(self):
        self.n_made += 1
        return self.arrays


def same(found):
    """Whether what was found is what was kept, to the last bit."""
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    return True


def keep_and_remove(folder, key, start, results):
    """Keep twenty arrays, removing others all the while, and say how many were right."""
    os.environ["SK_QDOTS_CACHE"] = str(folder)
    start.wait()
    good = 0
    for k in range(20):
        good += same(kept_arrays(f"{key}{k}", Maker()))
        (folder / f"{key}{(k + 7) % 20}.npz").unlink(missing_ok=True)
    results.put(good)


def die_while_writing(folder):
    """End this process, as a kill would, when what was written is about to get its name."""
    os.environ["SK_QDOTS_CACHE"] = str(folder)

    def killed(self, target):
        os._exit(9)

    Path.replace = killed
    kept_arrays("one", Maker())
