"""What docs/design.md says of where to add a thing is true: one of each is added to a copy."""

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
SECTION = re.search(r"## Where a newcomer adds\n(.*?)\n## ", TEXT, flags=re.DOTALL).group(1)
SENTENCES = {
    kind: " ".join(said.split())
    for kind, said in re.findall(r"- \*\*An? (.*?)\*\* (.*?)(?=\n- |\Z)", SECTION, flags=re.DOTALL)
}
KINDS = ("crystal", "solvent", "instrument", "engine", "format", "reason for caution")
CURVES = "sk_qdots/solvents/curves"


class Copy:
    """The package in another folder, to which one thing is added."""

    def __init__(self, folder, kind):
        self.folder = folder
        self.said = SENTENCES[kind]
        shutil.copytree(ROOT / "sk_qdots", folder / "sk_qdots")

    def write(self, file, text):
        """Add a file in a folder that the sentence names."""
        assert f"`{Path(file).parent.as_posix()}/`" in self.said
        path = self.folder / file
        assert not path.exists()
        path.write_text(text, encoding="utf-8")

    def edit(self, file, *places):
        """Put text before a place in a file that the sentence names."""
        assert f"`{file}`" in self.said
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        for place, added in places:
            assert text.count(place) == 1, place
            text = text.replace(place, added + place)
        path.write_text(text, encoding="utf-8")

    def run(self, script):
        """What a script prints that imports the copy."""
        told = subprocess.run(
            [sys.executable, "-W", "error", "-c", f"{WHERE_FROM}\n{script}"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        return told.stdout.splitlines()


WHERE_FROM = """
from pathlib import Path
import sk_qdots as sq
assert Path(sq.__file__).resolve().is_relative_to(Path.cwd().resolve())
"""


@pytest.fixture
def copy(tmp_path, request):
    return Copy(tmp_path, request.param)


def adds(kind):
    return pytest.mark.parametrize("copy", [kind], indirect=True, ids=[kind.split()[0]])


def test_each_is_said_in_one_sentence():
    assert tuple(SENTENCES) == KINDS
    for said in SENTENCES.values():
        assert said.endswith(".") and not re.search(r"[.!?;:] ", said[:-1])


def test_files_and_names_that_are_said_are_there():
    for said in SENTENCES.values():
        files = [ROOT / name for name in re.findall(r"`((?:sk_qdots|tools)/[^`]*)`", said)]
        assert files and all(path.exists() for path in files)
        code = "".join(path.read_text(encoding="utf-8") for path in files if path.suffix == ".py")
        for name in re.findall(r"`(\w{2,})`", said):
            assert re.search(rf"^(?:def |class )?{name}\b", code, flags=re.MULTILINE), name


ROCK_SALT = """data_NaCl
_cell_length_a 5.6402
_cell_length_b 5.6402
_cell_length_c 5.6402
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
Na1 Na 0 0 0 1 1.6
Cl1 Cl 0.5 0.5 0.5 1 1.3
"""


@adds("crystal")
def test_a_crystal(copy):
    copy.write("sk_qdots/simulation/crystals/NaCl_rock_salt.cif", ROCK_SALT)
    told = copy.run("""
print(*sq.Crystal.builtin_names(), sep=";")
library = sq.simulate_library("NaCl rock salt", diameters=[3.0], dispersions=[0.1], strains=[0.0])
peak = library.intensity.squeeze().sel(q=slice(2.0, 2.5))
print(float(peak.q[peak.argmax("q")]))
""")
    assert "NaCl rock salt" in told[0].split(";")
    assert float(told[1]) == pytest.approx(4.0 * math.pi / 5.6402, abs=0.03)  # 200


@adds("solvent")
def test_a_solvent(copy):
    for ending in ("csv", "json"):
        text = (ROOT / CURVES / f"hexane.{ending}").read_text(encoding="utf-8")
        copy.write(f"{CURVES}/mine.{ending}", text.replace('"name": "hexane"', '"name": "mine"'))
    told = copy.run("""
from sk_qdots.solvents import known_solvents
print("mine" in known_solvents())
print(bool((sq.load_solvent("mine") == sq.load_solvent("hexane")).all()))
q = sq.default_q_grid()
library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0], q=q)
X, _, _ = sq.library_samples(library)
print(sq.SolventMixer("mine", qd_fraction=0.3).fit_transform(X).shape == X.shape)
""")
    assert told == ["True"] * 3


@adds("instrument")
def test_an_instrument(copy):
    mine = """    "mine": Instrument(
        wavelengths=(0.41,), w=0.0004, name="mine", source="measured with LaB6"
    ),
"""
    copy.edit("sk_qdots/instruments/ready.py", ('    "ideal": Instrument(', mine))
    told = copy.run("""
mine = sq.load_instrument("mine")
print(mine.source, float(mine.fwhm(20.0)), sep=";")
""")
    assert told == ["measured with LaB6;0.02"]


ENGINE = '''"""An engine that finds the mean pattern that is most alike."""

import numpy as np

from .posterior import Posterior


class NearestMeanEngine:
    name = "nearest mean"
    takes_nan = False

    def __init__(self, classes, means):
        self.classes_, self.means = classes, means

    def predict_proba(self, rows):
        squares = ((rows[:, None] - self.means) ** 2).sum(axis=2)
        likely = np.exp(-squares / (squares.min(axis=1, keepdims=True) + 1e-9))
        return likely / likely.sum(axis=1, keepdims=True)

    def posterior(self, rows):
        return Posterior(self.classes_, self.predict_proba(rows))
'''


@adds("engine")
def test_an_engine(copy):
    copy.write("sk_qdots/sizing/nearest_mean.py", ENGINE)
    parts = "sk_qdots/sizing/parts.py"
    copy.edit(
        parts,
        ("from .engines import ", "from .nearest_mean import NearestMeanEngine\n"),
        (
            "    if isinstance(engine, ClassifierEngine):\n        section",
            "    if isinstance(engine, NearestMeanEngine):\n"
            '        return {"kind": "nearest-mean", "classes": engine.classes_.tolist()}\n',
        ),
        (
            "        elif isinstance(engine, ClassifierEngine):\n            arrays",
            "        elif isinstance(engine, NearestMeanEngine):\n"
            '            arrays[f"{prefix}means"] = engine.means\n',
        ),
        (
            '    raise ValueError(f"{kind!r} is no kind of engine")',
            '    if kind == "nearest-mean":\n'
            '        means = checked_array(arrays, f"{prefix}means", (None, n_points))\n'
            "        return NearestMeanEngine(_classes(section, arrays, prefix), means)\n",
        ),
    )
    copy.edit(
        "sk_qdots/sizing/files.py",
        ('    r"|engine\\d_curve', '    r"|engine\\d_means"\n'),
    )
    told = copy.run("""
import numpy as np
from sk_qdots.sizing import Engine
from sk_qdots.sizing.nearest_mean import NearestMeanEngine
library = sq.simulate_library(
    "PbS", diameters=[2.0, 3.0, 4.5], dispersions=[0.1], strains=[0.0], q=np.linspace(1, 8, 400)
)
X, y, _ = sq.library_samples(library)
standardizer = sq.QStandardizer(1.0, 8.0, 400, padding="edge").fit(X)
engine = NearestMeanEngine(np.unique(y), standardizer.transform(X))
print(isinstance(engine, Engine))
sizer = sq.Sizer((standardizer, engine), library, name="mine")
sizer.save("mine")
for one in (sizer, sq.load_sizer("mine")):
    answer = one.size(X[1])
    print(answer.diameter, answer.engine)
""")
    assert told == ["True", "3.0 nearest mean", "3.0 nearest mean"]


FORMAT = '''"""Texts that begin with MINE and a wavelength, then rows of two-theta and intensity."""

import numpy as np

from ._scan import Scan, Wavelength


def is_mine(lines):
    return lines[0].startswith("MINE")


def read_mine(source, lines):
    rows = np.array([line.split() for line in lines[1:] if line.strip()], dtype=np.float64)
    wavelength = Wavelength(float(lines[0].split()[1]), "MINE")
    return [Scan(rows[:, 0], rows[:, 1], axis="two_theta", wavelength=wavelength)]
'''


@adds("format")
def test_a_format(copy):
    copy.write("sk_qdots/io/_mine.py", FORMAT)
    copy.edit(
        "sk_qdots/io/_formats.py",
        ("from ._pdcif import", "from ._mine import is_mine, read_mine\n"),
        ('    (is_ras, "Rigaku RAS", read_ras),', '    (is_mine, "my format", read_mine),\n'),
    )
    rows = "\n".join(f"{10 + 0.1 * k:.1f}  {100 + k % 7}" for k in range(200))
    (copy.folder / "sample.mine").write_text(f"MINE 0.7093\n{rows}\n", encoding="utf-8")
    told = copy.run("""
pattern = sq.read_pattern("sample.mine")
print(pattern.attrs["format"], pattern.attrs["wavelength"], pattern.size)
""")
    assert told == ["my format 0.7093 200"]


@adds("reason for caution")
def test_a_reason_for_caution(copy):
    copy.edit(
        "sk_qdots/sizing/verdicts.py",
        ("        *_hardly_told(posterior, said),\n", "        *_small(posterior),\n"),
        (
            "def _hardly_told(",
            "def _small(posterior: Posterior) -> list[str]:\n"
            "    mean = _number_diameter(posterior)[0]\n"
            '    return [f"{mean:.0f} nm is less than I trust"] if mean < 100.0 else []\n\n\n',
        ),
    )
    example = ROOT / "examples" / "data" / "PbS_colloid.xy"
    told = copy.run(f"""
pattern = sq.read_pattern({str(example)!r}, wavelength=0.5642)
answer = sq.load_sizer("PbS").size(pattern, engine="network")
print(answer.verdict, *answer.reasons, sep=";")
""")
    assert told[0].startswith("caution;") and "5 nm is less than I trust" in told[0]
