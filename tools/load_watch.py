"""How a watched folder stands a beamline: frames that come quickly, oddly, and a program that dies.

    python tools/load_watch.py

A writer makes 300 frames, five a second: most are renamed into place, some lie half-written for two
seconds, one is garbage. ``sk-qdots watch`` is killed in the middle and started again. Told are the
rows, which must be one a frame, and how long a complete frame takes when nothing else waits.
"""

from __future__ import annotations

import argparse
import csv
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

COLLOID = Path(__file__).resolve().parents[1] / "examples" / "data" / "PbS_colloid.xy"
HALF_WRITTEN, GARBAGE = 25, 150  # every so many frames; the number of one
PAUSE = 2.0  # seconds that half of a frame lies there


def write(folder: Path, number: int, content: bytes) -> None:
    """One frame, in one of the ways in which programs write."""
    path = folder / f"f{number:03d}.xy"
    if number == GARBAGE:
        path.write_bytes(bytes(range(256)) * 40)
    elif number % HALF_WRITTEN == 7:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            time.sleep(PAUSE)
            file.write(content[len(content) // 2 :])
    elif number % 2:
        part = folder / f".f{number:03d}.part"
        part.write_bytes(content)
        part.rename(path)
    else:
        path.write_bytes(content)


def rows_of(out: Path) -> list[dict[str, str]]:
    if not out.exists():
        return []
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def wait_for(out: Path, count: int, seconds: float) -> float:
    begun = time.monotonic()
    while len(rows_of(out)) < count and time.monotonic() - begun < seconds:
        time.sleep(0.02)
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rate", type=float, default=5.0, help="frames a second")
    parser.add_argument("options", nargs="*", help="of sk-qdots watch, after --")
    arguments = parser.parse_args()
    content, n = COLLOID.read_bytes(), arguments.frames
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place) / "run", Path(place) / "series.csv"
        folder.mkdir()
        command = [sys.executable, "-m", "sk_qdots.cli", "watch", str(folder), "--out", str(out)]
        command += ["--wavelength", "0.5642", *arguments.options]

        def started() -> subprocess.Popen[bytes]:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def written() -> None:
            threads = []
            for k in range(n):
                threads.append(threading.Thread(target=write, args=(folder, k, content)))
                threads[-1].start()
                time.sleep(1.0 / arguments.rate)
            for thread in threads:
                thread.join()

        first, writer = started(), threading.Thread(target=written)
        writer.start()
        wait_for(out, n // 2, 600.0)
        first.kill()
        first.wait()
        at_death = len(rows_of(out))
        second = started()
        writer.join()
        behind = wait_for(out, n, 600.0)
        rows = rows_of(out)
        latencies = []
        for k in range(5):
            time.sleep(2.0)
            write(folder, 1001 + 2 * k, content)
            latencies.append(wait_for(out, n + 1 + k, 60.0))
        second.send_signal(signal.SIGTERM)
        status = second.wait(60)
    times = Counter(Path(row["file"]).name for row in rows)
    verdicts = Counter(row["verdict"] for row in rows)
    print(f"{len(rows)} rows of {n} frames, {len(times)} different; killed after {at_death}")
    print(f"{max(times.values())} row a frame at most; {dict(verdicts)}; ended with {status}")
    print(f"the last one {behind:.1f} s after it was written")
    print(f"a frame alone: {', '.join(f'{s:.2f}' for s in latencies)} s from rename to row")


if __name__ == "__main__":
    main()
