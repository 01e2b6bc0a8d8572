"""The sizers that are shipped for other crystals than PbS."""

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.registry import sizer_facts

CRYSTALS = {"CdSe": "CdSe zinc blende"}


@pytest.mark.parametrize("name", CRYSTALS)
def test_it_was_made_by_the_command_and_says_how_good_it_is(name):
    facts, sizer = sizer_facts(name), sq.load_sizer(name)
    assert facts.crystal == CRYSTALS[name]
    assert sizer.training["command"].startswith(f"sk-qdots train --crystal '{CRYSTALS[name]}'") or (
        sizer.training["command"].startswith(f"sk-qdots train --crystal {CRYSTALS[name]} ")
    )
    assert sizer.targets[1:] == ("dispersion", "strain", "volume_diameter")
    assert sizer.training["scores"]["standard cells"]["accuracy"] > 0.5


@pytest.mark.parametrize("name", CRYSTALS)
def test_fresh_dots_are_sized(name):
    library = sq.simulate_library(
        CRYSTALS[name], diameters=[3.0, 5.0], dispersions=[0.12, 0.2], strains=[0.001]
    )
    X, y, _ = sq.library_samples(library)
    X = X.sel(q=slice(1.0, 14.0))
    noisy = sq.PoissonNoise(snr=46, random_state=0).fit_transform(X)
    sizer = sq.load_sizer(name)
    assert [sizer.size(row).diameter * 1000 for row in noisy] == y.tolist()
    estimates = sizer.estimate(noisy)
    assert np.abs(estimates["diameter"] - y / 1000.0).max() < 0.3
    assert np.abs(estimates["strain"] - 0.001).max() < 0.0015
