"""The site in a browser: it loads, asks nobody, is read by keyboard and phone, and keeps its guard.

It is built from a small study with a hostile cohort, so that no test needs the results of the real
one; its words, data sets and API pages are the real ones.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import toy
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from allrelapse import paths, run, scorecard, study

BUILD = paths.REPOSITORY / "tools" / "build_site.py"
EVIL = '<script>window.hacked = 1</script><img src="x" onerror="window.hacked = 1">'
HOSTILE = f"""
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown
from allrelapse import claims, figures

evil = {EVIL!r}
claims.record("prevalence_early", "recomputed", 64.9, (51.1, 77.1), 57, evil)
claims.record("prevalence_early", "replicated", 83.3, (35.9, 99.6), 6, "other", data=evil)
claims.record("prevalence_late", "recovered", 9.0, (5.0, 12.0), 24, data="cohort", truth=8.0)
print("patient", evil)
table = pd.DataFrame({{"gene": [evil], evil: [1.0]}})
for name in ("one", "two"):
    figure, ax = plt.subplots(figsize=(3.5, 2))
    ax.plot([0, 1])
    alt = f"Figure {{name}} of a hostile cohort: {{evil}}"
    display(figures.save(figure, name, table=table, alt=alt))
display(Markdown(evil), HTML(evil), table.style, table)
"""
OTHER = "02_mutation_landscape"
KINDS = [
    "index",
    "analyses/index",
    "analyses/01_relapse_timing",
    "analyses/03_gene_enrichment",
    "primer",
    "glossary",
    "data",
    "own-cohort",
    "class",
    "gallery",
    "api",
    "api/allrelapse.timing",
    "benchmarks/README",
    "search",
]
"""A page of each kind."""
DARK = ["index", "analyses/01_relapse_timing", "primer", "data", "gallery", "api/allrelapse.timing"]
"""Those that have colours of their own."""


def notebook(path, title, source):
    cells = [
        nbformat.v4.new_markdown_cell(f"# {title}\n\nA story.\n\n## What you can set"),
        nbformat.v4.new_code_cell(
            "level: float = 0.95  # of all", metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell(source),
        nbformat.v4.new_markdown_cell("## What could be wrong\n\nNothing."),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def build(folder):
    """Run the builder on the study in a folder."""
    command = [sys.executable, BUILD, "--study", folder / "study.yaml"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study with its scorecard and what the multiverse said of it; most of it lacks its data."""
    folder = tmp_path_factory.mktemp("site")
    claims = ["prevalence_early", "prevalence_late"]
    done = {
        "01_relapse_timing": toy.analysis("01_relapse_timing", claims=claims),
        OTHER: toy.analysis(OTHER, outputs=["tables/t.csv"]),
    }
    names = [entry.id for entry in study.load().analyses]  # the primer has links to them
    lacking = {"cohort": {"required": ["patients"]}}
    entries = [done.get(name) or toy.analysis(name, **lacking) for name in names]
    for name in names:
        notebook(folder / "notebooks" / f"{name}.ipynb", "And else?", toy.WRITE)
    notebook(folder / "notebooks" / "01_relapse_timing.ipynb", "Is it early?", HOSTILE)
    content = {"title": "Small", "cohort": "open", "analyses": entries}
    (folder / "study.yaml").write_text(json.dumps(content))  # JSON is YAML
    made = study.load(folder / "study.yaml")
    for name in done:
        run.run(made, name, cohort="open", say=str)
    without = [name for name in names if name not in done]
    scorecard.scorecard(made, made.results("open"), without).write(folder / "results")
    file = folder / "results" / "scorecard.json"
    rows = json.loads(file.read_text())
    words = {"prevalence_early": "robust", "prevalence_late": "sensitive to the cut-offs"}
    rows = [{**row, "robustness": words.get(row["claim"], "")} for row in rows]
    file.write_text(json.dumps(rows))
    return folder


@pytest.fixture(scope="module")
def site(small):
    """The folder of the site."""
    before = toy.files(paths.REPOSITORY / "docs"), toy.files(small)
    made = build(small)
    assert made.returncode == 0, made.stdout + made.stderr
    after = toy.files(paths.REPOSITORY / "docs"), toy.files(small)
    assert after[0] == before[0]
    new = {name for name in after[1] if after[1][name] != before[1].get(name)}
    assert {name for name in new if not name.startswith("results/site/")} == {"results/.site.lock"}
    return small / "results" / "site"


