"""The explorer in a browser, from its files with the network off: faults, start, and time of a slider's step.

    pip install playwright && python benchmarks/explorer.py --chromium /usr/bin/chromium --shots shots

It needs a Chromium, and says so where there is none. Exit status 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import statistics
import sys
from typing import Any

from browser import SIZES, add_options, chromium

from ratedist.explorer.server import FOLDER

START_MS, STEP_MS, TEXT_PX, TARGET_PX = 1000, 100, 24, 44
PROJECTOR, PHONE = (1920, 1080), (360, 740)

# Each slider to another place, one after the other: those that change no picture, or not the address.
MOVE_ALL = """async () => {
  const idle = [], svg = document.querySelector('.picture svg');
  for (const input of document.querySelectorAll('input[type=range]')) {
    const before = svg.innerHTML, hash = location.hash;
    input.value = Number(input.value) > Number(input.max) / 2 ? 1 : Number(input.max) - 1;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    if (svg.innerHTML === before || location.hash === hash) idle.push(input.id);
  }
  return idle;
}"""
# One step of one slider at a time, and milliseconds until the picture is laid out again.
STEPS = """async (count) => {
  const times = [], sliders = [...document.querySelectorAll('input[type=range]')];
  for (let i = 0; i < count; i += 1) {
    const input = sliders[i % sliders.length], up = Number(input.value) < Number(input.max) - 2;
    input.value = Number(input.value) + (up ? 1 : -7);
    const begin = performance.now();
    input.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise(requestAnimationFrame);
    document.querySelector('.picture svg').getBBox();
    times.push(performance.now() - begin);
    await new Promise((next) => setTimeout(next, 0));
  }
  return times;
}"""
# Text that is set too small, and targets that are hard to hit.
SMALL = """([text, target]) => {
  const found = [];
  for (const one of document.querySelectorAll('body *')) {
    const box = one.getBoundingClientRect(), height = parseFloat(getComputedStyle(one).fontSize);
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (own && box.width && height < text)
      found.push(`text ${one.tagName} ${one.textContent.slice(0, 30)}`);
    if (/^(BUTTON|INPUT|A)$/.test(one.tagName) && box.width && (box.height < target || box.width < target))
      found.push(`target ${one.tagName} ${one.textContent.slice(0, 30)} ${box.width}×${box.height}`);
  }
  return found;
}"""
# Whether the lesson is seen whole.
FITS = """() => {
  const box = document.querySelector('.lesson');
  return box.scrollHeight - box.clientHeight <= 1 && box.getBoundingClientRect().bottom <= innerHeight;
}"""
# How many sliders have no name or no value in words.
UNNAMED = """() => [...document.querySelectorAll('input')].filter(
  (one) => !one.labels.length || !one.getAttribute('aria-valuetext')).length"""
# A state of any page whose values are drawn at random, as an address.
ANY_STATE = """(seed) => {
  const uniform = Explorer.random.uniforms(seed, 77);
  const pick = (list) => list[Math.floor(uniform() * list.length)];
  const page = pick(Explorer.pages), state = page.seeded ? { seed: Math.ceil(uniform() * 1e6) } : {};
  for (const slider of page.sliders) state[slider.name] = pick(slider.values);
  for (const choice of page.choices || []) state[choice.name] = pick(choice.options)[0];
  return Explorer.state.write(page, state);
}"""
# Go to an address; what is then shown, and what the page says of that state.
GO = """async (hash) => {
  location.hash = hash;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const { page, state } = Explorer.frame.current(), numbers = page.compute(state);
  const shown = document.querySelector('.says').textContent, root = document.documentElement;
  return {
    stale: shown !== page.sentence(state, numbers),
    wrong: /NaN|undefined|Infinity/.test(document.querySelector('main').innerHTML),
    sideways: root.scrollWidth > innerWidth, restored: location.hash === hash,
  };
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--settings", type=int, default=1000)
    options = parser.parse_args()
    faults: list[str] = []
    with chromium(options.chromium, "the explorer") as browser:
        for size in SIZES:
            look_at_pages(browser, size, faults, options.shots)
        try_settings(browser, options.settings, faults)
        take_time(browser, faults)
    for fault in faults:
        print(f"fault: {fault}")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


def opened(
    browser: Any, size: tuple[int, int], faults: list[str], theme: str = "light", page: str = ""
) -> Any:
    """A page of the explorer in a fresh context without network, whose errors become faults."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,
        offline=True,
        reduced_motion="reduce",
    )
    tab = context.new_page()
    tab.on("console", lambda message: faults.append(f"{page} console: {message.text}"))
    tab.on("pageerror", lambda error: faults.append(f"{page} error: {error}"))
    tab.goto(f"{FOLDER.as_uri()}/index.html#{page}")
    tab.wait_for_selector(".picture svg text")
    return tab


def look_at_pages(browser: Any, size: tuple[int, int], faults: list[str], shots: pathlib.Path | None) -> None:
    """Every page at one size: scrolling, text, targets, lessons, sliders, keyboard; a picture of it."""
    tab = opened(browser, size, faults)
    names = tab.evaluate("Explorer.pages.map((page) => page.id)")
    tab.context.close()
    for name in names:
        for theme in ("light", "dark"):
            tab = opened(browser, size, faults, theme, name)
            where = f"{name} {size[0]}×{size[1]} {theme}"
            if shots is not None:
                shots.mkdir(parents=True, exist_ok=True)
                tab.screenshot(path=shots / f"{where}.png", full_page=size[0] < 1000)
            if theme == "light":
                examine(tab, size, where, faults)
            tab.context.close()


def examine(tab: Any, size: tuple[int, int], where: str, faults: list[str]) -> None:
    """All that can be asked of one page at one size."""
    width, height = tab.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    if width > size[0]:
        faults.append(f"{where}: {width} px wide")
    for number in range(3):  # the three texts of the lesson, the longest state of each
        tab.locator(".tabs button").nth(number).click()
        for answer in tab.locator(".lesson .row button").all():
            answer.click()
        if size == PROJECTOR:
            inside = tab.evaluate(FITS)
            height = tab.evaluate("document.documentElement.scrollHeight")
            if not inside or height > size[1]:
                faults.append(f"{where}: text {number + 1} of the lesson does not fit")
    if size in (PROJECTOR, PHONE):
        small = tab.evaluate(SMALL, [TEXT_PX if size == PROJECTOR else 16, TARGET_PX if size == PHONE else 0])
        faults.extend(f"{where}: {one}" for one in small)
    faults.extend(f"{where}: {one} moves nothing" for one in tab.evaluate(MOVE_ALL))
    if size != PROJECTOR:
        return
    tab.evaluate("document.activeElement.blur()")
    before = tab.evaluate("[location.hash, document.querySelector('input').value]")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_timeout(100)
    if tab.evaluate("document.querySelector('input').value") == before[1]:
        faults.append(f"{where}: an arrow moves no slider")
    tab.keyboard.press("Space")
    tab.wait_for_timeout(100)
    if ("seed=1" in before[0]) != ("seed=2" in tab.evaluate("location.hash")):
        faults.append(f"{where}: space makes no new data")
    for kind in ("CSV", "SVG", "PNG"):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=f"as {kind}").click()
        content = pathlib.Path(download.value.path()).read_bytes()
        start = {"SVG": b"<svg xmlns", "PNG": b"\x89PNG"}.get(kind, content[:1])
        if len(content) < 100 or not content.startswith(start):
            faults.append(f"{where}: the {kind} is none")
    if tab.evaluate(UNNAMED) or not tab.locator("svg[role=img][aria-label]").count():
        faults.append(f"{where}: a part has no name for a screen reader")


def try_settings(browser: Any, count: int, faults: list[str]) -> None:
    """Random states of random pages, at every size in turn."""
    drawn = random.Random(0)
    for size in SIZES:
        tab = opened(browser, size, faults)
        for _ in range(count // len(SIZES)):
            where = tab.evaluate(ANY_STATE, drawn.randrange(2**31))
            found = tab.evaluate(GO, where)
            if found != {"stale": False, "wrong": False, "sideways": False, "restored": True}:
                faults.append(f"{where} at {size[0]} px: {found}")
        tab.context.close()
    print(f"{count // len(SIZES) * len(SIZES)} random settings tried at {len(SIZES)} sizes")


def take_time(browser: Any, faults: list[str]) -> None:
    """Milliseconds to the first picture, and from a slider's step to its picture on the page of clusters."""
    starts = []
    for _ in range(5):
        tab = opened(browser, PROJECTOR, faults, page="clusters")
        starts.append(tab.evaluate("performance.getEntriesByType('paint').at(-1).startTime"))
        tab.context.close()
    tab = opened(browser, PROJECTOR, faults, page="clusters")
    tab.evaluate(STEPS, 30)  # compiled by then
    steps = tab.evaluate(STEPS, 120)
    tab.context.close()
    start, step = statistics.median(starts), statistics.median(steps)
    print(f"start: median {start:.0f} ms of {len(starts)}; largest {max(starts):.0f}")
    print(f"slider step, two clusters: median {step:.0f} ms of {len(steps)}; largest {max(steps):.0f}")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"all files: {size / 1000:.0f} kB")
    if start > START_MS:
        faults.append(f"a start takes {start:.0f} ms")
    if step > STEP_MS:
        faults.append(f"a slider's step takes {step:.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
