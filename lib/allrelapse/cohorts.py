"""The cohort of a run: taken in once, checked, and kept as tables beside its results."""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allrelapse import paths, places, receipt
from allrelapse.data import cohort as data
from allrelapse.data import cohort_file, tables
from allrelapse.data.forms import native
from allrelapse.errors import InputError

if TYPE_CHECKING:
    from allrelapse.study import Study

SIMULATED = "simulated"
FOLDER = "cohort"
RECORD = "cohort.json"
RESERVED = (SIMULATED, "cohorts", "by_hand", "site", "classroom")
"""Names of folders of results that are no cohort of a user's."""
LARGE = 1_000_000_000
"""Bytes from which a file is known by size and date; to read it at each run would take seconds."""


@dataclass(frozen=True)
class Prepared:
    """A cohort that has been taken in.

    name : of the cohort and of the folder of its results
    folder : with its tables as Parquet and a record of where they came from
    """

    name: str
    folder: Path


def prepare(study: "Study", cohort: str, say: Callable[[str], object] = print) -> Prepared:
    """Take a cohort in, unless that has been done and nothing has changed since.

    Parameters
    ----------
    cohort : `simulated`, a folder in any form that `allrelapse.data.cohort` reads, or the name of
        a cohort that was taken in before

    Raises
    ------
    InputError
        If there is no such cohort, or it is not sound.
    """
    name, source = _source(study, cohort)
    place = study.results(name) / FOLDER
    if source is None:
        if not _untouched(place):
            raise InputError(
                f"{place}: its tables are not as they were taken in; give the folder from which "
                "they came, and they are taken in again"
            )
        return Prepared(name, place)
    made_from = _made_from(study, source)
    if _current(place, made_from):
        return Prepared(name, place)
    came_from = "" if name == SIMULATED else str(source.resolve())
    _refuse_another(place, came_from)
    # read before anything is written, so that a wrong cohort leaves nothing behind
    cohort_read = _simulated(study.seed) if name == SIMULATED else data.load(source)
    place.parent.mkdir(parents=True, exist_ok=True)
    with places.alone(place, say):
        places.tidy(place)
        if _current(place, made_from):
            return Prepared(name, place)
        say(f"cohort {name}: taken in" + ("" if name == SIMULATED else f" from {source}"))
        staging = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            data.write(cohort_read, staging)
            _record(replace(cohort_read, name=name), staging, made_from, came_from)
            places.put_in_place(staging, place)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Prepared(name, place)


def load(cohort: str) -> data.Cohort:
    """The cohort of the running notebook; by hand the one of that name or folder.

    Raises
    ------
    InputError
        If there is no such cohort, or it is not sound.
    """
    if folder := os.environ.get("ALLRELAPSE_COHORT"):
        return read(Path(folder))
    from allrelapse import study

    return read(prepare(study.load(), cohort).folder)


def read(folder: Path) -> data.Cohort:
    """A cohort that was taken in, from its tables."""
    record = _read_record(folder)
    if record is None:
        raise InputError(f"{folder}: no cohort was taken in here; run `allrelapse reproduce`")
    known = {name: record[name] for name in ("name", "build", "form")}
    return replace(data.load(folder), **known, notes=tuple(record["notes"]))


def unread(folder: Path) -> list[str]:
    """Files in a folder of our tables that are none of them, such as `Samples.csv`."""
    fasta = cohort_file.read(folder).fasta
    known = {f"{name}{ending}" for name in tables.SCHEMAS for ending in native.ENDINGS}
    known |= {cohort_file.FILE, *(f"{fasta}{ending}" for ending in ("", ".fai", ".gzi"))}
    files = (path.name for path in folder.iterdir() if path.is_file())
    return sorted(name for name in files if name not in known and not name.startswith("."))


def table_digests(folder: Path) -> dict[str, str]:
    """Sha256 of every table that was taken in, those of the truth as `truth/...`."""
    record = _read_record(folder)
    return dict(record["tables"]) if record else {}


@dataclass(frozen=True)
class Changes:
    """What is no longer as a cohort was taken in, in words.

    by_hand : tables that are gone, others, or more
    source : what they were made from
    unchecked : what cannot be looked at here
    """

    by_hand: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def changes(study: "Study", folder: Path) -> Changes:
    """What changed since the cohort in `folder` was taken in; nothing is written."""
    record = _read_record(folder)
    if record is None:
        if not folder.is_dir():
            return Changes(unchecked=("the tables of the cohort are not here",))
        return Changes(by_hand=(f"{RECORD} is damaged or gone",))
    there = tables_here(folder)
    known = record["tables"]
    by_hand = [f"table {name} missing" for name in known if name not in there]
    by_hand += [f"table {n} changed" for n in known if n in there and there[n] != known[n]]
    by_hand += [f"table {name} added" for name in there if name not in known]
    source, unchecked = _source_changes(study, record)
    return Changes(tuple(by_hand), tuple(source), tuple(unchecked))


