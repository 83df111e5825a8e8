"""The scorecard: every published claim, the evidence that meets it, a verdict."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from allrelapse import claims, parameters, paths, receipt, run

if TYPE_CHECKING:
    from allrelapse.study import Analysis, Study

NOT_PUBLIC = "not public"
NOT_ANALYSED = "not yet analysed"
NO_RESULT = "no result: run it"

COLUMNS = ["claim", "statement", "published", "kind", "data", "found", "verdict", "note", "source"]
ROBUSTNESS = "robustness"
STALE = "not known: run `make multiverse` again"
VERDICTS = {
    claims.AGREES: "the rule fixed beforehand is met",
    claims.DIFFERS: "it is not; the note says why, as far as we know",
    claims.NOT_AT_HAND: "what it takes is not here: an open file, a table or a group of the cohort",
    NOT_PUBLIC: "what it would take is controlled access; nothing here can check it",
    NOT_ANALYSED: "a later notebook will take it up",
    NO_RESULT: "its notebook has not been run, or failed",
}


@dataclass(frozen=True)
class Scorecard:
    """Verdicts in the ledger's order.

    table : the columns `COLUMNS`, one row per evidence; if a multiverse was run also
        `robustness`, which says whether the verdict holds under other choices
    cautions : why results are not what the study file would give, by analysis
    pages : by claim, where the page of its notebook is, as seen from the scorecard
    """

    title: str
    table: pd.DataFrame
    cautions: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Compact table for a terminal, a line of counts, and what was run otherwise."""
        evidence = (self.table["kind"] + ", " + self.table["data"]).str.strip(", ")
        short = self.table.assign(evidence=evidence)
        marked = self.table["note"].str.startswith(tuple(self.cautions.values()) or ("\0",))
        short["verdict"] += marked.map({True: " *", False: ""})
        columns = ["claim", "published", "found", "verdict", ROBUSTNESS, "evidence"]
        short = short[[name for name in columns if name in short]]
        counts = self.table["verdict"].value_counts()
        tally = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts)
        told = "".join(f"\n* {name}: {words.strip()}" for name, words in self.cautions.items())
        return f"{short.to_markdown(index=False, tablefmt='simple')}\n\n{tally}{told}"

    def write(self, folder: Path) -> list[Path]:
        """Write scorecard.md, .html and .json, each whole or not at all; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, text in self.texts().items():
            path = folder / name
            partial = folder / f".{path.name}.partial"
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, path)
            written.append(path)
        return written

    def texts(self) -> dict[str, str]:
        """What is written, by name of the file."""
        texts = {"md": self._markdown(), "html": self._html(), "json": self._json()}
        return {f"scorecard.{ending}": text for ending, text in texts.items()}

    def _markdown(self) -> str:
        table = self.table.drop(columns="claim").map(lambda text: str(text).replace("|", "\\|"))
        lines = [f"# Scorecard: {self.title}", "", table.to_markdown(index=False), ""]
        lines += [f"- **{verdict}**: {meaning}" for verdict, meaning in VERDICTS.items()]
        return "\n".join(lines) + "\n"

    def _html(self) -> str:
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("allrelapse", "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        rows = self.table.to_dict("records")
        template = environment.get_template("scorecard.html")
        known = ROBUSTNESS in self.table
        about = {"verdicts": VERDICTS, "pages": self.pages, "robustness": known}
        return template.render(title=self.title, rows=rows, **about)

    def _json(self) -> str:
        return json.dumps(self.table.to_dict("records"), indent=1, ensure_ascii=False) + "\n"


def scorecard(study: "Study", folder: Path, not_at_hand: Iterable[str] = ()) -> Scorecard:
    """Gather the evidence under `folder` (results of one cohort) into a scorecard.

    Parameters
    ----------
    not_at_hand : analyses that lack a data set that they require

    Raises
    ------
    InputError
        If a claims file is unreadable or names an unknown claim.
    """
    ledger = claims.ledger()
    evidence: dict[str, list[dict[str, Any]]] = {}
    cautions: dict[str, str] = {}
    for analysis in study.analyses:
        file = folder / analysis.id / claims.FILE
        if caution := _caution(study, analysis, folder / analysis.id):
            cautions[analysis.id] = caution
        for entry in claims.read(file) if file.exists() else []:
            claims.published_claim(entry["claim"])
            entry["note"] = caution + entry["note"]
            evidence.setdefault(entry["claim"], []).append(entry)
    in_study = {analysis.id for analysis in study.analyses}
    missing = set(not_at_hand)
    rows = []
    for claim, row in ledger.iterrows():
        common = {
            "claim": claim,
            "statement": row["statement"],
            "published": _published(row),
            "source": row["source"],
        }
        for entry in evidence.get(str(claim), []):
            rows.append({**common, **_found(row, entry)})
        if claim not in evidence:
            verdict = _without_evidence(row["analysis"], in_study, missing)
            rows.append(
                {**common, "kind": "", "data": "", "found": "", "note": "", "verdict": verdict}
            )
    title = f"{study.title} (cohort: {folder.name})"
    table = _with_robustness(study, folder, pd.DataFrame(rows)[COLUMNS])
    return Scorecard(title, table, cautions, _pages(study, folder))


def _pages(study: "Study", folder: Path) -> dict[str, str]:
    """By claim, the page of its notebook; the study's own cohort has its card above `folder`."""
    above = f"{folder.name}/" if folder.name == study.cohort else ""
    names = claims.ledger()["analysis"].dropna()
    there = {name for name in names if (folder / name / "notebook.html").is_file()}
    return {str(c): f"{above}{n}/notebook.html" for c, n in names.items() if n in there}


