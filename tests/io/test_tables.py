"""Tables of text: columns that are chosen, what a third column is, and reading at once."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sk_qdots as sq
from sk_qdots.io import _table

ANGLES = np.round(np.arange(10.0, 90.0, 0.1), 2)
COUNTS = np.round(500 + 400 * np.sin(ANGLES) ** 2)


def write(tmp_path, text, name="a.dat"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(*columns, separator="\t", names=""):
    rows = "\n".join(
        separator.join(str(value) for value in row) for row in zip(*columns, strict=True)
    )
    return f"{names}\n{rows}\n" if names else f"{rows}\n"


DATES = [f"2024-05-01 10:{k // 60:02d}:{k % 60:02d}" for k in range(len(ANGLES))]
MODEL = COUNTS + 7
CHOSEN = {
    "a date before": (table(DATES, ANGLES, COUNTS, names="when\t2theta\tcounts"), (1, 2)),
    "by name": (table(DATES, ANGLES, COUNTS, names="when\t2theta\tcounts"), ("2theta", "counts")),
    "another case, without the unit": (
        table(DATES, ANGLES, COUNTS, names="when;2Theta (deg);Counts [cps]", separator=";"),
        ("2theta", "counts"),
    ),
    "commas": (
        table(DATES, ANGLES, MODEL, COUNTS, separator=",", names="when,angle,Ycalc,Yobs"),
        (1, 3),
    ),
    "quoted commas": (
        'when,"2theta, deg",I\n'
        + "".join(
            f'"1 May, {k}",{a},{c}\n' for k, (a, c) in enumerate(zip(ANGLES, COUNTS, strict=True))
        ),
        (1, 2),
    ),
    "four quantities, no names": (table(ANGLES, COUNTS, MODEL, MODEL), (0, 1)),
    "four quantities by blanks": (table(ANGLES, MODEL, COUNTS, MODEL, separator="  "), (0, 2)),
    "names with units and blanks": (
        table(ANGLES, MODEL, COUNTS, MODEL, separator=" ", names="# 2theta (deg) ycalc yobs diff"),
        ("2theta", "yobs"),
    ),
    "decimal commas": (
        table(MODEL, ANGLES, COUNTS, separator=";", names="Modell;2theta;Impulse").replace(
            ".", ","
        ),
        ("2theta", "Impulse"),
    ),
    "empty rows of other columns": (
        table(ANGLES, COUNTS, MODEL) + "\t\t5\n\t\t6\n",
        (0, 1),
    ),
    "swapped": (table(COUNTS, ANGLES, names="I 2theta".replace(" ", "\t")), (1, 0)),
}


@pytest.mark.parametrize("kind", CHOSEN)
def test_columns_that_are_chosen(tmp_path, kind):
    text, columns = CHOSEN[kind]
    pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7, columns=columns)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], ANGLES)
    assert "esd" not in pattern.coords


def test_a_chosen_column_names_its_axis(tmp_path):
    text = table(DATES, ANGLES / 10, COUNTS, names="when\tQ (1/nm)\tI")
    pattern = sq.read_pattern(write(tmp_path, text), columns=(1, 2))
    np.testing.assert_allclose(pattern["q"], ANGLES / 100)


def test_a_third_chosen_column_is_the_standard_deviation(tmp_path):
    text = table(ANGLES, COUNTS, MODEL, 0.01 * COUNTS)
    pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7, columns=(0, 1, 3))
    np.testing.assert_allclose(pattern["esd"], 0.01 * COUNTS)


FOUR = table(ANGLES, COUNTS, MODEL, MODEL, names="2theta\tobs\tcalc\tdiff")
REFUSED = {
    "none chosen": (FOUR, None, r"columns=\(0, 1\) \(--columns 0,1\)"),
    "no such name": (FOUR, ("2theta", "yobs"), "no column called 'yobs': 0 '2theta', 1 'obs'"),
    "no such number": (FOUR, (0, 4), "no column 4: its rows have 4, 0 '2theta'"),
    "no names": (table(ANGLES, COUNTS), ("x", "y"), "has no row of names"),
    "two of a name": (
        table(ANGLES, COUNTS, MODEL, names="2theta\tI\tI"),
        ("2theta", "I"),
        "several columns called 'I'",
    ),
    "one": (FOUR, (0,), "two or three different columns"),
    "twice": (FOUR, (0, 0), "two or three different columns"),
    "negative": (FOUR, (0, -1), "two or three different columns"),
    "no names nor numbers": (FOUR, (0.5, 1), "two or three different columns"),
    "an empty field": (FOUR + "90.0\t\t5\t5\n", (0, 1), "line 802 .*an empty field"),
    "words": (FOUR + "90.0\tnone\t5\t5\n", (0, 1), "line 802 is not a row of numbers"),
    "no table": ("a\nb\n", (0, 1), "holds no table of numbers"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_columns_that_cannot_be_chosen(tmp_path, kind):
    text, columns, reason = REFUSED[kind]
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(write(tmp_path, text), wavelength=0.7, columns=columns)


def test_other_formats_have_no_columns_to_choose(tmp_path):
    import pattern_files as files

    path = write(tmp_path, files.ras(ANGLES, COUNTS, None, None), "a.ras")
    with pytest.raises(sq.PatternError, match=r"is a Rigaku RAS file, .*leave columns="):
        sq.read_pattern(path, columns=(0, 1))


ESDS = {
    "of the counts": (np.sqrt(COUNTS), True),
    "three times it": (3 * np.sqrt(COUNTS), True),
    "zero": (0 * COUNTS, False),
    "one": (0 * COUNTS + 1, False),
    "a background": (0.9 * COUNTS, False),
    "a temperature of the size of an error": (0 * COUNTS + 30, False),
    "theta": (ANGLES / 2, False),
    "what goes the other way": (np.sqrt(1500 - COUNTS), False),
    "a difference": (np.sqrt(COUNTS) - 25, False),
}


@pytest.mark.parametrize("kind", ESDS)
def test_a_third_column_without_a_name_is_an_esd_by_its_size(tmp_path, kind):
    esd, is_one = ESDS[kind]
    noisy = np.random.default_rng(3).poisson(COUNTS)
    if kind == "what goes the other way":
        noisy = np.random.default_rng(3).poisson(1500 * np.exp(-ANGLES / 20))
        esd = np.sqrt(1500 - noisy)
    path = write(tmp_path, table(ANGLES, noisy, esd))
    if is_one:
        assert "esd" in sq.read_pattern(path, wavelength=0.7).coords
        return
    with pytest.warns(sq.PatternWarning, match="its third column") as said:
        pattern = sq.read_pattern(path, wavelength=0.7)
    assert "esd" not in pattern.coords and len(said) == 1
    if (esd > 0).all():  # the caller's word
        assert "esd" in sq.read_pattern(path, wavelength=0.7, columns=(0, 1, 2)).coords


def test_the_esd_of_intensities_that_are_no_counts(tmp_path):
    noisy = COUNTS + np.random.default_rng(3).normal(0.0, 2.0, len(COUNTS))
    esd = 2e-3 * np.random.default_rng(4).uniform(0.8, 1.2, len(COUNTS))
    path = write(tmp_path, table(ANGLES, 1e-3 * noisy, esd))
    assert "esd" in sq.read_pattern(path, wavelength=0.7).coords


REDUCED = {
    "PDFgetX3": (
        "[DEFAULT]\noutputtype = fq\n#### start data\n#L Q($\\AA^{-1}$)  F($\\AA^{-1}$)\n",
        "F(Q)",
    ),
    "label of G(r)": ("#L r($\\AA$)  G($\\AA^{-2}$)\n", "G(r)"),
    "G(r) with errors": ("# r  G(r)  dr  dG\n", "G(r)"),
    "label of S(Q)": ("# Q(1/A) S(Q)\n", "S(Q)"),
    "output type alone": ("outputtype = sq\n", "S(Q)"),
    "output type with a colon": ("outputtype: fq\nqmax = 25\n", "F(Q)"),
    "a line for each label": ("# Q (A^-1)\n# S(Q)\n", "S(Q)"),
    "in words": ("# Q(A-1), Structure factor\n", "S(Q)"),
    "in words, reduced": ("Q (A^-1)\tReduced structure function F(Q)\n", "F(Q)"),
    "total": ('"Q [1/A]";"Total S(Q)"\n', "S(Q)"),
    "less than one": ("# Q [A^-1]   S(Q)-1\n", "S(Q)"),
    "weighted by Q": ("Q (A^-1)\tQ[S(Q)-1]\n", "F(Q)"),
    "of Q, G": ('"Q","G(Q)"\n', "G(Q)"),
    "short": ("q_A^-1 fq\n", "F(Q)"),
    "far above": ("# columns: Q (A^-1), S(Q)\n# a\n# b\n# c\n# d\n", "S(Q)"),
    "interference": ("# reduced interference function\n# Q (1/A)   i(Q)\n", "i(Q)"),
    "pairs": ("# r (A), Pair distribution function\n", "G(r)"),
}


@pytest.mark.parametrize("subtracted", [False, True])
@pytest.mark.parametrize("kind", REDUCED)
def test_what_is_computed_from_a_pattern_is_none(tmp_path, kind, subtracted):
    header, name = REDUCED[kind]
    columns = [ANGLES, COUNTS - 600] + ([ANGLES, ANGLES] if "errors" in kind else [])
    path = write(tmp_path, header + table(*columns))
    options = {} if len(columns) == 2 else {"columns": (0, 1)}
    with pytest.raises(sq.PatternError, match=rf"is {name[0]}\({name[2]}\), as its header says"):
        sq.read_pattern(path, x="q", subtracted=subtracted, **options)


INTENSITIES = {
    "titles": "# Temperature  G 240\n# position F(3)\n",
    "a card": "#2theta PDF-card\n",
    "beside S(Q)": "# Q (1/A) S(Q)\n# 2theta I\n",
    "i(Q)": "# Q (1/A)  i(Q)\n",
    "output types": "OutputTypes = iq, sq, fq, gr\n# Q (1/A) I\n",
    "a title of words": "# PbS, structure factor of the shell fitted\n",
}


@pytest.mark.parametrize("kind", INTENSITIES)
def test_what_only_seems_to_be_computed_from_a_pattern(tmp_path, kind):
    path = write(tmp_path, INTENSITIES[kind] + table(ANGLES / 8, COUNTS))
    options = (
        {}
        if "(1/A)" in INTENSITIES[kind] and "2theta" not in INTENSITIES[kind]
        else {"x": "two_theta"}
    )
    pattern = sq.read_pattern(path, **options, **({"wavelength": 0.5} if options else {}))
    np.testing.assert_allclose(pattern, COUNTS)


def test_the_intensity_beside_a_structure_factor(tmp_path):
    names = "Q [1/A]\tS(Q)\tI(Q)\tI err"
    columns = (ANGLES / 8, COUNTS / 500, COUNTS, np.sqrt(COUNTS))
    path = write(tmp_path, table(*columns, names=names))
    for columns in (None, ("Q", "I(Q)"), (0, 2)):
        np.testing.assert_allclose(sq.read_pattern(path, columns=columns), COUNTS)
    with pytest.raises(sq.PatternError, match=r"is S\(Q\)"):
        sq.read_pattern(path, columns=("Q", "S(Q)"))
    path = write(tmp_path, table(ANGLES / 8, COUNTS, COUNTS / 9, names="Q (1/A)\tI\tS(Q)"))
    with pytest.raises(
        sq.PatternError, match=r"called 'S\(Q\)', which is not a standard deviation"
    ):
        sq.read_pattern(path)


@pytest.mark.parametrize("label", ["S(Q)", "fq", "Total structure factor"])
def test_the_ordinate_of_a_chi_file(tmp_path, label):
    text = f"a.tif\nQ (A^-1)\n{label}\n   {len(ANGLES)}\n" + table(ANGLES / 8, COUNTS)
    with pytest.raises(sq.PatternError, match=r"is [SF]\(Q\), as its header says"):
        sq.read_pattern(write(tmp_path, text, "a.chi"))
    good = text.replace(label, "Intensity")
    np.testing.assert_allclose(sq.read_pattern(write(tmp_path, good, "a.chi")), COUNTS)


@pytest.mark.parametrize("suffix", ["dofr", "gofr", "pdf", "soq", "mdor01", "mint01", "fq"])
def test_suffixes_of_what_is_computed(tmp_path, suffix):
    path = write(tmp_path, table(ANGLES / 8, COUNTS), f"a.{suffix}")
    with pytest.raises(sq.PatternError, match=rf"by its name, .{suffix}"):
        sq.read_pattern(path, x="q")


WHAT_TO_DO = {
    "dates": (
        table(DATES, ANGLES, COUNTS, separator=",", names="date,2theta,counts"),
        r"words or dates beside its numbers .*columns=\(1, 2\) \(--columns 1,2\)",
    ),
    "words": (table(ANGLES, COUNTS, ["ok"] * len(ANGLES)), r"columns=\(0, 1\)"),
    "a remark": (
        table(ANGLES, COUNTS, ["x" if k == 5 else "" for k in range(len(ANGLES))], separator=","),
        r"line 6 is not a row of numbers .*columns=\(0, 1\)",
    ),
    "FullProf's .prf": (
        "  1   1  10\n" + table(ANGLES, COUNTS, COUNTS, COUNTS, COUNTS),
        "line 2 has 5 columns where line 1 has 3; if line 1 belongs to a header, mark it with #",
    ),
}


@pytest.mark.parametrize("kind", WHAT_TO_DO)
def test_messages_say_what_to_do(tmp_path, kind):
    text, said = WHAT_TO_DO[kind]
    with pytest.raises(sq.PatternError, match=said):
        sq.read_pattern(write(tmp_path, text), wavelength=0.7)
    columns = (1, 2) if kind == "dates" else (0, 1)
    if kind != "FullProf's .prf":
        pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7, columns=columns)
        np.testing.assert_allclose(pattern, COUNTS)


def test_a_pair_distribution_function_by_its_name(tmp_path):
    path = write(tmp_path, table(ANGLES, COUNTS), "a.gr")
    with pytest.raises(sq.PatternError, match=r"is G\(r\), by its name, .gr"):
        sq.read_pattern(path, wavelength=0.7)
    path = write(tmp_path, table(ANGLES, COUNTS, names="2theta\tcounts"), "b.gr")
    assert len(sq.read_pattern(path, wavelength=0.7)) == len(COUNTS)


def test_the_intensity_that_pdfgetx3_writes_is_a_pattern(tmp_path):
    """Its ``dataformat`` is that of another file, and 0.1 Angstrom is nobody's beam."""
    header = "wavelength = 0.1\ndataformat = Qnm\noutputtype = iq\n#L Q($\\AA^{-1}$)  I(a.u.)\n"
    pattern = sq.read_pattern(write(tmp_path, header + table(ANGLES / 10, COUNTS)))
    np.testing.assert_allclose(pattern["q"], ANGLES / 10)
    assert "two_theta" not in pattern.coords and "wavelength" not in pattern.attrs


