"""How the page stands a crowd: uploads by several clients at once, and the memory they leave."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from sk_qdots.page import PageError, RunningPage, ask

COLLOID = Path(__file__).resolve().parents[1] / "examples" / "data" / "PbS_colloid.xy"


def memory():
    """Of this process and those that size, in MiB."""
    own = psutil.Process(os.getpid())
    return sum(one.memory_info().rss for one in (own, *own.children(recursive=True))) / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=2, help="processes that size")
    parser.add_argument("--model", help="name or folder of a sizer (default: PbS)")
    options = parser.parse_args()
    models = [options.model] if options.model else []
    with RunningPage(models=models, n_workers=options.jobs) as page:
        for _ in range(2 * options.jobs):  # what is loaded once
            ask(page.url, COLLOID, wavelength=0.5642)

        def upload(number):
            begun = time.perf_counter()
            try:
                verdict = ask(page.url, COLLOID, wavelength=0.5642)["verdict"]
            except (PageError, OSError) as error:
                verdict = f"{type(error).__name__}: {error}"
            return time.perf_counter() - begun, verdict, memory() if number % 10 == 0 else None

        before, begun = memory(), time.perf_counter()
        with ThreadPoolExecutor(options.clients) as clients:
            done = list(clients.map(upload, range(options.uploads)))
        took = time.perf_counter() - begun
        left = sorted(page.folder.glob("request-*"))
    times = sorted(seconds for seconds, _, _ in done)
    answered = sum(verdict in ("ok", "caution") for _, verdict, _ in done)
    used = [mib for _, _, mib in done if mib is not None]
    print(f"{answered} of {len(done)} answered in {took:.1f} s by {options.clients} clients")
    print(
        f"seconds: median {statistics.median(times):.2f}, "
        f"p95 {times[int(0.95 * len(times))]:.2f}, longest {times[-1]:.2f}"
    )
    half = len(used) // 2
    print(
        f"memory: {before:.0f} MiB before, {statistics.mean(used[:half]):.0f} in the first half, "
        f"{statistics.mean(used[half:]):.0f} in the second, {used[-1]:.0f} at the end"
    )
    print(f"folders left: {len(left)}")
    for verdict in {verdict for _, verdict, _ in done} - {"ok", "caution"}:
        print(verdict)


if __name__ == "__main__":
    main()
