"""Who imports whom: no circles, one direction, nothing private of others."""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "sk_qdots"
# Each imports only from itself and from what stands before it. The package as a whole stands behind
# them all: what it names is for users.
ORDER = (
    "_typing",
    "_validation",
    "simulation",
    "instruments",
    "io",
    "preprocessing",
    "solvents",
    "augmentation",
    "neural_network",
    "pipeline",
    "posterior",
    "baselines",
    "sizing",
    "model_selection",
    "training",
    "inspection",
    "evaluation",
    "page",
    "cli",
    "utils",
)
AT_THE_ROOT = {"__init__.py", "_typing.py", "_validation.py", "pipeline.py"}
PHYSICS = {"simulation", "instruments"}
LEARNING = {"torch", "skorch", "sklearn"}
# What only some packages may import of others, so that nobody else pays for it.
FEW = {
    "crepes": {"training"},
    "finufft": {"simulation"},
    "gemmi": {"simulation", "io", "solvents"},
    "h5py": {"io", "sizing"},
    "matplotlib": {"inspection", "evaluation", "page", "cli"},
    "openpyxl": {"io"},
    "skorch": {"neural_network"},
    "starlette": {"page"},
    "statsmodels": {"sizing"},
    "torch": {"neural_network"},
    "uvicorn": {"page"},
    "watchfiles": {"sizing"},
    "zarr": {"simulation"},
}
INSTALLED_AS = {"sklearn": "scikit-learn", "llvmlite": "numba"}  # or comes with it
LONGEST = 600  # lines of a module; past about 500 one is split by meaning
LONGER = {"sizing/sizer.py", "posterior/estimator.py", "posterior/_analysis.py"}


class Import(NamedTuple):
    """A module, or a name from one, as an import writes it."""

    importer: str
    line: str  # file and number
    module: str
    name: str | None
    kept_as: str | None


class Layout:
    """The modules of a package and their imports, read but not run."""

    def __init__(self, folder):
        self.folder = folder
        self.files = {self._dotted(path): path for path in sorted(folder.rglob("*.py"))}
        self.packages = {name for name, path in self.files.items() if path.stem == "__init__"}
        self.imports = [one for module in self.files for one in self._read(module)]
        self._names_of_packages = {
            (one.importer, one.kept_as): (one.module, one.name)
            for one in self.inner_imports()
            if one.importer in self.packages and one.name
        }

    def inner_imports(self):
        return [one for one in self.imports if one.module.split(".")[0] == self.folder.name]

    def written(self, one):
        """The module that an import names."""
        longer = f"{one.module}.{one.name}"
        return longer if longer in self.files else one.module

    def source(self, one):
        """The module that an import needs: the one from which a package has the name."""
        here, seen = (one.module, one.name), set()
        while here not in seen:
            seen.add(here)
            here = self._names_of_packages.get(here, here)
        module, name = here
        return f"{module}.{name}" if f"{module}.{name}" in self.files else module

    def show(self, module):
        return self._short(self.files[module]) if module in self.files else module

    def _short(self, path):
        return path.relative_to(self.folder.parent).as_posix()

    def _dotted(self, path):
        parts = path.relative_to(self.folder.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _read(self, module):
        """Every import in a file and in its stub, on whatever level it stands."""
        for path in (self.files[module], self.files[module].with_suffix(".pyi")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))) if path.exists() else ():
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                line = f"{self._short(path)}:{node.lineno}"
                for alias in node.names:
                    if isinstance(node, ast.Import):
                        yield Import(module, line, alias.name, None, None)
                    else:
                        origin = self._origin(module, node)
                        yield Import(module, line, origin, alias.name, alias.asname or alias.name)

    def _origin(self, module, node):
        """The absolute name of what stands between from and import."""
        if not node.level:
            return node.module
        parts = module.split(".")
        up = node.level - (module in self.packages)
        return ".".join(parts[: len(parts) - up] + ([node.module] if node.module else []))