def test_a_nul_in_a_title(tmp_path):
    path = write(tmp_path, b"# PbS in\0toluene\n" + table(ANGLES, COUNTS).encode())
    np.testing.assert_allclose(sq.read_pattern(path, wavelength=0.7), COUNTS)


def test_a_last_row_that_is_cut_is_left_out(tmp_path):
    text = table([f"{a:.3f}" for a in ANGLES], [f"{c:.3f}" for c in COUNTS], separator=" ")
    for cut in (3, 9):
        with pytest.warns(sq.PatternWarning, match=f"{len(COUNTS) - 1} points are there"):
            pattern = sq.read_pattern(write(tmp_path, text[:-cut]), wavelength=0.7)
        np.testing.assert_allclose(pattern, COUNTS[:-1])
    np.testing.assert_allclose(sq.read_pattern(write(tmp_path, text[:-1]), wavelength=0.7), COUNTS)


numbers = st.one_of(
    st.integers(0, 10**7).map(str),
    st.floats(0, 1e6, allow_nan=False).map("{:.3f}".format),
    st.floats(0, 1e6, allow_nan=False).map("{:.4e}".format),
    st.sampled_from(["1,5", "1,234", "", "nan", "1e", "-", "12 34", "1.2.3", "+7"]),
)


@settings(max_examples=300, deadline=None)
@example(rows=[["0", "0"], ["", "12 34"]], separator=";", width=3, end="")
@example(rows=[["0", "0"], ["", "12 34"]], separator=",", width=3, end="")
@given(
    rows=st.lists(st.lists(numbers, min_size=2, max_size=4), min_size=2, max_size=8),
    separator=st.sampled_from([" ", "\t", ";", ",", ", ", "  \t", "; "]),
    width=st.integers(2, 3),
    end=st.sampled_from(["", "\n"]),
)
def test_reading_at_once_is_reading_row_by_row(tmp_path_factory, rows, separator, width, end):
    """What is read, or why not, is the same either way."""
    lines = [
        f"{10 + k}.5{separator}{separator.join(row[: width - 1])}" for k, row in enumerate(rows)
    ]
    first = [
        f"{k}.25{separator}1{separator}2" if width == 3 else f"{k}.25{separator}1"
        for k in range(10)
    ]
    path = write(tmp_path_factory.mktemp("t"), "\n".join(first + lines) + end)

    def outcome():
        import warnings

        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                pattern = sq.read_pattern(path, wavelength=0.7)
            except sq.PatternError as error:
                return str(error)
        return pattern.to_dict(), [str(w.message) for w in said]

    at_once = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_table.Table, "add_block", lambda self, first, lines: False)
        assert outcome() == at_once


