import numpy as np
import pytest

from sk_qdots.inspection import DistributionDisplay
from sk_qdots.posterior import PatternPosterior
from sk_qdots.posterior.free import averages, distribution

DIAMETERS = np.arange(1.0, 12.0, 0.5)


@pytest.fixture
def posterior():
    rng = np.random.default_rng(0)
    middles = 4.0 + 0.1 * rng.standard_normal((200, 1))
    shares = np.exp(-0.5 * ((DIAMETERS - middles) / 0.6) ** 2)
    shares /= shares.sum(axis=1, keepdims=True)
    return PatternPosterior(
        averages(DIAMETERS, shares), distribution=distribution(DIAMETERS, shares)
    )


@pytest.fixture
def drawn(posterior):
    import matplotlib.pyplot as plt

    display = DistributionDisplay(posterior).plot()
    yield display
    plt.close(display.figure_)


def test_it_draws_both_densities_and_their_averages(drawn):
    posterior, ax = drawn.posterior, drawn.ax_
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["by volume", "by number"]
    lines = ax.get_lines()
    for line, name in zip(lines[::2], ("volume", "number"), strict=True):
        np.testing.assert_array_equal(
            line.get_ydata(), posterior.distribution[name].sel(band="mean")
        )
    at = [line.get_xdata()[0] for line in lines[1::2]]
    assert at == [posterior.mean("volume_diameter"), posterior.mean("diameter")]
    assert len(ax.collections) == 2
    assert "nm" in ax.get_xlabel() and "1/nm" in ax.get_ylabel()


def test_it_shows_the_sizes_that_there_are(drawn):
    low, high = drawn.ax_.get_xlim()
    assert 1.0 <= low < 3.0 and 5.0 < high < 9.0


def test_it_draws_where_it_is_told(posterior):
    from matplotlib.figure import Figure

    ax = Figure().subplots()

    class Asked:
        def posterior_of(self, pattern):
            return posterior

    assert DistributionDisplay.from_estimator(Asked(), None, ax).ax_ is ax
    assert not hasattr(DistributionDisplay.from_estimator(Asked(), None), "ax_")


def test_lognormals_have_nothing_to_draw():
    with pytest.raises(ValueError, match="distribution='free'"):
        DistributionDisplay(PatternPosterior({"diameter": np.ones(3)}))
