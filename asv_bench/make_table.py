"""Run the benchmarks once and write them as a table.

    pip install asv && python asv_bench/make_table.py

runs ``asv run --python=same`` and writes ``docs/tables/benchmarks.md``: what it does,
seconds and mebibytes of every benchmark, with the machine, the date and the versions. ``--quick``
takes one sample each. Other work on the machine shows in the figures.
"""

import argparse
import ast
import itertools
import json
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
PACKAGES = ("sk_qdots", "numpy", "scipy", "scikit-learn", "torch", "numba", "finufft")


def run(folder: Path, quick: bool, only: str) -> dict:
    """Results of one run, as asv writes them."""
    config = json.loads((HERE / "asv.conf.json").read_text(encoding="utf-8"))
    config |= {"results_dir": str(folder / "results"), "repo": str(HERE.parent)}
    config["benchmark_dir"] = str(HERE / "benchmarks")
    (folder / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
    asv = [sys.executable, "-m", "asv"]
    subprocess.run([*asv, "machine", "--yes"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    command = [*asv, "run", "--python=same", "--set-commit-hash", "HEAD", "--bench", only]
    done = subprocess.run([*command, *(["--quick"] if quick else [])], cwd=folder, check=False)
    found = sorted((folder / "results").glob("*/*.json"), key=lambda p: p.stat().st_mtime)
    found = [path for path in found if path.name != "machine.json"]
    if not found:
        raise SystemExit(f"asv run left no results (exit status {done.returncode})")
    return json.loads(found[-1].read_text(encoding="utf-8"))


def rows(results: dict) -> list[str]:
    """A line a benchmark and parameter."""
    lines = []
    for name, entry in sorted(results["results"].items()):
        columns = dict(zip(results["result_columns"], entry, strict=False))
        values = columns["result"] or [None]
        points = list(itertools.product(*columns.get("params", [])))
        for value, point in zip(values, points or [()], strict=False):
            text = "failed" if value is None else _told(name, value)
            told = ", ".join(p.strip(chr(39)) for p in point)
            lines.append(f"| {what(name)} | {told} | {text} |")
    return lines


def what(name: str) -> str:
    """What a benchmark does, of the first line of its class, and what is measured of it."""
    group, function = name.split(".")[-2:]
    tree = ast.parse((HERE / "benchmarks/benchmarks.py").read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    does = (ast.get_docstring(classes[group]) or group).splitlines()[0].rstrip(".")
    kind, _, of = function.partition("_")
    return f"{does} | {'memory' if kind == 'peakmem' else 'time'}: {of.replace('_', ' ')}"


def _told(name: str, value: float) -> str:
    if ".peakmem" in name:
        return f"{value / 2**20:.0f} MiB"
    return f"{1e3 * value:.3g} ms" if value < 1.0 else f"{value:.3g} s"


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one sample each")
    parser.add_argument("--bench", default=".", metavar="REGEX", help="only these")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs/tables/benchmarks.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = rows(run(Path(folder), arguments.quick, arguments.bench))
    machine = f"{psutil.cpu_count()} cores {platform.machine()}, {platform.system()}"
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    text = [
        "| what is done | measured | with | |",
        "|---|---|---|---|",
        *lines,
        "",
        f"Made by `python asv_bench/make_table.py{' --quick' * arguments.quick}` on "
        f"{datetime.now(UTC).date().isoformat()} ({machine}, {memory:.0f} GiB; Python "
        f"{platform.python_version()}, {versions}).",
    ]
    arguments.out.write_text("\n".join(text) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