def ranges(*bounds, step=0.1, scales=(1.0, 2.0, 0.5)):
    """GSAS banks over parts of one pattern, counted for different times."""
    text = "title\n"
    rng = np.random.default_rng(5)
    for bank, ((low, high), scale) in enumerate(zip(bounds, scales, strict=False), start=1):
        x = np.arange(low, high + step / 2, step)
        y = rng.poisson(scale * truth(x))
        rows = "\n".join(
            f"{100 * a:.3f} {c} {max(c, 1) ** 0.5:.4f}" for a, c in zip(x, y, strict=True)
        )
        opening = f"BANK {bank} {len(x)} {len(x)} CONST {100 * low:.2f} {100 * step:.2f} 0 0 FXYE"
        text += f"{opening}\n{rows}\n"
    return text


def truth(x):
    return 5000 + 20000 * np.exp(-0.5 * ((x - 45) / 1.5) ** 2)


@pytest.mark.parametrize(
    "bounds", [((10, 50), (40, 90)), ((40, 90), (10, 50)), ((10, 50), (40.03, 90))]
)
def test_ranges_join_where_they_overlap(tmp_path, bounds):
    path = write(tmp_path, ranges(*bounds), "a.gsa")
    pattern = sq.read_pattern(path, wavelength=0.7, scan="join")
    angles = pattern["two_theta"].values
    assert angles[0] == pytest.approx(10.0) and angles[-1] == pytest.approx(90.0, abs=0.05)
    assert np.diff(angles).max() < 0.2
    scales = [float(s) for s in pattern.attrs["scales"].split(",")]  # in the order of the file
    low_first = bounds[0][0] < bounds[1][0]
    assert scales == pytest.approx([1.0, 0.5] if low_first else [2.0, 1.0], rel=0.01)
    scale = 1.0 if low_first else 2.0
    pulls = (pattern.values - scale * truth(angles)) / pattern["esd"].values
    assert np.std(pulls) == pytest.approx(1.0, abs=0.1)


