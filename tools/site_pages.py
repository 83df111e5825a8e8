"""The pages of the site that are made from results; what is data in them is escaped."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from PIL import Image

from allrelapse import claims, parameters, receipt, scorecard
from allrelapse.data.open_data import OpenFile
from allrelapse.errors import InputError
from allrelapse.study import Analysis, Study

PICTURED = {
    "Relapses with a resistance alteration": {
        "prevalence_very_early": "very early",
        "prevalence_early": "early",
        "prevalence_late": "late",
    },
    "Relapses with a signature of therapy": {
        "signature_timing": "very early",
        "signature_prevalence": "all",
    },
    "Resistance mutations that therapy wrote": {"signature_mutations": "in four genes"},
}
"""Claims in per cent that the picture of the home page shows."""


TABLES = ["table", "thead", "tbody", "tr", "th", "td", "div", "p"]
TEXT = ["br", "b", "i", "em", "strong", "code", "sub", "sup", "span", "a"]
CLEAN = SanitizeHTML(
    tags=[*TABLES, *TEXT],
    attributes={"*": ["class", "colspan", "rowspan"], "a": ["href"]},
)
"""What HTML of a notebook's output may hold; all else is shown as text."""
SHOWN = ("text/html", "image/png", "text/plain")
"""Kinds of output that are shown; none of them can hold a script once it is cleaned."""


