"""What the page says and draws of an answer."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from page_requests import COLLOID

import sk_qdots as sq
from sk_qdots.page.distributions import distribution_curves
from sk_qdots.page.errors import without_hints
from sk_qdots.page.questions import Question
from sk_qdots.page.repeating import command_line
from sk_qdots.page.sentences import told_in_words
from sk_qdots.posterior import PatternPosterior
from sk_qdots.sizing.choice import Choice


@pytest.fixture(scope="module")
def sizing():
    pattern = sq.read_pattern(COLLOID, wavelength=0.5642)
    return sq.load_sizer("PbS").size(pattern, engine="network")


def test_the_first_number_is_the_one_to_read_first(sizing):
    told = told_in_words(sizing)
    assert told["average"] == "number average" and told["size"].startswith(
        f"{sizing.number_diameter:.2f}"
    )
    assert told["rows"][0]["name"] == "Number average"
    unsure = replace(sizing, interval=(3.0, 6.0), verdict="caution", coverage=0.5)
    told = told_in_words(unsure)
    assert told["average"] == "volume average" and told["size"].startswith(
        f"{sizing.volume_diameter:.2f}"
    )
    assert told["rows"][0]["name"] == "Volume average"
    assert "less certain" in told["sentence"] and "by volume" in told["sentence"]
    assert told["verdict"] == "Caution" and told["coverage"] == "50\N{NO-BREAK SPACE}%"


def test_the_lattice_is_told_only_where_it_differs(sizing):
    assert "wider" in told_in_words(sizing)["sentence"]
    assert "narrower" in told_in_words(replace(sizing, strain=-0.002))["sentence"]
    assert "lattice" not in told_in_words(replace(sizing, strain=0.0))["sentence"]
    bare = replace(sizing, strain=None, dispersion=None, surface_diameter=None)
    told = told_in_words(bare)
    assert "spread" not in told["sentence"]
    assert not {"Strain", "Dispersion"} & {row["name"] for row in told["rows"]}


def test_a_distribution_without_a_form_is_shown_where_it_is_seen(sizing):
    sizes = np.arange(1.0, 26.0, 0.5)
    density = np.exp(-0.5 * ((sizes - 5.0) / 0.5) ** 2)
    bands = xr.Dataset(
        {
            name: (("diameter", "band"), np.column_stack([density] * 4))
            for name in ("number", "volume")
        },
        coords={"diameter": sizes, "band": ["mean", "5 %", "50 %", "95 %"]},
    )
    posterior = PatternPosterior({"diameter": np.full(9, 5.0)}, distribution=bands)
    told = distribution_curves(replace(sizing, posterior=posterior))
    assert told["kind"] == "free"
    assert told["diameter"][0] >= 2.5 and told["diameter"][-1] <= 7.5
    assert len(told["volume"]["high"]) == len(told["diameter"])


def test_classes_are_drawn_where_no_spread_is_known(sizing):
    told = distribution_curves(replace(sizing, dispersion=None, posterior=None))
    assert told["kind"] == "classes" and sum(told["probability"]) == pytest.approx(1.0, abs=1e-3)


def test_a_command_repeats_it():
    choice = Choice(crystal="CdSe wurtzite", diameters=(2.0, 8.0), stacking=(0.0, 1.0), free=True)
    question = Question(choice, energy=21.5, columns=(0, "counts"), scan="sum", coverage=0.5)
    assert command_line(question, "-a b.xy") == (
        "sk-qdots size './-a b.xy' --energy=21.5 --scan=sum --columns=0,counts "
        "'--crystal=CdSe wurtzite' --diameters=2:8 --stacking=0:1 --coverage=0.5 --free"
    )
    from sk_qdots.cli import _parser

    _parser().parse_args(["size", "./-a b.xy", "--energy=21.5", "--columns=0,counts"])


@pytest.mark.parametrize(
    ("told", "plain"),
    [
        ("say which with x='q' (--x q or --x d)", "say which with x='q'"),
        ("Q (1/Angstrom) is missing", "Q (1/Angstrom) is missing"),
        ("give the wavelength (--wavelength)", "give the wavelength"),
    ],
)
def test_options_of_the_command_are_left_out(told, plain):
    assert without_hints(told) == plain