def test_few_counts_join_without_a_bias(tmp_path):
    """What both ranges counted is added up: points without counts weigh no more than others."""
    rng = np.random.default_rng(8)
    text = ""
    for bank, (low, high) in enumerate(((10, 90), (80, 150)), start=1):
        x = np.arange(low, high + 0.01, 0.02)
        y = rng.poisson(np.full(len(x), 2.0))
        rows = "\n".join(
            f"{a:.3f} {c} {max(c, 1) ** 0.5:.3f}" for a, c in zip(100 * x, y, strict=True)
        )
        text += f"BANK {bank} {len(x)} {len(x)} CONST {100 * low} 2 0 0 FXYE\n{rows}\n"
    pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7, scan="join")
    inside = (pattern["two_theta"] > 80) & (pattern["two_theta"] < 90)
    assert float(pattern[inside].mean()) == pytest.approx(2.0, abs=0.15)
    assert float(pattern["esd"].min()) > 0.3


def test_ranges_of_rates_have_no_standard_deviations(tmp_path):
    scans = "\n".join(
        f"_DRIVE='COUPLED'\n_STEPSIZE=0.05\n_START={low}\n_CPS\n"
        + " ".join(f"{v:.3f}" for v in truth(np.arange(low, high, 0.05)))
        for low, high in ((10, 50), (40, 90))
    )
    path = write(tmp_path, f"_FILEVERSION=2\n_WL1=1.5406\n{scans}\n", "a.uxd")
    pattern = sq.read_pattern(path, scan="join")
    assert "esd" not in pattern.coords
    np.testing.assert_allclose(pattern, truth(pattern["two_theta"].values), rtol=1e-4)