def tables_here(folder: Path) -> dict[str, str]:
    """Sha256 of every table in the folder of a cohort, whatever its record says."""
    files = sorted(folder.rglob("*.parquet"))
    named = {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
    return {name: receipt.sha256(path) for name, path in named.items()}


def _source_changes(study: "Study", record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What a cohort was made from and is another now, and what cannot be looked at here."""
    given = Path(record.get("from") or study.root)
    if not given.is_dir():
        return [], ["the folder from which the cohort was taken in is not here"]
    try:
        then, now = record["made_from"], _made_from(study, given)
    except InputError as error:
        return [str(error).splitlines()[0]], []
    then, now = _listed(then), _listed(now)
    differ = [n for n in {**then, **now} if _undated(then.get(n)) != _undated(now.get(n))]
    return [f"{name} changed" for name in differ], []


def _listed(made_from: Mapping[str, Any]) -> dict[str, Any]:
    """What shapes the tables, each under a name for people."""
    code = made_from["code"]
    code = code if isinstance(code, dict) else {"data": code}
    words = {"data": "lib code that reads tables", "simulate": "lib code that simulates"}
    named = {words[name]: digest for name, digest in code.items()}
    words = {"lock": "requirements.lock", "facts": "data/published/resistance_sites.csv"}
    rest = {words.get(n, n): v for n, v in made_from.items() if n not in ("code", "files")}
    return {**named, **rest, **made_from.get("files", {})}


def _undated(known: object) -> object:
    """What is known of a file, without the date of a large one: a copy has another."""
    return re.sub(r"(\d+ bytes), \d+ ns$", r"\1", known) if isinstance(known, str) else known


def _source(study: "Study", cohort: str) -> tuple[str, Path | None]:
    """Name of a cohort, and the folder that it is to be taken in from (None if it has been)."""
    if cohort == SIMULATED:
        return SIMULATED, study.root
    folder = Path(cohort)
    if folder.is_dir():
        name = data.name(folder, cohort_file.read(folder))
        refuse_reserved(name, folder)
        if study.results(name) == folder.resolve().parent:  # results/<name>/cohort itself
            return name, None
        return name, folder
    if "/" not in cohort and _read_record(study.results(cohort) / FOLDER):
        return cohort, None
    mend = f"give a folder with its tables, or {SIMULATED!r}"
    raise InputError(
        f"no cohort {cohort!r}: there is no such folder, and none was taken in; {mend}"
    )


def refuse_reserved(name: str, folder: Path) -> None:
    """InputError if a cohort is named like one of the study's own folders of results."""
    if name in RESERVED:
        raise InputError(f"{folder}: the name {name!r} is the study's own; rename the folder")


def _simulated(seed: int) -> data.Cohort:
    from allrelapse import simulate  # only this cohort needs it

    return simulate.cohort(seed)


def _made_from(study: "Study", source: Path) -> dict[str, Any]:
    """What shapes the tables: their source, and the code that reads or makes them."""
    lib = Path(__file__).parent
    code = {name: receipt.lib_sha256(lib / name) for name in ("data", "simulate")}
    if source == study.root:
        facts = receipt.sha256(paths.DATA / "published" / "resistance_sites.csv")
        return {
            "seed": study.seed,
            "code": code,
            "facts": facts,
            "lock": receipt.sha256(receipt.LOCK),
        }
    return {"code": code["data"], "files": _files(source)}


def _files(folder: Path) -> dict[str, str]:
    """Sha256 of the files of a folder; of large ones and a reference genome, size and date."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {
        path.relative_to(folder).as_posix(): _fingerprint(path)
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    fasta = cohort_file.read(folder).fasta
    if fasta is not None and (folder / fasta).exists():
        digests["fasta"] = f"{fasta} {_size_and_date(folder / fasta)}"
    return digests


def _fingerprint(path: Path) -> str:
    large = path.stat().st_size > LARGE
    return _size_and_date(path) if large else receipt.sha256(path)


def _size_and_date(path: Path) -> str:
    known = path.stat()
    return f"{known.st_size} bytes, {known.st_mtime_ns} ns"


def _refuse_another(place: Path, came_from: str) -> None:
    """InputError if the results of that name are of another folder that is still there."""
    record = _read_record(place)
    before = record.get("from", "") if record else ""
    if before != came_from and Path(before).is_dir() and before:
        raise InputError(
            f"{came_from}: the results in {place.parent} are of {before}; give one of the two a "
            f"name of its own in its {cohort_file.FILE}, or remove the results"
        )


def _record(
    cohort: data.Cohort, folder: Path, made_from: Mapping[str, Any], came_from: str
) -> None:
    """Write down where the tables came from and what they are."""
    record = {
        "name": cohort.name,
        "from": came_from,
        "form": cohort.form,
        "build": cohort.build,
        "notes": list(cohort.notes),
        "rows": {name: len(table) for name, table in cohort.tables.items()},
        "tables": tables_here(folder),
        "made_from": made_from,
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        sound = {"name", "form", "build", "notes", "tables", "made_from"} <= set(record)
        return dict(record) if sound and isinstance(record["tables"], dict) else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _current(folder: Path, made_from: Mapping[str, Any]) -> bool:
    """Whether the tables are there, untouched, and made from the same."""
    record = _read_record(folder)
    same = record is not None and record["made_from"] == json.loads(json.dumps(made_from))
    return same and _untouched(folder)


def _untouched(folder: Path) -> bool:
    """Whether the tables that were taken in are there as they were."""
    known, there = table_digests(folder), tables_here(folder)
    return bool(known) and known == {name: there.get(name) for name in known}
