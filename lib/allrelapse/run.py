"""Run an analysis so that its results are whole or not there, and say whether they are current."""

import json
import reprlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse import cohorts, places, receipt
from allrelapse import parameters as typed
from allrelapse.errors import DataNotAtHandError, InputError
from allrelapse.study import Analysis, Study

CURRENT = "current"
FAILED = receipt.FAILED
CLAIMS = "claims.json"
AtHand = Callable[[str], str | None]


class RunError(RuntimeError):
    """A run that failed; the message says where and why."""


def at_hand(name: str) -> str | None:
    """Sha256 of an open data file, or None if it is not at hand.

    Raises
    ------
    InputError
        If there is no such name, or the mirror's copy is not the file.
    """
    from allrelapse.data import open_data

    try:
        open_data.fetch(name)
    except DataNotAtHandError:
        return None
    return open_data.registry()[name].sha256


def missing(study: Study, analysis: Analysis, cohort: str, at_hand: AtHand = at_hand) -> list[str]:
    """What an analysis requires and is not at hand: open data files, tables of the cohort."""
    tables = cohorts.table_digests(study.results(cohort) / cohorts.FOLDER)
    lacking = [name for name in analysis.open_data.required if not at_hand(name)]
    return lacking + [
        f"table {n} of the cohort" for n in analysis.cohort.required if n not in tables
    ]


def state(
    study: Study,
    analysis_id: str,
    *,
    cohort: str,
    parameters: Mapping[str, Any] | None = None,
    at_hand: AtHand = at_hand,
) -> str:
    """`current`, or the reason why an analysis must run.

    Raises
    ------
    InputError
        If the analysis, the cohort or a parameter is unknown, or an open data file is corrupt.
    """
    analysis = study.find(analysis_id)
    folder = study.results(cohort) / analysis.id
    if (folder / FAILED).exists():
        return "last run failed"
    if not (folder / receipt.FILE).exists():
        return "no results yet"
    made = receipt.read(folder)
    if made is None:
        return "receipt unreadable"
    _, values = chosen(study, analysis, cohort, parameters)
    now = _ingredients(study, analysis, cohort, values, at_hand)
    reasons = receipt.differences(made, now) + receipt.output_changes(folder, made["outputs"])
    if unlocked := receipt.unlocked(made["versions"]):  # a new run mends it only with others here
        here = receipt.installed()
        reasons += [t for n, t in unlocked.items() if here.get(n) != made["versions"][n]]
    return next(iter(reasons), "") or fault(folder, analysis) or CURRENT


def run(
    study: Study,
    analysis_id: str,
    *,
    cohort: str,
    parameters: Mapping[str, Any] | None = None,
    at_hand: AtHand = at_hand,
    unless_current: bool = False,
    say: Callable[[str], object] = print,
) -> Path:
    """Run an analysis and return the folder of its results.

    The results are put in place at once, after all checks; until then earlier ones stay. Only one
    run of an analysis goes on at a time, the next one waits.

    Parameters
    ----------
    parameters : beside those of the study file, and before them; text is read by declared type
    unless_current : do nothing if the results are, or became while waiting, current
    say : is told when the run starts, and when it has to wait

    Raises
    ------
    InputError
        If the analysis, the cohort or a parameter is unknown, or an open data file is corrupt.
    DataNotAtHandError
        If a required open data file is not at hand; nothing was written.
    RunError
        If the notebook failed, or did not give what the study file says. How far it came is in
        the folder `failed` of its results.
    """
    analysis = study.find(analysis_id)
    place = study.results(cohort) / analysis.id
    changed, values = chosen(study, analysis, cohort, parameters)
    _check_by_cohort(study, analysis, cohort, values)
    if lacking := missing(study, analysis, cohort, at_hand):
        mend = "see `allrelapse data fetch` and `allrelapse data check`"
        raise DataNotAtHandError(f"{analysis.id} needs {', '.join(lacking)}, not at hand; {mend}")
    place.parent.mkdir(parents=True, exist_ok=True)
    with places.alone(place, say):
        places.tidy(place)
        now = partial(state, study, analysis.id, cohort=cohort, at_hand=at_hand)
        if not (unless_current and now(parameters=parameters) == CURRENT):
            made_from = _ingredients(study, analysis, cohort, values, at_hand)
            without = [f", without {name} (not at hand)" for name in made_from["not_at_hand"]]
            say(f"{analysis.id}: started" + "".join(without))
            _run(study, analysis, place, changed, made_from)
    return place


