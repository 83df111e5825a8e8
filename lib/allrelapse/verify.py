"""Whether results are what their receipts say and what the study would give now; runs nothing.

Only contents are compared, by sha256: no dates, and no places of files. So results that were made
elsewhere are judged like one's own.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allrelapse import cohorts, receipt, run
from allrelapse import scorecard as cards
from allrelapse.data import open_data
from allrelapse.errors import InputError
from allrelapse.multiverse import status

if TYPE_CHECKING:
    from allrelapse.study import Analysis, Study

CURRENT, STALE, CHANGED = "current", "stale", "changed by hand"
FAILED, NEVER, NOT_AT_HAND = "failed", "never run", "data not at hand"
UNCHECKED = "cannot check here"
CODES = {CHANGED: 4, FAILED: 1, STALE: 5, NEVER: 5}
"""Exit codes, the first state that occurs first."""
NO_RESULTS = 6
CARD = "scorecard.receipt.json"


@dataclass(frozen=True)
class Finding:
    """What became of one analysis, of the cohort's tables or of the scorecard.

    reasons : why it is not current, in words
    notes : what could not be looked at here, or does no harm
    """

    name: str
    state: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [*self.reasons, *(f"({note})" for note in self.notes)]
        return f"{self.name:<26} {self.state:<17} {'; '.join(words)}".rstrip()


def verify(study: "Study", cohort: str, results: Path | None = None) -> list[Finding]:
    """Every analysis of the study, then the cohort's tables, the multiverse and the scorecard.

    Parameters
    ----------
    results : folder that holds the folder of the cohort's results; default: the study's own

    Raises
    ------
    InputError
        If the folder or the mirror is not there, or the cohort's name is none.
    """
    place = study.results(cohort)
    place = place if results is None else results / place.name
    if not place.parent.is_dir() and results is not None:
        raise InputError(f"{results}: there is no such folder; name the one that holds {cohort}/")
    changes = cohorts.changes(study, place / cohorts.FOLDER)
    tables = cohorts.tables_here(place / cohorts.FOLDER)
    here = cache(_open_file)
    findings = [
        _analysis(study, analysis, cohort, place / analysis.id, here, tables)
        for analysis in study.analyses
    ]
    if all(finding.state in (NEVER, NOT_AT_HAND) for finding in findings):
        return findings
    if study.needs_cohort:
        findings.append(_cohort(changes, tables))
    if (place / status.FOLDER).exists():
        findings.append(_multiverse(study, place / status.FOLDER))
    return [*findings, _scorecard(study, place, cohort == study.cohort)]


def exit_code(findings: Iterable[Finding]) -> int:
    """0 if all are current; else the code of the gravest state, as `CODES` has them."""
    states = {finding.state for finding in findings}
    if states <= {NEVER, NOT_AT_HAND}:
        return NO_RESULTS
    return next((code for state, code in CODES.items() if state in states), 0)


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """Findings for other programs."""
    found = list(findings)
    return {"exit_code": exit_code(found), "findings": [asdict(finding) for finding in found]}


def record_scorecard(folder: Path, files: Iterable[Path], not_at_hand: Iterable[str]) -> None:
    """Write down what the scorecard in a folder was when it was made."""
    content = {
        "files": {path.name: receipt.sha256(path) for path in files},
        "not_at_hand": list(not_at_hand),
    }
    receipt.write_sealed(folder / CARD, content)


def _open_file(name: str) -> str | None:
    path = open_data.local(name)
    return receipt.sha256(path) if path else None


def _analysis(
    study: "Study",
    analysis: "Analysis",
    cohort: str,
    folder: Path,
    here: Callable[[str], str | None],
    tables: Mapping[str, str],
) -> Finding:
    there = receipt.digests(folder)
    failed = (folder / receipt.FAILED).exists()
    if not there and not (folder / receipt.FILE).exists():
        if failed:
            return Finding(analysis.id, FAILED, ("no earlier results",))
        lacking = [name for name in analysis.open_data.required if not here(name)]
        lacking += [f"table {n}" for n in analysis.cohort.required if tables and n not in tables]
        needs = (f"needs {', '.join(lacking)}",) if lacking else ()
        return Finding(analysis.id, NOT_AT_HAND if lacking else NEVER, notes=needs)
    made = receipt.read(folder)
    if made is None:
        gone = "damaged or edited" if (folder / receipt.FILE).exists() else "missing"
        return Finding(analysis.id, CHANGED, (f"{receipt.FILE} is {gone}",))
    by_hand = receipt.output_changes(folder, made["outputs"])
    stale, notes = _stale(study, analysis, cohort, made, here, tables)
    if not by_hand and (fault := run.fault(folder, analysis)):
        stale.append(fault)
    state = CHANGED if by_hand else FAILED if failed else STALE if stale else CURRENT
    latest = ["the latest run failed, these results are earlier"] if failed else []
    return Finding(analysis.id, state, (*by_hand, *latest, *stale), tuple(notes))


def _stale(
    study: "Study",
    analysis: "Analysis",
    cohort: str,
    made: Mapping[str, Any],
    here: Callable[[str], str | None],
    tables: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    """What an analysis was made from and is another now, and what cannot be looked at here."""
    _, values = run.chosen(study, analysis, cohort, None)
    now = receipt.ingredients(study.root, analysis, values, here, tables or made["cohort"])
    stale = ["its receipt is of an earlier form"] if "seal" not in made else []
    stale += receipt.differences(made, now) + list(receipt.unlocked(made["versions"]).values())
    used = [name for name in now["not_at_hand"] if name in made["open_data"]]
    listed = {name: file.sha256 for name, file in open_data.registry().items()}
    stale += [f"open data {n} changed" for n in used if listed.get(n) != made["open_data"][n]]
    notes = [f"{UNCHECKED}: {', '.join(used)} not at hand"] if used else []
    if made["cohort"] and not tables:
        notes.append(f"{UNCHECKED}: the tables of the cohort are not here")
    then = made["versions"].get("python", "")
    if then.split(".")[:2] != platform.python_version().split(".")[:2]:
        notes.append(f"made with Python {then}, here is {platform.python_version()}")
    return stale, notes


def _cohort(changes: cohorts.Changes, tables: Mapping[str, str]) -> Finding:
    sound = CURRENT if tables else UNCHECKED
    state = CHANGED if changes.by_hand else STALE if changes.source else sound
    return Finding("cohort", state, (*changes.by_hand, *changes.source), changes.unchecked)


def _multiverse(study: "Study", folder: Path) -> Finding:
    """The specifications of all claims, against what they came from and what they were."""
    reason = status.state(folder, study)
    if reason == CURRENT:
        return Finding(folder.name, CURRENT)
    by_hand = reason.startswith(("output ", "file "))
    return Finding(folder.name, CHANGED if by_hand else STALE, (reason or "no receipt",))


def _scorecard(study: "Study", place: Path, of_study: bool) -> Finding:
    """The scorecard as it was written, and as it would be made from these results now."""
    folder = place.parent if of_study else place
    if not any(folder.glob("scorecard.*")):
        return Finding("scorecard", NEVER)
    made = receipt.read_sealed(folder / CARD)
    if made is None or "seal" not in made:
        if not (folder / CARD).exists():
            return Finding("scorecard", STALE, (f"there is no {CARD}",))
        return Finding("scorecard", CHANGED, (f"{CARD} is damaged or edited",))
    known = made["files"]
    files = {name: folder / name for name in known if (folder / name).is_file()}
    by_hand = [f"{name} missing" for name in known if name not in files]
    by_hand += [f"{n} changed" for n, path in files.items() if receipt.sha256(path) != known[n]]
    try:
        texts = cards.scorecard(study, place, made["not_at_hand"]).texts()
        stale = [
            "these results give another one now"
            for name, text in texts.items()
            if receipt.sha256_of(text) != known.get(name)
        ][:1]
    except InputError as error:
        stale = [str(error).splitlines()[0]]
    state = CHANGED if by_hand else STALE if stale else CURRENT
    return Finding("scorecard", state, (*by_hand, *stale))