def test_ranges_join_in_spite_of_rounding(tmp_path):
    """5.01 to 60.03, 50.01 to 90.01 and 85.01 to 120.01 in steps that are not exact."""
    bounds = ((5.01, 60.03), (50.01, 90.01), (85.01, 120.01))
    pattern = sq.read_pattern(
        write(tmp_path, ranges(*bounds, step=0.02), "a.gsa"), wavelength=0.7, scan="join"
    )
    assert np.diff(pattern["two_theta"]) == pytest.approx(0.02, abs=1e-3)


def test_a_range_with_nan_says_so(tmp_path):
    text = ranges((10, 50), (40, 90)).splitlines()
    text[20] = f"{text[20].split()[0]} nan 1.0"
    text = "\n".join(text)
    with pytest.raises(sq.PatternError, match="NaN"):
        sq.read_pattern(write(tmp_path, text, "a.gsa"), wavelength=0.7, scan="join")


def test_names_above_a_row_of_units(tmp_path):
    text = table(ANGLES, COUNTS, MODEL, names="2theta\tI\tbkg\n[\N{DEGREE SIGN}]\t[cts]\t[cts]")
    pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7, columns=("2theta", "bkg"))
    np.testing.assert_allclose(pattern, MODEL)
    assert pattern.attrs["columns"] == "2theta, bkg"