@pytest.fixture(scope="module")
def address(site):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found and os.environ.get("CI"):
        pytest.fail("Chromium is needed here: install it, or name it in the variable CHROMIUM")
    if not found:
        pytest.skip("needs Chromium: install it (Debian: chromium), or name it in CHROMIUM")
    switches = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    switches += ["--disable-sync", "--disable-gpu", "--disable-quic", "--no-first-run"]
    with sync_playwright() as play:
        window = play.chromium.launch(executable_path=found, args=switches)
        yield window
        window.close()


@pytest.fixture
def page(browser):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    yield tab
    tab.close()


def pages(site):
    """Files of all pages."""
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


def open_page(page, address, name):
    page.goto(f"{address}/{name}.html", wait_until="load")
    return page


def shown(page):
    """The rows of the scorecard that are to be seen, each as a list of its cells' texts."""
    rows = page.locator("#scorecard tbody tr:not([hidden])").all()
    return [[text.strip() for text in row.locator("th, td").all_inner_texts()] for row in rows]


def tab_to(page, wanted, limit=100):
    """Press Tab until the element in focus has that name, or says that."""
    about = "[document.activeElement.name, document.activeElement.textContent.trim()]"
    for _ in range(limit):
        page.keyboard.press("Tab")
        if wanted in page.evaluate(about):
            return
    raise AssertionError(f"{wanted!r} cannot be reached with Tab")


def wait_for_rows(page, number):
    """Wait until that many rows of the scorecard are to be seen."""
    rows = "document.querySelectorAll('#scorecard tbody tr:not([hidden])')"
    page.wait_for_function(f"{rows}.length === {number}")


def test_every_page_loads_without_error_and_asks_only_this_machine(page, site, address):
    faults, asked = [], []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda got: faults.append(got.url) if got.status >= 400 else None)
    names = [path.relative_to(site).with_suffix("").as_posix() for path in pages(site)]
    for name in names:
        open_page(page, address, name)
    assert len(names) > 35
    assert faults == []
    assert [url for url in asked if not url.startswith((f"{address}/", "data:"))] == []


def test_there_is_no_other_kind_of_page(site):
    there = {path.relative_to(site).with_suffix("").as_posix() for path in pages(site)}
    assert set(KINDS) <= there
    more = {name for name in there - set(KINDS) if not name.startswith(("api/", "analyses/"))}
    assert more <= {"genindex", "py-modindex", "teaching"}


