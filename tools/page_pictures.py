"""Pictures of the page: ``docs/images/page.png``, or with --all its states at three widths.

    python tools/page_pictures.py [--model PbS] [--all FOLDER]

Needs chromium and playwright. The patterns are the example of the repository and simulated ones.
"""

import argparse
import io
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import sk_qdots as sq
from sk_qdots.page import RunningPage

ROOT = Path(__file__).resolve().parent.parent
COLLOID = ROOT / "examples" / "data" / "PbS_colloid.xy"
PICTURE = ROOT / "docs" / "images" / "page.png"
WIDTHS = {"phone": 360, "tablet": 768, "desktop": 1280}
SIZES = (3.1, 3.9, 5.6)  # nm
COLOURS = 200


def patterns(folder):
    """The example, other sizes, a noisy one, one of another crystal, and garbage."""
    q = np.arange(1.0, 15.01, 0.01)
    rng = np.random.default_rng(0)
    made = [folder / "PbS_colloid.xy"]
    made[0].write_bytes(COLLOID.read_bytes())

    def write(name, crystal, diameter, counts, dispersion=0.1):
        library = sq.simulate_library(
            crystal, diameters=[diameter], dispersions=[dispersion], strains=[0.0], q=q
        )
        shape = library["intensity"].values.ravel().astype(float)
        found = rng.poisson(counts * (shape / shape.mean() + 0.5))
        rows = "".join(f"{a:.2f} {b}\n" for a, b in zip(q, found, strict=True))
        made.append(folder / name)
        made[-1].write_text(f"# Q (1/Angstrom) counts\n{rows}")

    for diameter in SIZES:
        write(f"batch {diameter:g} nm.xy", "PbS", diameter, 1500)
    write("short exposure.xy", "PbS", 4.4, 12, 0.2)
    write("another salt.xy", "CeO2", 4.0, 1500)
    made.append(folder / "notes.xy")
    made[-1].write_text("these are no numbers\n" * 30)
    return made


def opened(browser, url, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(300_000)
    tab = context.new_page()
    tab.goto(url)
    tab.wait_for_selector("body[data-ready]")
    return tab


def sized(tab, files):
    """Drop files, say the wavelength, and wait for all answers."""
    tab.set_input_files("#files", [str(file) for file in files])
    tab.wait_for_selector("#asking:not([hidden])")
    tab.fill("#ask-wavelength", "0.5642")
    tab.press("#ask-wavelength", "Enter")
    while tab.locator("#table .verdict.waiting").count():
        time.sleep(0.2)
    tab.wait_for_selector("#answer .main-svg")
    time.sleep(1.5)


def save(raw, path):
    """With as many colours as it needs, so that it is small."""
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="name or folder of a sizer (default: PbS)")
    parser.add_argument("--all", metavar="FOLDER", type=Path, help="every state, into this folder")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    models = [options.model] if options.model else []
    with (
        TemporaryDirectory() as kept,
        RunningPage(models=models) as page,
        sync_playwright() as playwright,
    ):
        files = patterns(Path(kept))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if options.all is None:
            tab = opened(browser, page.url, 1160, "light")
            sized(tab, files[:4])
            plot = tab.locator("#pattern-plot").bounding_box()
            clip = {"x": 0, "y": 0, "width": 1160, "height": plot["y"] + plot["height"] + 60}
            save(tab.screenshot(clip=clip, full_page=True), PICTURE)
            return
        options.all.mkdir(exist_ok=True)
        for name, width in WIDTHS.items():
            for scheme in ("light", "dark"):
                tab = opened(browser, page.url, width, scheme)
                stem = f"{name}_{scheme}"
                tab.screenshot(path=options.all / f"{stem}_empty.png")
                sized(tab, files)
                tab.screenshot(path=options.all / f"{stem}_answer.png", full_page=True)
                tab.click("#table tbody tr:nth-child(6) button")
                time.sleep(0.5)
                tab.screenshot(path=options.all / f"{stem}_refused.png", full_page=True)
                tab.click("#tab-series")
                tab.set_input_files("#series-files", [str(file) for file in files])
                tab.click("#series-form [type=submit]")
                tab.wait_for_selector("#series-progress", state="hidden")
                time.sleep(1.0)
                tab.screenshot(path=options.all / f"{stem}_series.png", full_page=True)
                tab.context.close()
        browser.close()


if __name__ == "__main__":
    main()