def test_a_last_row_that_is_cut_beside_chosen_columns(tmp_path):
    text = table(ANGLES, COUNTS, MODEL, MODEL)
    cut = text[: text.rindex("\t", 0, text.rindex("\t"))]
    with pytest.warns(sq.PatternWarning, match=f"{len(COUNTS) - 1} points are there"):
        pattern = sq.read_pattern(write(tmp_path, cut), wavelength=0.7, columns=(0, 1))
    np.testing.assert_allclose(pattern, COUNTS[:-1])


@pytest.mark.parametrize("end", ["END", "&"])
def test_an_end_below_chosen_columns(tmp_path, end):
    text = table(ANGLES, COUNTS, MODEL, MODEL) + f"{end}\n"
    pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7, columns=(0, 1))
    np.testing.assert_allclose(pattern, COUNTS)


def test_decimal_commas_between_commas_are_asked_about(tmp_path):
    text = "2theta,I\n" + "".join(f"{k},31,8\n" for k in range(10, 40))
    with pytest.raises(sq.PatternError, match="write decimal points"):
        sq.read_pattern(write(tmp_path, text), wavelength=0.7)


def test_commas_and_blanks_between_whole_numbers(tmp_path):
    text = "2theta, counts\n" + "".join(f"{10 + k / 20:g}, {900 + k}\n" for k in range(30))
    pattern = sq.read_pattern(write(tmp_path, text), wavelength=0.7)
    np.testing.assert_allclose(pattern, 900 + np.arange(30))


@pytest.mark.parametrize("given", [None, 0.2])
@pytest.mark.parametrize("placeholder", [0.1, 1.0])
def test_placeholders_beside_q(tmp_path, given, placeholder):
    header = f"wavelength = {placeholder}\n# Q(1/A) I\n"
    path = write(tmp_path, header + table(ANGLES / 4, COUNTS), "a.iq")
    if placeholder == 1.0 and given:
        with pytest.raises(sq.PatternError, match="read as two-theta"):
            sq.read_pattern(path, wavelength=given, x=None)
        return
    pattern = sq.read_pattern(path, wavelength=given, x="q" if given else None)
    assert ("two_theta" in pattern.coords) == (given is not None)


def test_ranges_that_share_nothing_do_not_join(tmp_path):
    path = write(tmp_path, ranges((10, 40), (40, 90)), "a.gsa")
    with pytest.raises(sq.PatternError, match=r"10 to 40 and 40 to 90 share fewer than 5 points"):
        sq.read_pattern(path, wavelength=0.7, scan="join")
    with pytest.raises(sq.PatternError, match=r"scan='join'"):
        sq.read_pattern(path, wavelength=0.7)


def test_three_ranges_join(tmp_path):
    path = write(tmp_path, ranges((10, 40), (35, 60), (55, 90)), "a.gsa")
    pattern = sq.read_pattern(path, wavelength=0.7, scan="join")
    assert len(pattern) == 801