def is_within(module, package):
    return f"{module}.".startswith(f"{package}.")


def is_private(part):
    return part.startswith("_") and not part.endswith("__")


def unit(module):
    """The package or module at the root to which a module belongs; none for the root itself."""
    return ".".join(module.split(".")[1:2])


def circles(layout):
    needed = defaultdict(dict)
    for one in layout.inner_imports():
        needed[one.importer].setdefault(layout.source(one), one)
    told = []
    for importer, sources in needed.items():
        for source, one in sources.items():
            way = shortest_way(needed, source, importer)
            if way:
                leads = " which imports ".join(map(layout.show, way))
                told.append(f"{one.line} imports {leads}")
    return told


def shortest_way(needed, start, end):
    ways, seen = [[start]], {start}
    for way in ways:
        if way[-1] == end:
            return way
        following = [module for module in needed.get(way[-1], ()) if module not in seen]
        seen.update(following)
        ways += [[*way, module] for module in following]
    return None


def against_the_flow(layout, order):
    told = []
    for one in layout.inner_imports():
        own = unit(one.importer)
        for module in dict.fromkeys([layout.written(one), layout.source(one)]):
            other = unit(module)
            if not own or own == other:
                continue
            unplaced = [name for name in (own, other) if name and name not in order]
            if unplaced:
                told.append(f"{one.line} imports {layout.show(module)}: {unplaced} not in ORDER")
            elif not other or order.index(other) > order.index(own):
                told.append(f"{one.line} imports {layout.show(module)}, which stands behind it")
    return told


def private_of_others(layout):
    told = []
    for one in layout.inner_imports():
        parts = [*one.module.split("."), *([one.name] if one.name else [])]
        for k, part in enumerate(parts):
            owner = ".".join(parts[:k])
            if owner in layout.files and owner not in layout.packages:
                owner = owner.rpartition(".")[0]  # a module shares with its package
            if is_private(part) and not is_within(one.importer, owner):
                told.append(f"{one.line} imports {part} of {layout.show('.'.join(parts[:k]))}")
    return list(dict.fromkeys(told))


def too_many_at_the_root(layout):
    found = {path.name for path in layout.folder.glob("*.py")}
    return [f"{layout.folder.name}/{name}" for name in sorted(found - AT_THE_ROOT)]


def learning_in_physics(layout):
    return [
        f"{one.line} imports {one.module}"
        for one in layout.imports
        if unit(one.importer) in PHYSICS and one.module.split(".")[0] in LEARNING
    ]


def from_outside(layout):
    """Package that is imported, and the import, for each that is neither ours nor Python's."""
    for one in layout.imports:
        top = one.module.split(".")[0]
        if top != layout.folder.name and top not in sys.stdlib_module_names:
            yield top, one


def strays(layout, few):
    return [
        f"{one.line} imports {top}, which only {', '.join(sorted(few[top]))} may"
        for top, one in from_outside(layout)
        if top in few and unit(one.importer) not in few[top]
    ]


def too_long(layout, longest, longer):
    lengths = {
        path.relative_to(layout.folder).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in layout.files.values()
    }
    return [name for name, n in lengths.items() if n > longest and name not in longer]


@pytest.fixture(scope="module")
def ours():
    return Layout(PACKAGE)


def test_no_module_leads_back_to_itself(ours):
    assert circles(ours) == []


def test_every_module_imports_only_what_stands_before_it(ours):
    assert against_the_flow(ours, ORDER) == []


def test_nobody_imports_what_is_private_to_others(ours):
    assert private_of_others(ours) == []


def test_few_modules_stand_at_the_root(ours):
    assert too_many_at_the_root(ours) == []


def test_physics_imports_no_machine_learning(ours):
    assert learning_in_physics(ours) == []


def test_every_package_has_its_place(ours):
    assert {unit(module) for module in ours.files} - {""} == set(ORDER)


def test_few_import_what_is_dear(ours):
    assert strays(ours, FEW) == []
    assert {top for top, _ in from_outside(ours)} >= set(FEW)