class Links(HTMLParser):
    """Ids and local links of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.add(values.get("id"))
        if url := values.get("href") or values.get("src"):
            self.links.append(url)


def test_every_link_within_the_site_leads_somewhere(site):
    read = {path: Links(path.read_text()) for path in pages(site)}
    dead, followed = [], 0
    for path, found in read.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or path.stem == "search":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            here = target.is_file() and (not anchor or anchor in read[target].ids)
            dead += [] if here else [f"{path.relative_to(site)}: {link}"]
            followed += 1
    assert dead == []
    assert followed > 1000


@pytest.mark.parametrize(("scheme", "names"), [("light", KINDS), ("dark", DARK)])
def test_axe_finds_nothing_to_mend(browser, address, scheme, names):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    found = []
    for name in names:
        for fault in Axe().run(open_page(page, address, name)).response["violations"]:
            where = [node["html"][:160] for node in fault["nodes"][:3]]
            found.append((name, fault["id"], fault["impact"], where))
    page.close()
    assert found == []


def test_axe_would_find_something(page, address):
    open_page(page, address, "index")
    page.evaluate("document.querySelector('#scorecard-filters label').replaceWith('Find')")
    page.evaluate("document.querySelector('.bd-article').append(document.createElement('img'))")
    assert {fault["id"] for fault in Axe().run(page).response["violations"]} >= {"image-alt"}


def test_no_page_scrolls_sideways_on_a_phone(browser, address):
    page = browser.new_page(viewport={"width": 375, "height": 812})
    wide = {}
    for name in KINDS:
        open_page(page, address, name)
        wide[name] = page.evaluate("document.documentElement.scrollWidth")
    verdict = open_page(page, address, "index").locator("#scorecard .verdict").first.bounding_box()
    page.close()
    assert wide == dict.fromkeys(KINDS, 375)
    assert 0 <= verdict["x"] < verdict["x"] + verdict["width"] <= 375


def test_a_reader_with_a_keyboard_gets_from_home_to_an_analysis(page, address):
    open_page(page, address, "index")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
    tab_to(page, "Analyses")
    page.keyboard.press("Enter")
    page.wait_for_url("**/analyses/index.html")
    tab_to(page, "Title of 01_relapse_timing")
    page.keyboard.press("Enter")
    page.wait_for_url("**/analyses/01_relapse_timing.html")
    assert page.locator("h1").inner_text().startswith("Is it early?")


def test_a_row_of_the_scorecard_links_to_its_notebook(page, address):
    open_page(page, address, "index")
    page.locator("#scorecard a", has_text="Early relapses (9–36 months) with").first.click()
    page.wait_for_url("**/analyses/01_relapse_timing.html")


def test_the_scorecard_is_filtered_by_keyboard(page, address):
    open_page(page, address, "index")
    everything = shown(page)
    count = page.locator("#scorecard-count")
    assert count.inner_text() == f"{len(everything)} of {len(everything)} rows"
    tab_to(page, "text")
    page.keyboard.type("LATE RELAPSES (")
    assert [row[0].split("\n")[0] for row in shown(page)] == [
        row[0].split("\n")[0] for row in everything if "late relapses (" in " ".join(row).lower()
    ]
    assert count.inner_text().startswith(f"{len(shown(page))} of")
    tab_to(page, "Show all")
    page.keyboard.press("Enter")
    wait_for_rows(page, len(everything))


@pytest.mark.parametrize(
    ("choice", "column", "word"),
    [("kind", 5, "replicated"), ("verdict", 3, "not public"), ("robustness", 4, "sensitive")],
)
def test_a_choice_shows_the_rows_that_it_names(page, address, choice, column, word):
    everything = shown(open_page(page, address, "index"))
    tab_to(page, choice)
    page.keyboard.type(word)
    rows = [row for row in everything if row[column].startswith(word)]
    wait_for_rows(page, len(rows))
    assert shown(page) == rows
    assert 0 < len(rows) < len(everything)


def test_the_scorecard_is_sorted_by_keyboard(page, address):
    open_page(page, address, "index")
    tab_to(page, "Published")
    headings = page.locator("#scorecard thead th")
    page.keyboard.press("Enter")
    assert headings.nth(1).get_attribute("aria-sort") == "ascending"
    numbers = [row[1] for row in shown(page) if row[1]]
    values = [float(text.lstrip("> ").split()[0]) for text in numbers]
    assert values == sorted(values)
    assert len(set(values)) > 5
    page.keyboard.press("Space")
    assert headings.nth(1).get_attribute("aria-sort") == "descending"
    down = [float(row[1].lstrip("> ").split()[0]) for row in shown(page) if row[1]]
    assert down == values[::-1]
    assert not any(row[1] for row in shown(page)[len(down) :])  # nothing comes last
    tab_to(page, "Verdict")
    page.keyboard.press("Enter")
    verdicts = [row[3].removeprefix("✓ ").removeprefix("≠ ") for row in shown(page)]
    assert verdicts == sorted(verdicts)
    assert headings.nth(1).get_attribute("aria-sort") is None


def test_without_scripts_the_whole_scorecard_is_there(browser, address, small):
    page = browser.new_page(java_script_enabled=False)
    open_page(page, address, "index")
    rows = json.loads((small / "results" / "scorecard.json").read_text())
    assert page.locator("#scorecard tbody tr:visible").count() == len(rows)
    assert not page.locator("#scorecard-filters").is_visible()
    page.close()


@pytest.mark.parametrize("name", ["index", "analyses/01_relapse_timing", "gallery"])
def test_what_a_hostile_cohort_says_stays_text(page, address, name):
    open_page(page, address, name)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[onerror], img[src=x]").count() == 0
    inside = page.locator("script").all_inner_texts()
    assert not any("hacked" in text for text in inside)
    told = page.locator("main").inner_text()
    assert "<script>window.hacked = 1</script>" in told


def test_the_scorecard_page_of_the_results_fits_a_phone_and_keeps_its_guard(browser, small):
    page = browser.new_page(viewport={"width": 375, "height": 812})
    page.goto((small / "results" / "scorecard.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    verdicts = page.locator("td .verdict").all()
    assert len(verdicts) > 20
    for verdict in verdicts:
        box = verdict.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= 375
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("window.hacked") is None
    page.close()


def test_hostile_texts_of_pictures_are_whole_and_each_picture_has_its_own(page, address):
    open_page(page, address, "analyses/01_relapse_timing")
    texts = [image.get_attribute("alt") for image in page.locator("main img").all()]
    assert texts == [f"Figure {name} of a hostile cohort: {EVIL}" for name in ("one", "two")]


def test_an_analysis_tells_its_question_parameters_inputs_and_versions(page, address, small):
    open_page(page, address, "analyses/01_relapse_timing")
    told = page.locator("main").inner_text()
    receipt = json.loads((small / "results/open/01_relapse_timing/receipt.json").read_text())
    for words in ("Is it so?", "level", "0.95", "of all", receipt["lib"][:12]):
        assert words in told
    assert receipt["versions"]["pandas"] in told


def test_an_analysis_without_its_data_says_so(page, address):
    open_page(page, address, "analyses/03_gene_enrichment")
    assert "data not at hand" in page.locator("main").inner_text()


def test_every_data_set_is_there_with_its_licence_and_citation(page, address):
    open_page(page, address, "data")
    told = " ".join(page.locator("table.files").inner_text().split())
    for name, entry in yaml.safe_load((paths.DATA / "open_data.yaml").read_text()).items():
        assert name.split("/")[1] in told
        for field in ("licence", "citation", "holds"):
            assert " ".join(entry[field].split()) in told


def test_the_gallery_shows_every_figure_with_table_and_notebook(page, site, small, address):
    open_page(page, address, "gallery")
    figures = sorted((small / "results").glob("open/*/figures/*.png"))
    assert page.locator(".gallery figure").count() == len(figures) == 2
    for picture in figures:
        copy = site / "figures" / picture.parts[-3] / picture.name
        assert copy.read_bytes() == picture.read_bytes()
        assert copy.with_suffix(".csv").read_bytes() == picture.with_suffix(".csv").read_bytes()


def test_functions_of_the_library_are_documented_with_their_arguments(page, address):
    open_page(page, address, "api/allrelapse.signatures")
    place = page.locator('[id="allrelapse.signatures.refit"]')
    told = page.locator("dl.py.function", has=place).inner_text().splitlines()
    for words in ("Parameters", "counts", "signatures", "Raises", "InputError"):
        assert words in told


@pytest.fixture
def copied(small, site, tmp_path):
    """The study with its results and its site, to be spoilt."""
    return shutil.copytree(small, tmp_path / "copied")


def refused(folder, *words):
    """Check that the builder says what is wrong and what to do, and leaves the site as it was."""
    before = toy.files(folder / "results" / "site")
    made = build(folder)
    assert made.returncode == 2, made.stdout + made.stderr
    assert [word for word in (*words, "make reproduce") if word not in made.stderr] == []
    assert "Traceback" not in made.stderr
    assert toy.files(folder / "results" / "site") == before


def test_results_that_are_not_current_or_not_there_are_refused(copied):
    file = copied / "notebooks" / f"{OTHER}.ipynb"
    file.write_text(file.read_text().replace("And else", "And more"))
    shutil.rmtree(copied / "results" / "open" / "01_relapse_timing")
    refused(copied, f"{OTHER} (notebook changed)", "01_relapse_timing (no results yet)")


def test_a_changed_output_is_refused(copied):
    with (copied / "results/open/01_relapse_timing/figures/one.csv").open("a") as file:
        file.write("0,0\n")
    refused(copied, "01_relapse_timing", "one.csv")


def test_a_scorecard_of_other_results_is_refused(copied):
    file = copied / "results" / "scorecard.json"
    file.write_text(file.read_text().replace('"agrees"', '"differs"', 1))
    refused(copied, "scorecard.json")
