"""The density of sizes on its grid, against the whole posterior summed on a dense one."""

from dataclasses import replace

import numpy as np
import pytest
from known_dots import DIAMETERS, DISPERSIONS, GRID, STRAINS, counted, pattern_of
from scipy.stats import truncnorm

from sk_qdots.posterior._bins import Bins
from sk_qdots.posterior._density import Component, Neighbourhood, Node, Sizes, drawn
from sk_qdots.posterior._linear import System
from sk_qdots.posterior._model import BinnedSeries, Ranges
from sk_qdots.posterior._search import refined
from sk_qdots.posterior._surroundings import Scales, Surroundings
from sk_qdots.simulation.lognormals import number_mean, volume_mean

BINS = Bins.of_mask(GRID, np.arange(len(GRID)) % 4 == 0)
NOWHERE = Node("", np.empty(0), 0.0, np.empty(0), ())
COUNTS = 800.0


class Problem:
    """One counted pattern on a background, every thing but the sizes and the strain told."""

    def __init__(self, series, truth):
        values = BINS.averaged(counted(pattern_of(series, *truth), COUNTS, 4)[::4] / COUNTS)
        expected = BINS.averaged(pattern_of(series, *truth)[::4])
        around = Surroundings(BINS, np.empty((0, len(GRID))))
        columns = around.columns(np.ones(len(values)))
        self.prior = around.prior(Scales(0.02), columns.shape[1])
        self.system = System(columns, COUNTS * BINS.counts / expected, values)
        self.solved = self.system.solved(self.prior[0], used=self.prior[1])
        ranges = Ranges.of(series, DIAMETERS, DISPERSIONS, {})
        self.model = BinnedSeries(series, BINS, ranges, {})
        diameter, dispersion, strain = truth
        volume = volume_mean(diameter, dispersion)
        self.mode = refined(self.solved, self.model, np.array([volume, dispersion, strain]))

    def component(self):
        near = Neighbourhood(self.system, self.model, self.mode)
        sizes = near.sizes(*self.prior, near.at(np.empty(0)))
        start = np.diag([0.05**2, 0.03**2])
        return sizes, sizes.component(NOWHERE, self.mode.place[:2], start)

    def summed(self, ends, n=(26, 22, 16)):
        """Means, deviations and evidence over diameters, dispersions and strains."""
        axes = [
            low + (high - low) * (np.arange(count) + 0.5) / count
            for (low, high), count in zip(ends, n, strict=True)
        ]
        kept = self.prior[1]
        x = self.system.columns[:, kept]
        covariance = np.diag(1.0 / self.system.weights) + (x * self.prior[0][kept]) @ x.T
        inverse = np.linalg.inv(covariance)
        with_pattern = inverse @ self.system.pattern
        d, s = (a.ravel() for a in np.meshgrid(*axes[:2], indexing="ij"))
        mixed = self.model.series.mix(self.model.populations(volume_mean(d, s), s))
        width = STRAINS[1] - STRAINS[0]
        places, logs = [], []
        for strain in axes[2]:
            curves = BINS.of_model(mixed.patterns(strain=strain))
            curves /= curves.mean(axis=1, keepdims=True)
            own = ((curves @ inverse) * curves).sum(axis=1)
            logs.append(0.5 * (curves @ with_pattern) ** 2 / own - 0.5 * np.log(own))
            logs[-1] -= 0.5 * (strain / width) ** 2
            places.append(np.stack([d, s, np.full(len(d), strain)], axis=1))
        log, place = np.concatenate(logs), np.concatenate(places)
        shares = np.exp(log - log.max())
        cell = np.prod([(high - low) / count for (low, high), count in zip(ends, n, strict=True)])
        prior = np.exp(-0.5 * (np.linspace(*STRAINS, 2001) / width) ** 2).mean() * width
        whole = np.log(shares.sum() * cell / prior) + log.max()
        shares /= shares.sum()
        mean = shares @ place
        square = self.system.pattern @ with_pattern + np.linalg.slogdet(covariance)[1]
        return mean, np.sqrt(shares @ (place - mean) ** 2), whole - 0.5 * square


@pytest.mark.parametrize(
    "truth",
    [(3.6, 0.11, 0.0021), (3.6, 0.05, 0.0021), (4.99, 0.08, 0.0), (3.0, 0.12, 0.005)],
    ids=["inside", "narrowest", "largest", "most strained"],
)
def test_moments_and_evidence_are_those_of_the_whole_posterior(dots, truth):
    problem = Problem(dots, truth)
    _, one = problem.component()
    draws = drawn([one], np.array([True]), problem.model.ranges, 8000, np.random.default_rng(0))
    found = np.array([draws[name] for name in ("diameter", "dispersion", "strain")])
    middle, room = found.mean(axis=1), 5.5 * found.std(axis=1)
    bounds = (DIAMETERS, DISPERSIONS, STRAINS)
    ends = [
        (max(low, m - r), min(high, m + r))
        for (low, high), m, r in zip(bounds, middle, room, strict=True)
    ]
    mean, deviation, evidence = problem.summed(ends)
    assert np.all(np.abs(middle - mean) < 0.05 * deviation)
    np.testing.assert_allclose(found.std(axis=1), deviation, rtol=0.05)
    assert one.log_evidence == pytest.approx(evidence, abs=0.03)


def test_nothing_is_looked_for_where_the_ranges_are_empty(dots):
    problem = Problem(dots, (3.6, 0.11, 0.0021))
    sizes, _ = problem.component()
    far = np.array([9.0, 0.1])
    assert sizes.component(NOWHERE, far, np.diag([1e-4, 1e-4])) is None