def test_what_is_imported_is_asked_for(ours):
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    names = {re.split(r"[\[>=<~ ]", one)[0].lower().replace("-", "_") for one in asked}
    for top, one in from_outside(ours):
        assert INSTALLED_AS.get(top, top).lower().replace("-", "_") in names, one.line


def test_modules_are_short(ours):
    assert too_long(ours, LONGEST, LONGER) == []


def test_contributing_tells_the_same_order():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"imports only from modules to its left: ([^.]*)\.", text)
    assert tuple(re.findall(r"\w+", told)) == ORDER


def test_every_inner_import_is_of_a_module_that_is_there(ours):
    sources = {one: ours.source(one) for one in ours.inner_imports()}
    assert len(sources) > 300
    lost = [
        f"{one.line} imports {found}" for one, found in sources.items() if found not in ours.files
    ]
    assert lost == []


@pytest.fixture
def made(tmp_path):
    """A package made of the text of its files."""

    def make(**files):
        for name, text in {"__init__.py": "", **files}.items():
            path = tmp_path / "made" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Layout(tmp_path / "made")

    return make


LAZY = {
    "a/__init__.py": "attach_stub()",
    "a/__init__.pyi": "from .one import One\nfrom .two import Two as Second\nfrom . import three",
    "a/one.py": "",
    "a/two.py": "",
    "a/three.py": "",
}


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "from .b import f", "b.py": "import made.a"},
        {"a.py": "from . import b", "b.py": "def f():\n    from .a import g"},
        {"a.py": "if TYPE_CHECKING:\n    from made import b", "b.py": "from made.a import T"},
        {"a.py": "try:\n    from . import a\nexcept ImportError:\n    pass"},
        {"a/__init__.py": "from .one import f\ng = 1", "a/one.py": "from . import g"},
        {
            "a/__init__.py": "from .b import B",
            "a/b.py": "from .c import C",
            "a/c.py": "import made.a",
        },
        LAZY | {"a/one.py": "from .two import Two", "a/two.py": "from . import One"},
        LAZY | {"a/one.py": "from . import Second", "a/two.py": "from . import One"},
        LAZY | {"b.py": "from .a import Second", "a/two.py": "from .. import b"},
        LAZY | {"b.py": "from .a import three", "a/three.py": "def f():\n    import made.b"},
        LAZY
        | {"c/__init__.py": "from ..a import One", "b.py": "from .c import One"}
        | {"a/one.py": "from ..b import f"},
    ],
)
def test_a_circle_is_seen(made, files):
    layout = made(**files)
    told = circles(layout)
    assert told
    for line in told:
        assert len(re.findall(r"made/\S+?\.pyi?\b", line)) >= 2


@pytest.mark.parametrize(
    "files",
    [
        LAZY | {"a/two.py": "from . import One"},
        LAZY | {"b.py": "from .a import Second", "a/one.py": "from ..b import f"},
        LAZY | {"a/__init__.py": "from .one import One", "a/two.py": "from . import One, three"},
        LAZY | {"b.py": "from .a import One\nimport numpy.a\nfrom numpy import b"},
    ],
)
def test_what_is_no_circle_is_none(made, files):
    assert circles(made(**files)) == []


def test_a_circle_is_told_with_its_files(made):
    layout = made(
        **{"a.py": "\nfrom .b import f", "b.py": "from .c import f", "c.py": "import made.a"}
    )
    assert circles(layout)[0] == (
        "made/a.py:2 imports made/b.py which imports made/c.py which imports made/a.py"
    )


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"a/x.py": "from ..b import f", "b.py": ""},
            "made/a/x.py:1 imports made/b.py, which stands behind it",
        ),
        (
            {"a/x.py": "def f():\n    from .. import b", "b.py": ""},
            "made/a/x.py:2 imports made/b.py, which stands behind it",
        ),
        (
            {"a.py": "import made"},
            "made/a.py:1 imports made/__init__.py, which stands behind it",
        ),
        (  # the name comes from before it, by a package behind it
            {"b.py": "from .c import N", "c/__init__.py": "from ..a import N", "a.py": "N = 1"},
            "made/b.py:1 imports made/c/__init__.py, which stands behind it",
        ),
        (
            {"b.py": "", "new.py": "from . import b"},
            "made/new.py:1 imports made/b.py: ['new'] not in ORDER",
        ),
    ],
)
def test_an_import_against_the_flow_is_seen(made, files, told):
    assert against_the_flow(made(**files), ("a", "b", "c")) == [told]