def _with_robustness(study: "Study", folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with what a multiverse says of each verdict, if one was run."""
    from allrelapse.multiverse import status

    reason = status.state(folder / status.FOLDER, study)
    if not reason:
        return table
    known = status.labels(folder / status.FOLDER) if reason == run.CURRENT else {}
    keys = zip(table["claim"], table["kind"], table["data"], strict=True)
    words = pd.Series([known.get(key, "") if known else STALE for key in keys], table.index)
    judged = (table["data"] != "") & (table["verdict"] != claims.NOT_AT_HAND)
    words = words.where(judged, "")  # elsewhere there is no verdict that could hold
    table.insert(list(table).index("verdict") + 1, ROBUSTNESS, words)
    return table


def _caution(study: "Study", analysis: "Analysis", folder: Path) -> str:
    """Why results are not what the study file would give, in words; else empty."""
    words = []
    if (folder / "failed").exists():
        words.append("[the latest run failed; this is an earlier result] ")
    if made := receipt.read(folder):
        allowed = parameters.declared(study.root / analysis.notebook)
        usual = {name: p.default for name, p in allowed.items()} | analysis.parameters
        values = made["parameters"]["values"].items()
        values = [(name, value) for name, value in values if name != "cohort"]
        changed = [f"{name} = {value!r}" for name, value in values if usual.get(name) != value]
        words += [f"[run with {', '.join(changed)}] "] if changed else []
    return "".join(words)


def beside_the_paper(analysis: str) -> pd.DataFrame:
    """What the running notebook has recorded so far, beside the published values.

    Parameters
    ----------
    analysis : id of the notebook; evidence for the claims of others is left out
    """
    ledger = claims.ledger()
    entries = claims.read(paths.output() / claims.FILE)
    rows = [
        {
            "claim": entry["claim"],
            "published": _published(ledger.loc[entry["claim"]]),
            **_found(ledger.loc[entry["claim"]], entry),
        }
        for entry in entries
        if ledger.loc[entry["claim"], "analysis"] == analysis
    ]
    columns = ["claim", "published", "kind", "data", "found", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("claim")


def _without_evidence(analysis: object, in_study: set[str], missing: set[str]) -> str:
    if not isinstance(analysis, str):
        return NOT_PUBLIC
    if analysis not in in_study:
        return NOT_ANALYSED
    return claims.NOT_AT_HAND if analysis in missing else NO_RESULT


def _found(row: pd.Series, entry: dict[str, Any]) -> dict[str, str]:
    """What one piece of evidence says, in words, and its verdict."""
    shared = {"kind": entry["kind"], "data": entry["data"], "note": entry["note"]}
    if entry["value"] is None:
        return {**shared, "found": "", "verdict": claims.NOT_AT_HAND}
    interval = entry["interval"]
    text = _with_unit(entry["value"], row["unit"])
    if interval:
        text += f" [{_number(interval[0])}, {_number(interval[1])}]"
    if entry["n"] is not None:
        text += f", n = {entry['n']}"
    if entry["truth"] is not None:
        text += f"; planted {_number(entry['truth'])}"
    verdict = claims.verdict(row, entry["kind"], entry["value"], interval, entry["truth"])
    return {**shared, "found": text, "verdict": verdict}


def _published(row: pd.Series) -> str:
    if pd.isna(row["value"]):
        return ""
    bound = {"above": "> ", "below": "< "}.get(row["direction"], "")
    return f"{bound}{_number(row['value'])} {row['unit']}"


def _with_unit(x: float, unit: object) -> str:
    """A number with its unit; of what a percentage is, the published value says."""
    if not isinstance(unit, str):
        return _number(x)
    if unit == "odds ratio":
        return f"{unit} {_number(x)}"
    return f"{_number(x)} {unit[0] if unit.startswith('%') else unit}"


def _number(x: float) -> str:
    """Three significant digits, without exponents where a reader would not expect them."""
    if math.isinf(x):
        return "∞"
    return f"{float(f'{x:.3g}'):,.0f}" if abs(x) >= 1000 else f"{x:.3g}"