def chosen(
    study: Study, analysis: Analysis, cohort: str, given: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters that someone has set, and all with the values that they get, checked.

    A notebook that declares `cohort` gets the name of the one that it runs on.
    """
    if "cohort" in (given or {}):
        raise InputError("-p cohort=...: name the cohort with --cohort instead")
    allowed = typed.declared(study.root / analysis.notebook)
    changed = typed.check(allowed, {**analysis.parameters, **(given or {})})
    changed |= {"cohort": cohort} if "cohort" in allowed else {}
    return changed, {name: p.default for name, p in allowed.items()} | changed


def _check_by_cohort(
    study: Study, analysis: Analysis, cohort: str, values: Mapping[str, Any]
) -> None:
    """InputError if a parameter names somebody or something that the cohort does not have."""
    for name, parameter in typed.declared(study.root / analysis.notebook).items():
        if parameter.column is None or values[name] == parameter.default:
            continue
        table, column = parameter.column
        file = study.results(cohort) / cohorts.FOLDER / f"{table}.parquet"
        known: set[Any] = set()
        if file.exists():
            known = set(pd.read_parquet(file, columns=[column])[column].dropna())
        if values[name] not in known:
            there = reprlib.repr(sorted(known)) if known else f"no table {table} with any"
            raise InputError(
                f"parameter {name!r}: {values[name]!r} is not in column {column} of {table}; "
                f"cohort {cohort} has {there}"
            )


def _ingredients(
    study: Study, analysis: Analysis, cohort: str, values: Mapping[str, Any], at_hand: AtHand
) -> dict[str, Any]:
    """All that shapes the results, tables of the cohort included."""
    tables = cohorts.table_digests(study.results(cohort) / cohorts.FOLDER)
    return receipt.ingredients(study.root, analysis, values, at_hand, tables)


def _run(
    study: Study,
    analysis: Analysis,
    place: Path,
    changed: Mapping[str, Any],
    made_from: Mapping[str, Any],
) -> None:
    """Run in a staging folder beside `place`, then put it in place, or keep what failed."""
    from allrelapse.execute import execute  # papermill takes seconds to import

    staging = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    staging.mkdir()
    start = time.monotonic()
    try:
        notebook = study.root / analysis.notebook
        with tempfile.TemporaryDirectory(
            prefix=f"allrelapse{staging.suffix}-", ignore_cleanup_errors=True
        ) as scratch:
            story = execute(
                notebook,
                changed,
                root=study.root,
                output=staging,
                cohort=place.with_name(cohorts.FOLDER),
                scratch=Path(scratch),
            )
        if not story and (wrong := fault(staging, analysis)):
            story = f"{wrong}; the notebook and the study file must say the same"
        if story:
            _keep_failure(staging, place, story)
            raise RunError(story)
        receipt.write(staging, analysis.id, made_from, time.monotonic() - start)
        places.put_in_place(staging, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def fault(folder: Path, analysis: Analysis) -> str:
    """What results lack of that which the study file declares, in words; else empty."""
    for name in analysis.outputs:
        if not (folder / name).is_file():
            return f"output {name} missing"
    try:
        text = (folder / CLAIMS).read_text(encoding="utf-8")
        recorded = {str(entry["claim"]) for entry in json.loads(text)}
    except FileNotFoundError:
        recorded = set()
    except (OSError, ValueError, TypeError, KeyError) as error:
        return f"{CLAIMS} unreadable ({error})"
    lacking, surplus = set(analysis.claims) - recorded, recorded - set(analysis.claims)
    words = [f"claim {name} not recorded" for name in sorted(lacking)]
    words += [f"claim {name} recorded but not declared" for name in sorted(surplus)]
    return ", ".join(words)


def _keep_failure(staging: Path, place: Path, story: str) -> None:
    """Keep the half-run notebook and the story beside the earlier results, which stay."""
    evidence = staging / FAILED
    evidence.mkdir()
    for path in staging.glob("notebook.ipynb"):
        path.rename(evidence / path.name)
    (evidence / "error.txt").write_text(story + "\n", encoding="utf-8")
    place.mkdir(exist_ok=True)
    shutil.rmtree(place / FAILED, ignore_errors=True)
    evidence.rename(place / FAILED)