def test_imports_with_the_flow_pass(made):
    files = {
        "__init__.pyi": "from .b.x import f",
        "a.py": "import sys",
        "b/__init__.py": "from pathlib import Path\nfrom ..a import f\nfrom .x import g",
        "b/x.py": "import made.a\nfrom . import y, Path",
        "b/y.py": "",
        "c.py": "from .b import Path",
    }
    assert against_the_flow(made(**files), ("a", "b", "c")) == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("from ..a._x import f", "made/b/m.py:1 imports _x of made/a/__init__.py"),
        ("from ..a import _x", "made/b/m.py:1 imports _x of made/a/__init__.py"),
        ("import made.a._x as x", "made/b/m.py:1 imports _x of made/a/__init__.py"),
        ("from made.a.y import _f", "made/b/m.py:1 imports _f of made/a/y.py"),
        (
            "def f():\n  from .inner._z import g",
            "made/b/m.py:2 imports _z of made/b/inner/__init__.py",
        ),
    ],
)
def test_an_import_of_what_is_private_to_others_is_seen(made, code, told):
    files = dict.fromkeys(("a/__init__.py", "a/_x.py", "a/y.py", "b/inner/_z.py"), "")
    files |= {"b/__init__.py": "", "b/inner/__init__.py": "", "b/m.py": code}
    assert private_of_others(made(**files)) == [told]


def test_imports_of_what_is_private_to_ones_own_pass(made):
    inner = "from .. import _x\nfrom .._x import _f\nfrom ..y import _g\nfrom ..._typing import _T"
    files = {
        "_typing.py": "",
        "a/__init__.py": "from ._x import f",
        "a/_x.py": "from made._typing import A\nfrom . import __doc__",
        "a/y.py": "from ._x import _f",
        "a/inner/__init__.py": "",
        "a/inner/m.py": inner,
    }
    assert private_of_others(made(**files)) == []


def test_a_module_more_at_the_root_is_seen(made):
    assert too_many_at_the_root(made(**{"a/b.py": "", "pipeline.py": ""})) == []
    assert too_many_at_the_root(made(**{"helpers.py": ""})) == ["made/helpers.py"]


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("def f():\n    import torch.nn", "torch.nn"),
        ("if TYPE_CHECKING:\n    from skorch.net import N", "skorch.net"),
        ("try:\n    from sklearn import base\nfinally: pass", "sklearn"),
    ],
)
@pytest.mark.parametrize("place", ["simulation/a.py", "instruments/b/c.py"])
def test_machine_learning_in_the_physics_is_seen(made, place, code, module):
    layout = made(**{place: code, "augmentation.py": "import sklearn, torch", "io/x.py": code})
    assert learning_in_physics(layout) == [f"made/{place}:2 imports {module}"]


def test_a_stray_import_is_seen(made):
    layout = made(**{"io/x.py": "def f():\n    import torch.nn", "net.py": "import torch"})
    told = strays(layout, {"torch": {"net"}})
    assert told == ["made/io/x.py:2 imports torch, which only net may"]


def test_a_module_that_is_too_long_is_seen(made):
    layout = made(**{"a.py": "x = 1\n" * 3, "b/c.py": "x = 1\n" * 3, "d.py": "x = 1\n"})
    assert too_long(layout, 2, {"a.py"}) == ["b/c.py"]