def write(study: Study, lacking: list[str], files: Mapping[str, OpenFile], docs: Path) -> None:
    """Write all generated pages into a folder that holds the others.

    Parameters
    ----------
    lacking : ids of analyses that could not be run here, for want of data
    """
    rows = evidence(study, lacking)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(docs / "_parts"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pages = docs / "analyses"
    pages.mkdir()

    def part(template: str, name: str = "", **values: object) -> None:
        text = templates.get_template(f"{template}.html.j2").render(**values)
        (docs / "_parts" / f"{name or template}.html").write_text(text, encoding="utf-8")

    part("scorecard", rows=rows, verdicts=scorecard.VERDICTS, robust=_labels(rows))
    part("picture", groups=pictured(study))
    part("tally", rows=rows, claims=len({row["claim"] for row in rows}), count=_verdicts(rows))
    part(
        "analyses",
        analyses=study.analyses,
        count={a.id: _verdicts(rows, a) for a in study.analyses},
    )
    part("data", folders=_by_folder(files))
    part("gallery", analyses=[(a, figures(study, a)) for a in study.analyses])
    for analysis in study.analyses:
        folder = study.results(study.cohort) / analysis.id
        own = [row for row in rows if row["analysis"] == analysis.id]
        part("glance", f"glance-{analysis.id}", analysis=analysis, count=_verdicts(own), rows=own)
        if analysis.id in lacking:
            (pages / f"{analysis.id}.md").write_text(_not_run(analysis), encoding="utf-8")
            continue
        made = receipt.read(folder) or {}
        when = datetime.fromtimestamp((folder / receipt.FILE).stat().st_mtime, UTC)
        declared = parameters.declared(study.root / analysis.notebook)
        values = {"made": made, "when": when, "declared": declared, "files": files}
        part("receipt", f"receipt-{analysis.id}", **values)
        shutil.copy(folder / "notebook.ipynb", docs / "_parts" / f"{analysis.id}.ipynb")
        page = readable(nbformat.read(folder / "notebook.ipynb", as_version=4), analysis.id)
        nbformat.write(page, pages / f"{analysis.id}.ipynb")
    _write_list(study, pages)


def evidence(study: Study, lacking: list[str]) -> list[dict[str, Any]]:
    """The rows of scorecard.json, each with the `analysis` whose page tells of it, or none.

    Raises
    ------
    InputError
        If there is no scorecard, or it is not that of the results.
    """
    file = study.results(study.cohort).with_name("scorecard.json")
    mend = "run `make reproduce`, then `make site` again"
    try:
        rows = [dict(row) for row in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{file} cannot be read ({error}); {mend}") from error
    now = scorecard.scorecard(study, study.results(study.cohort), lacking).table
    columns = ["claim", "kind", "data", "found", "verdict", "note"]
    if [[row.get(c) for c in columns] for row in rows] != now[columns].to_numpy().tolist():
        raise InputError(f"{file} is not the scorecard of these results; {mend}")
    pages = {claim: analysis.id for analysis in study.analyses for claim in analysis.claims}
    return [{**row, "analysis": pages.get(row["claim"], "")} for row in rows]


def pictured(study: Study) -> list[tuple[str, list[dict[str, Any]]]]:
    """Headings, and under each the claims in `PICTURED` with a value: what was published and found.

    Numbers are per cent; intervals are cut to 0 and 100.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for analysis in study.analyses:
        file = study.results(study.cohort) / analysis.id / claims.FILE
        for entry in claims.read(file) if file.exists() else []:
            if entry["value"] is not None:
                found.setdefault(entry["claim"], []).append(_bar(entry))
    groups = []
    for heading, names in PICTURED.items():
        rows = [
            {"label": label, "published": claims.value(claim), "found": found[claim]}
            for claim, label in names.items()
            if claim in found
        ]
        groups += [(heading, rows)] if rows else []
    return groups


def _bar(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A piece of evidence as the picture draws it."""
    low, high = entry["interval"] or (entry["value"], entry["value"])
    verdict = claims.verdict(
        claims.published_claim(entry["claim"]),
        entry["kind"],
        entry["value"],
        entry["interval"],
        entry["truth"],
    )
    ends = {"low": max(low, 0.0), "high": min(high, 100.0)}
    return {**entry, **ends, "verdict": verdict}


def figures(study: Study, analysis: Analysis) -> list[dict[str, Any]]:
    """Name, size on a page and alt text of each figure of an analysis, in the order of names."""
    found = []
    for path in sorted((study.results(study.cohort) / analysis.id / "figures").glob("*.png")):
        width, height = Image.open(path).size
        alt = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
        found.append({"name": path.stem, "alt": alt, "width": width // 2, "height": height // 2})
    return found


def copy_figures(study: Study, output: Path) -> None:
    """Copy the figures and the tables behind them to where the gallery looks for them."""
    for analysis in study.analyses:
        folder = study.results(study.cohort) / analysis.id / "figures"
        for figure in figures(study, analysis):
            place = output / "figures" / analysis.id
            place.mkdir(parents=True, exist_ok=True)
            for ending in ("png", "svg", "csv"):
                shutil.copy(folder / f"{figure['name']}.{ending}", place)


def readable(notebook: NotebookNode, name: str) -> NotebookNode:
    """An executed notebook as a page: code folded, tables framed, every picture with its text.

    Between title and story comes what the page is about, and at its end the receipt.
    """
    cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    title, _, story = cells[0].source.partition("\n")
    notebook.cells = [
        nbformat.v4.new_markdown_cell(f"{title}\n\n{_raw(f'glance-{name}')}\n\n{story}"),
        *(part for cell in cells[1:] for part in _parts(cell)),
        nbformat.v4.new_markdown_cell(
            f"## Receipt\n\n{_raw(f'receipt-{name}')}\n\n"
            f"{{download}}`The notebook as it was run </_parts/{name}.ipynb>`"
        ),
    ]
    return notebook


def _parts(cell: NotebookNode) -> list[NotebookNode]:
    """A cell, with those of its outputs that are pictures after the first in cells of their own."""
    if cell.cell_type != "code":
        return [cell]
    if "parameters" not in cell.metadata.get("tags", []):
        cell.metadata["tags"] = ["hide-input"]
    outputs, cell["outputs"], parts = cell.outputs, [], [cell]
    for output in outputs:
        image = output.get("metadata", {}).get("image/png", {})
        if image and parts[-1].metadata.get("mystnb"):
            # not without a source, as such a cell would be left out with its outputs
            more = nbformat.v4.new_code_cell("# more", metadata={"tags": ["remove-input"]})
            parts.append(more)
        if image:
            parts[-1].metadata["mystnb"] = {"image": {"alt": image.get("alt", "")}}
        parts[-1].outputs.append(_framed(output))
    return parts


def _framed(output: NotebookNode) -> NotebookNode:
    """An output whose HTML holds tables and text only, in a frame that scrolls by itself."""
    if "data" in output:
        output["data"] = {kind: data for kind, data in output.data.items() if kind in SHOWN}
    if html := output.get("data", {}).get("text/html"):
        html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
        html = CLEAN.sanitize_html_tags(html)
        html = re.sub(r"<th([^>]*)>(?:\s|&nbsp;|\xa0)*</th>", r"<td\1></td>", html)
        frame = '<div class="frame" tabindex="0" role="group" aria-label="Table">'
        output["data"]["text/html"] = f"{frame}{html}</div>"
    return output


def _raw(part: str) -> str:
    return f"```{{raw}} html\n:file: ../_parts/{part}.html\n```"


def _not_run(analysis: Analysis) -> str:
    why = "Not run here: data not at hand."
    return f"# {analysis.title}\n\n{_raw(f'glance-{analysis.id}')}\n\n{why}\n"


def _write_list(study: Study, pages: Path) -> None:
    """The page that lists the analyses."""
    names = "\n".join(analysis.id for analysis in study.analyses)
    text = f"# Analyses\n\n{_raw('analyses')}\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"
    (pages / "index.md").write_text(text, encoding="utf-8")


def _labels(rows: list[dict[str, Any]]) -> list[str]:
    """First words of what rows say of robustness; nothing if no multiverse has been run."""
    return sorted({str(row["robustness"]).split()[0] for row in rows if row.get("robustness")})


def _verdicts(rows: list[dict[str, Any]], analysis: Analysis | None = None) -> dict[str, int]:
    """How many pieces of evidence have each verdict, in the scorecard's order."""
    count = Counter(r["verdict"] for r in rows if analysis is None or r["analysis"] == analysis.id)
    return {verdict: count[verdict] for verdict in scorecard.VERDICTS if verdict in count}


def _by_folder(files: Mapping[str, OpenFile]) -> dict[str, dict[str, OpenFile]]:
    folders: dict[str, dict[str, OpenFile]] = {}
    for name, file in files.items():
        folder, _, short = name.partition("/")
        folders.setdefault(folder, {})[short] = file
    return folders