def test_peaks_are_those_of_the_map(dots):
    """Two hills in a map of all sizes: both, the higher first."""

    class Hills(Sizes):
        def log_evidence(self, volume, dispersion):
            number = number_mean(volume, dispersion)
            hills = [
                height - ((number - d) / 0.1) ** 2 - ((dispersion - s) / 0.05) ** 2
                for height, d, s in ((0.0, 2.6, 0.08), (5.0, 4.1, 0.15))
            ]
            return np.logaddexp(*hills), np.empty((len(volume), 0))

    problem = Problem(dots, (3.6, 0.11, 0.0021))
    near = Neighbourhood(problem.system, problem.model, problem.mode)
    hills = near.sizes(*problem.prior, near.at(np.empty(0)))
    hills.__class__ = Hills
    found = hills.peaks(3)
    assert len(found) == 2 and len(hills.peaks(1)) == 1
    for peak, d, s in zip(found, (4.1, 2.6), (0.15, 0.08), strict=True):
        assert np.all(np.abs(peak - [volume_mean(d, s), s]) < [0.06, 0.01])


def component(log_weights, volumes, *, node=NOWHERE, linear=0.001, spread=1e-4):
    volumes = np.asarray(volumes, dtype=float)
    n = len(volumes)
    dispersions = np.full(n, 0.1)
    centre = np.array([volumes.mean(), 0.1])
    return Component(
        node,
        volumes,
        dispersions,
        (0.02, 0.004),
        0.5,
        centre,
        np.eye(2),
        np.asarray(log_weights, dtype=float),
        np.full((n, 1), linear),
        np.array([[spread]]),
    )


@pytest.fixture(scope="module")
def ranges(dots):
    return Ranges.of(dots, DIAMETERS, DISPERSIONS, {})


def test_draws_have_the_moments_of_the_components(ranges):
    parts = [
        component(np.log([0.1, 0.2, 0.3]), [2.9, 3.0, 3.1]),
        component(np.log([0.4]), [4.5], linear=-0.002),
    ]
    rng = np.random.default_rng(1)
    draws = drawn(parts, np.array([True]), ranges, 4000, rng)
    large = draws["volume_diameter"] > 4.0
    assert large.mean() == pytest.approx(0.4, abs=1e-3)
    small = draws["volume_diameter"][~large]
    assert small.mean() == pytest.approx((0.1 * 2.9 + 0.2 * 3.0 + 0.3 * 3.1) / 0.6, abs=0.002)
    assert draws["dispersion"].std() == pytest.approx(0.004 / 12**0.5, rel=0.02)
    alone = draws["volume_diameter"][large] - 4.5 - 0.5 * (draws["dispersion"][large] - 0.1)
    assert alone.std() == pytest.approx(0.02 / 12**0.5, rel=0.03)  # along the slope of the grid
    assert draws["strain"][large].mean() == pytest.approx(-0.002, abs=1e-5)
    assert draws["strain"][~large].std() == pytest.approx(1e-4, rel=0.04)
    ratio = 1.0 + draws["dispersion"] ** 2
    np.testing.assert_allclose(draws["volume_diameter"], draws["diameter"] * ratio**3)
    np.testing.assert_allclose(draws["surface_diameter"], draws["diameter"] * ratio**2)


def test_draws_stay_inside_the_ranges(ranges):
    parts = [component([0.0, 0.0], [2.0, 5.15], linear=0.0049, spread=1e-3)]
    draws = drawn(parts, np.array([True]), ranges, 4000, np.random.default_rng(2))
    strain, wanted = draws["strain"], truncnorm(-9.9, 0.1, 0.0049, 1e-3)
    assert strain.max() <= STRAINS[1] and draws["diameter"].min() == DIAMETERS[0]
    assert strain.mean() == pytest.approx(wanted.mean(), abs=4.0 * wanted.std() / 4000**0.5)
    assert strain.std() == pytest.approx(wanted.std(), rel=0.05)
    beyond = [component([0.0], [3.0], linear=0.009, spread=1e-4)]
    draws = drawn(beyond, np.array([True]), ranges, 100, np.random.default_rng(2))
    np.testing.assert_array_equal(draws["strain"], STRAINS[1])


def test_draws_fill_what_a_node_stands_for(seen_dots):
    """Sizes go with the resolution from node to node; a resolution that is absent stays so."""
    ranges = replace(
        Ranges.of(seen_dots, DIAMETERS, DISPERSIONS, {}),
        extras={"strain": STRAINS, "fwhm": (0.0, 0.15**2)},
    )
    nodes = [
        Node("with", np.array([width**2]), 0.0, np.array([0.04]), (k + 1,))
        for k, width in enumerate((0.06, 0.10))
    ]
    nodes.append(Node("without", np.zeros(1), 0.0, np.zeros(1), (0,)))
    parts = [
        component([0.0], [volume], node=node)
        for volume, node in zip((3.0, 3.4, 4.5), nodes, strict=True)
    ]
    draws = drawn(parts, np.array([True, False]), ranges, 6000, np.random.default_rng(3))
    ideal = draws["fwhm"] == 0.0
    assert ideal.mean() == pytest.approx(1 / 3, abs=1e-3)
    assert draws["volume_diameter"][ideal].min() > 4.4
    width = draws["fwhm"][~ideal]
    assert width.min() == pytest.approx(0.04, abs=1e-3) and width.max() == pytest.approx(
        0.12, abs=1e-3
    )
    assert width.std() == pytest.approx(0.08 / 12**0.5, rel=0.03)
    slope = np.polyfit(width, draws["volume_diameter"][~ideal], 1)[0]
    assert slope == pytest.approx(10.0, rel=0.02)
