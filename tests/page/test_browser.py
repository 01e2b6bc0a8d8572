"""The page in a real browser, without a window."""

import json
import os
import re
import shutil
import time

import numpy as np
import pytest
from page_requests import COLLOID

import sk_qdots as sq

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT = 120_000  # ms, on a machine that is busy
SIZED = "#answer .size"


@pytest.fixture(scope="module")
def chromium():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("chromium is not installed (CONTRIBUTING.md tells how)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium, page):
    """The page, opened by its link, which complains of nothing."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(WAIT)
    opened = context.new_page()
    problems, asked = [], []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page.url)
    opened.wait_for_selector("body[data-ready]")
    yield opened
    context.close()
    assert problems == []
    here = page.url.split("/?")[0]
    assert all(url.startswith((here, "data:", "blob:")) for url in asked)


def drop(tab, *files):
    """Drop files, as a mouse would."""
    told = [{"name": name, "text": text.decode("latin-1")} for name, text in files]
    data = tab.evaluate_handle(
        """files => {
            const data = new DataTransfer();
            for (const {name, text} of files) {
                const bytes = Uint8Array.from(text, c => c.charCodeAt(0));
                data.items.add(new File([bytes], name));
            }
            return data;
        }""",
        told,
    )
    tab.dispatch_event("#drop", "dragenter", {"dataTransfer": data})
    tab.dispatch_event("#drop", "drop", {"dataTransfer": data})


def until(tab, expression, within=120.0):
    """Wait until something is so; the page lets nobody evaluate texts, and waiting would."""
    last = time.monotonic() + within
    while not tab.evaluate(expression):
        assert time.monotonic() < last, f"not in time: {expression}"
        time.sleep(0.05)


def sized(tab, content, name="dots.xy"):
    """Drop a pattern and say its wavelength."""
    drop(tab, (name, content))
    tab.wait_for_selector("#asking:not([hidden])")
    tab.fill("#ask-wavelength", "0.5642")
    tab.press("#ask-wavelength", "Enter")
    tab.wait_for_selector(SIZED)


def in_q(seed=0):
    """A pattern whose header says everything."""
    q = np.arange(1.0, 15.01, 0.01)
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    intensity = library["intensity"].values.ravel().astype(float)
    counts = np.random.default_rng(seed).poisson(intensity / intensity.mean() * 2000)
    rows = "".join(f"{x:.3f} {y}\n" for x, y in zip(q, counts, strict=True))
    return f"# Q (1/Angstrom) intensity\n{rows}".encode()


def test_a_pattern_is_dropped_and_its_size_read(tab, content):
    assert tab.locator("#sizer").input_value() == "sizer:PbS"
    drop(tab, ("dots.xy", content))
    tab.wait_for_selector("#asking:not([hidden])")
    assert "wavelength" in tab.inner_text("#asking-about")
    assert tab.evaluate("document.activeElement.id") == "ask-wavelength"
    assert tab.is_hidden('[data-asks="x"]')
    tab.click("#asking [type=submit]")
    assert "wavelength" in tab.inner_text("#asking-error").lower()
    tab.fill("#ask-wavelength", "0,5642")  # as many people write it
    tab.press("#ask-wavelength", "Enter")
    tab.wait_for_selector(SIZED)
    size = float(re.match(r"[\d.]+", tab.inner_text(SIZED))[0])
    pattern = sq.read_pattern(COLLOID, wavelength=0.5642)
    assert size == pytest.approx(sq.load_sizer("PbS").size(pattern).number_diameter, abs=0.006)
    assert "Ok" in tab.inner_text("#answer .verdict")
    assert "nm across" in tab.inner_text("#sentence")
    assert "dots.xy" in tab.inner_text("#status") and "Ok" in tab.inner_text("#status")
    assert tab.locator("#pattern-plot .main-svg").count()
    assert tab.locator("#distribution-plot .main-svg").count()
    drop(tab, ("more.xy", content))  # the wavelength is remembered
    tab.wait_for_selector("#table tbody tr:nth-child(2) .verdict.ok")
    assert tab.is_hidden("#asking")


def test_nothing_is_asked_where_the_file_says_it(tab):
    drop(tab, ("q.xy", in_q()))
    tab.wait_for_selector(SIZED)
    assert tab.is_hidden("#asking")
    tab.reload()  # the token is kept for this tab, and not in the address
    tab.wait_for_selector("body[data-ready]")
    assert "token" not in tab.url


def test_the_pattern_is_zoomed(tab, content):
    sized(tab, content)
    tab.wait_for_selector("#pattern-plot .nsewdrag")
    reach = "document.getElementById('pattern-plot').layout.xaxis.range"
    before = tab.evaluate(reach)
    box = tab.locator("#pattern-plot .nsewdrag").first.bounding_box()
    tab.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    tab.mouse.up()
    until(tab, f"({reach})[1] - ({reach})[0] < {0.5 * (before[1] - before[0])}")
    tab.click("#switch-axis")
    assert "two-theta" in tab.inner_text("#pattern-plot")


def test_the_sizer_is_changed(tab, content):
    sized(tab, content)
    assert "PbS (" in tab.evaluate("document.getElementById('answer').textContent")
    tab.select_option("#sizer", "sizer:CdSe")
    tab.wait_for_selector("#answer .reasons.refused")
    assert tab.locator("#pattern-plot .main-svg").count()  # also of a pattern without a size
    tab.select_option("#sizer", "sizer:PbS")
    tab.wait_for_selector(SIZED)


def test_ten_are_compared(tab):
    drop(tab, *[(f"sample {k}.xy", in_q(k)) for k in range(10)])
    until(tab, "document.querySelectorAll('#table .verdict.ok').length === 10")
    assert tab.inner_text("#compare-heading") == "10 samples"
    tab.wait_for_selector("#compare-plot .main-svg")
    tab.click("#table tbody tr:nth-child(7) button")
    assert tab.inner_text("#answer-heading") == "sample 6.xy"
    with tab.expect_download() as download:
        tab.click("#all-csv")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 11 and lines[0].startswith("file,diameter_nm")


DOWNLOADS = [
    ("#get-png", "dots.png", b"\x89PNG"),
    ("#get-json", "dots.json", b"{"),
    ("#get-csv", "dots.csv", b"file,diameter_nm"),
    ("#all-json", "sizes.json", b"["),
    ("#get-report", "dots.html", b"<!doctype html>"),
]


def test_each_format_is_downloaded(tab, content, tmp_path):
    sized(tab, content)
    for button, name, begin in DOWNLOADS:
        with tab.expect_download() as download:
            tab.click(button)
        assert download.value.suggested_filename == name
        kept = download.value.path().read_bytes()
        assert kept.startswith(begin)
        if name.endswith("json"):
            json.loads(kept)
        (tmp_path / name).write_bytes(kept)
    report = tab.context.new_page()
    report.goto((tmp_path / "dots.html").as_uri())
    assert report.locator("img").first.evaluate("image => image.naturalWidth") > 300
    assert "4.7" in report.inner_text("body")


def test_garbage_is_refused_in_words(tab):
    drop(
        tab,
        ("garbage.xy", bytes(range(256)) * 40),
        ("empty.xy", b""),
        ("text.txt", b"hello\n" * 50),
    )
    until(tab, "document.querySelectorAll('#table .verdict.refused').length === 3")
    told = tab.inner_text("#answer")
    assert "garbage.xy" in told and "Traceback" not in told and "--" not in told
    assert tab.locator("#status").get_attribute("aria-live") == "polite"


def test_a_series_is_drawn_and_cancelled(tab, content, tmp_path):
    tab.click("#tab-series")
    tab.click("#series-form [type=submit]")
    assert "Choose" in tab.inner_text("#series-error")
    files = []
    for k in range(80):
        files.append(tmp_path / f"f{k}.xy")
        files[-1].write_bytes(in_q() if k < 2 else content)
    tab.set_input_files("#series-files", files)
    tab.click("#series-form [type=submit]")
    tab.wait_for_selector("#series-plot .main-svg")
    tab.click("#series-cancel")
    until(tab, "document.getElementById('series-told').textContent.includes('Ended')")
    done = int(re.match(r"(\d+) of 80", tab.inner_text("#series-told"))[1])
    assert 0 < done < 80
    with tab.expect_download() as download:
        tab.click('[data-series="csv"]')
    assert download.value.path().read_text().startswith("frame,file,time")


def test_what_is_dropped_can_be_cancelled(tab):
    drop(tab, *[(f"{k}.xy", in_q(k % 3)) for k in range(40)])
    tab.wait_for_selector("#cancel:not([hidden])")
    tab.click("#cancel")
    tab.wait_for_selector("#cancel", state="hidden")
    assert "Cancelled" in tab.inner_text("#table")
    drop(tab, ("again.xy", in_q()))
    tab.wait_for_selector("#table tbody tr:last-child .verdict.ok")


def test_a_folder_is_watched_live(tab, content, tmp_path):
    tab.evaluate("document.getElementById('measurement').open = true")
    tab.fill("#wavelength", "0.5642")
    tab.click("#tab-series")
    tab.fill("#folder", str(tmp_path))
    tab.click("#watch-form [type=submit]")
    until(tab, "document.getElementById('series-told').textContent.includes('Watching')")
    file = tmp_path / "f1.xy"
    file.write_bytes(content)
    os.utime(file, (1e9, 1e9))  # complete long ago
    tab.wait_for_selector("#series-table .verdict.ok")
    tab.click("#series-cancel")
    until(tab, "document.getElementById('series-told').textContent.includes('Ended')")


def test_the_keyboard_reaches_everything(tab, content):
    reached = []
    tab.evaluate("document.activeElement.blur()")
    for _ in range(12):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate("document.activeElement.id || document.activeElement.className")
        )
    assert reached[0] == "skip" and "sizer" in reached and "files" in reached
    assert reached.index("sizer") < reached.index("tab-samples") < reached.index("files")
    tab.focus("#tab-samples")
    tab.keyboard.press("ArrowRight")
    assert tab.is_visible("#panel-series")
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll('input, select, button')].filter(one =>
            !one.labels?.length && !one.getAttribute('aria-label') && !one.textContent.trim()
        ).map(one => one.id)"""
    )
    assert unnamed == []


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(chromium, page, content, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.set_default_timeout(WAIT)
    try:
        tab = context.new_page()
        tab.goto(page.url)
        tab.wait_for_selector("body[data-ready]")
        sized(tab, content, "a name of a sample that is rather long, 2026-11-30.xy")
        tab.wait_for_selector("#distribution-plot .main-svg")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        low = tab.evaluate(CONTRASTS)
        assert not low
    finally:
        context.close()


# Texts whose contrast against what is behind them is less than 4.5 (WCAG 2, AA).
CONTRASTS = """() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => {
        const linear = v => v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4;
        const [x, y, z] = [linear(r), linear(g), linear(b)];
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const over = (front, back) => {
        const share = front[3] / 255;
        return [0, 1, 2].map(k => share * front[k] + (1 - share) * back[k]);
    };
    const behind = node => {
        const layers = [];
        for (let one = node; one; one = one.parentElement)
            layers.push(rgba(getComputedStyle(one).backgroundColor));
        return layers.reverse().reduce((back, front) => over(front, back), [255, 255, 255]);
    };
    const found = [];
    const texts = 'h1,h2,h3,p,th,td,label,button,summary,figcaption,li,.verdict,small,.hint';
    for (const node of document.querySelectorAll(texts)) {
        if (!node.textContent.trim() || !node.offsetParent || node.disabled) continue;
        const back = behind(node);
        const front = over(rgba(getComputedStyle(node).color), back);
        const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5)
            found.push([node.tagName, node.className, node.textContent.slice(0, 30)]);
    }
    return found;
}"""
