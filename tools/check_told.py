"""What a user of a sizer is told: refusals, cautions, and intervals that hold the truth or miss it.

    python tools/check_told.py
    python tools/check_told.py --folder my_sizer --patterns 50 --rows rods platelets

writes ``docs/tables/told.md``: a line for right patterns under several conditions, for patterns of
other crystals over four ranges, and for wrong ones, as ``sk-qdots evaluate`` makes them; and the
coverage of the intervals by what the right patterns show of their condition. With ``--keep`` what
was answered is kept: interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import time
from pathlib import Path

import sk_qdots as sq
from sk_qdots.evaluation.told import told_report
from sk_qdots.evaluation.told_tables import table_of_groups, table_of_rows, told_summary
from sk_qdots.evaluation.told_worlds import Row, worlds_for

ROOT = Path(__file__).resolve().parent.parent


def chosen(rows: list[Row], wanted: list[str]) -> list[Row]:
    """Rows whose kind or name holds one of some words; all where there are none."""
    return [
        row for row in rows if not wanted or any(w == row.kind or w in row.name for w in wanted)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="PbS", help="a shipped sizer")
    parser.add_argument("--folder", type=Path, help="a sizer elsewhere, instead")
    parser.add_argument("--engine", default="both", choices=("both", "network", "posterior"))
    parser.add_argument("--patterns", type=int, default=200, help="in a row")
    parser.add_argument("--rows", nargs="+", default=[], help="kinds, or parts of names")
    parser.add_argument("--seed", type=int, default=50_000)
    parser.add_argument("--jobs", type=int, help="processes")
    parser.add_argument("--keep", type=Path, help="netCDF file with the answers")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/told.md")
    arguments = parser.parse_args()
    start = time.monotonic()
    sizer = sq.load_sizer(arguments.folder or arguments.model)
    worlds = worlds_for(sizer, seed=arguments.seed)
    rows = chosen(worlds.rows(), arguments.rows)
    if not rows:
        parser.error(f"no row is called so; there are: {', '.join(r.name for r in worlds.rows())}")
    report = told_report(
        sizer,
        rows,
        arguments.patterns,
        curves=worlds.curves,
        engine=arguments.engine,
        path=arguments.keep,
        seed=arguments.seed,
        n_jobs=arguments.jobs,
    )
    tables = [table_of_rows(report)]
    if "right" in report["kind"].values:
        tables.append(table_of_groups(report, sizer))
    asked = [] if sizer.name == "PbS" else [f"--model {sizer.name}"]
    asked += [] if arguments.engine == "both" else [f"--engine {arguments.engine}"]
    asked += [f"--patterns {arguments.patterns}", f"--seed {arguments.seed}"]
    asked += [f"--rows {shlex.join(arguments.rows)}"] if arguments.rows else []
    parts = [" ".join(told_summary(report))]
    parts += [f"{table.to_markdown()}\n\n{table.text}" for table in tables]
    parts.append(
        f"The sizer {sizer.name} ({', '.join(engine.name for engine in sizer.engines)}), trained "
        f"{sizer.training.get('date', 'never')}. Made by `python tools/check_told.py "
        f"{' '.join(asked)}` on {report.attrs['date']} ({time.monotonic() - start:.0f} s, "
        f"{platform.machine()}; {report.attrs['versions']})."
    )
    arguments.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
