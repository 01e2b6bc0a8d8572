"""The script that times peers judges patterns rightly, and speaks debyer's language."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "asv_bench"

STUB = """#!{python}
import sys
import numpy as np
import gemmi

if "--version" in sys.argv:
    print("debyer 0.4 (serial, double precision)")
    raise SystemExit
given = dict(a[2:].split("=") for a in sys.argv[1:] if "=" in a)
assert "--xray" in sys.argv
low, high, step = (float(np.float32(given[key])) for key in ("from", "to", "step"))
count, _, *lines = open(sys.argv[-1]).read().split("\\n")
atoms = [line.split() for line in lines if line]
assert len(atoms) == int(count)
positions = np.array([[float(x) for x in atom[1:]] for atom in atoms])
distances = np.linalg.norm(positions[:, None] - positions, axis=2)
with open(given["output"], "w") as file:
    print(f"#debyer-pattern x-ray Q cut-off={{distances.max():g}}", file=file)
    print(f"#from {{low:g}} to {{high:g}} step {{step:g}}", file=file)
    for k in range(int((high - low) / step)):
        q = low + (k + 0.5) * step
        f = [gemmi.Element(a[0]).it92.calculate_sf((q / (4 * np.pi)) ** 2) for a in atoms]
        pattern = f @ np.sinc(q * distances / np.pi) @ f / len(atoms)
        print(f"{{q:g}} {{pattern:g}}", file=file)
"""


@pytest.fixture
def peers(monkeypatch):
    if not FOLDER.exists():  # a source distribution
        pytest.skip("asv_bench is not here")
    monkeypatch.syspath_prepend(FOLDER)
    import compare_peers

    monkeypatch.setattr(compare_peers, "Q_STEP", 1 / 8)
    monkeypatch.setattr(compare_peers, "Q", 1.0 + np.arange(113) / 8)
    monkeypatch.setattr(compare_peers, "WARM_UP", (0.8, 1.0))
    monkeypatch.setattr(compare_peers, "MOST_REPEATS", 1)
    monkeypatch.setattr(compare_peers, "compare_library", lambda: None)
    for module in ("debyecalculator", "pyausaxs"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("PATH", "")
    return compare_peers


@pytest.fixture
def debyer(peers, tmp_path, monkeypatch):
    if os.name == "nt":
        pytest.skip("a script is no command on Windows")
    command = tmp_path / "debyer"
    command.write_text(STUB.format(python=sys.executable), encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return peers.debyer()[0]


@pytest.mark.parametrize("displaced", [False, True])
def test_the_judge_is_the_plain_sum(peers, displaced):
    particle = peers.Particle.sphere(1.5, displaced)
    factors = {element: peers.f_ours(element) for element in particle.elements}
    amplitudes = np.array([factors[symbol] for symbol in particle.symbols])
    distances = np.linalg.norm(particle.positions[:, None] - particle.positions, axis=2)
    plain = [
        (f.conj() @ np.sinc(q * distances / np.pi) @ f).real
        for q, f in zip(peers.Q, amplitudes.T, strict=True)
    ]
    judged = particle.pattern(factors, particle.judged_sums)
    np.testing.assert_allclose(judged, plain, rtol=1e-9)


@pytest.mark.parametrize("displaced", [False, True])
def test_our_errors_are_small(peers, displaced):
    particle = peers.Particle.sphere(1.2, displaced)
    for program in peers.our_programs() + peers.sine_matrices():
        if program.displaced in (None, displaced):
            result = peers.measured(program, particle, [], 100.0)
            assert result.n_atoms == len(particle.symbols)
            assert 0 < result.rms <= result.largest < 1e-6, program.name


def test_table_without_peers(peers, capsys):
    peers.main(["--diameters", "1.2", "1.6"])
    told = capsys.readouterr().out
    assert "debyecalculator: not installed (pip install DebyeCalculator==" in told
    assert "pyausaxs: not installed (pip install pyausaxs==" in told
    assert "debyer: not installed" in told
    tables = told.split("\nSpheres of PbS")[1:]
    assert ["sk_qdots, lattice" in table for table in tables] == [True, False]
    assert ["sine matrix, all pairs" in table for table in tables] == [False, True]
    assert all("1.2 nm, " in table and "1.6 nm, " in table for table in tables)
    assert max(map(len, told.splitlines())) <= 120


def test_what_takes_too_long_is_skipped(peers):
    done = [peers.Result(n, 1e-6 * n**2, 0.0, 0.0) for n in (100, 1000)]
    assert peers.exponent(done) == pytest.approx(2.0)
    assert peers.foreseen(done, 10_000) == pytest.approx(100.0)
    assert peers.foreseen(done[:1], 10_000) == 0.0
    particle = peers.Particle.sphere(1.2, False)
    program = peers.our_programs()[0]
    skipped = peers.measured(program, particle, done, 1e-9)
    assert skipped.rms is None and "skipped" in str(skipped)
    assert np.isnan(peers.exponent([done[0], skipped]))
    assert peers.foreseen([*done, skipped], 10_000) == pytest.approx(100.0)


def test_debyer_is_asked_and_read(peers, debyer, capsys):
    particle = peers.Particle.sphere(1.2, True)
    result = peers.measured(debyer, particle, [], 100.0)
    assert result.largest < 2e-5  # six digits are printed
    peers.print_header([], 1.0)
    assert "debyer 0.4 (serial" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#debyer-pattern neutron Q cut-off=9\n#from 1 to 2 step 1\n1.5 3\n", "not a pattern"),
        ("#debyer-pattern x-ray Q cut-off=9\n#from 1 to 2 step 1\n1.5 3\n", "not what was asked"),
    ],
)
def test_another_pattern_of_debyer_is_refused(peers, tmp_path, text, told):
    path = tmp_path / "pattern.xq"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=told):
        peers.read_debyer(path)
