"""Published claims, the evidence that notebooks record against them, and verdicts.

Three kinds of evidence are never mixed: `recomputed` from published counts, `replicated` on open
real data, `recovered` from a simulated cohort whose truth was planted.
"""

import json
import math
import os
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from allrelapse import paths
from allrelapse.data import published
from allrelapse.errors import InputError

Kind = Literal["recomputed", "replicated", "recovered"]
AGREES, DIFFERS = "agrees", "differs"
NOT_AT_HAND = "data not at hand"
FILE = "claims.json"


@cache
def ledger() -> pd.DataFrame:
    """All published claims, indexed by id (`data/published/claims.csv`)."""
    return published.read("claims").set_index("id")


def value(claim: str) -> float:
    """The published value of a claim, in the claim's unit.

    Raises
    ------
    InputError
        If the claim is unknown or has no number.
    """
    number = published_claim(claim)["value"]
    if pd.isna(number):
        raise InputError(f"claim {claim!r} has no published number")
    return float(number)


def record(
    claim: str,
    kind: Kind,
    value: float,
    interval: tuple[float, float] | None = None,
    n: int | None = None,
    note: str = "",
    *,
    data: str = "published counts",
    truth: float | None = None,
) -> str:
    """Record one piece of evidence for a claim and return its verdict.

    Parameters
    ----------
    claim : id in the ledger
    kind : recomputed, replicated or recovered
    value, interval : in the claim's unit; the interval is a 95 % confidence interval
    n : number of patients or samples behind the value
    note : what was done and, where it differs, the likely reason
    data : the data set; evidence for one claim may come from several
    truth : the planted value, for recovered evidence only

    Raises
    ------
    InputError
        If the claim is unknown, the kind is not one of three, a value is not a number, the
        interval is reversed, or the truth is missing or out of place.
    """
    row = published_claim(claim)
    _check(claim, kind, value, interval, truth)
    ends = None if interval is None else [_json_number(end) for end in interval]
    size = None if n is None else int(n)
    _store(
        claim, kind, data, value=_json_number(value), interval=ends, n=size, note=note, truth=truth
    )
    return verdict(row, kind, value, interval, truth)


def record_not_at_hand(claim: str, kind: Kind, data: str, note: str = "") -> str:
    """Record that evidence for a claim would need data that are not at hand; the note says what."""
    published_claim(claim)
    _store(claim, kind, data, value=None, interval=None, n=None, note=note, truth=None)
    return NOT_AT_HAND


def verdict(
    row: pd.Series,
    kind: Kind,
    value: float,
    interval: tuple[float, float] | None,
    truth: float | None = None,
) -> str:
    """`agrees` or `differs`, by rules that are fixed before the value is known.

    - recovered: the interval covers the planted truth; the paper plays no part.
    - a claim with a direction: the whole interval lies beyond the published bound.
    - recomputed: the value is within the claim's tolerance of the published one.
    - replicated: the interval comes within the tolerance of the published value.
    """
    low, high = interval or (value, value)
    bound, slack = row["value"], 0.0 if pd.isna(row["tolerance"]) else row["tolerance"]
    if kind == "recovered":
        agrees = truth is not None and low <= truth <= high
    elif row["direction"] == "above":
        agrees = low > bound
    elif row["direction"] == "below":
        agrees = high < bound
    elif kind == "recomputed":
        agrees = abs(value - bound) <= slack + 1e-9
    else:
        agrees = low - slack <= bound <= high + slack
    return AGREES if agrees else DIFFERS


def _json_number(x: float) -> float | str:
    """JSON has no infinity; `float` reads it back from text."""
    return float(x) if math.isfinite(x) else str(float(x))


def published_claim(claim: str) -> pd.Series:
    """The ledger's row of a claim; raises InputError if there is none."""
    if claim not in ledger().index:
        known = ", ".join(ledger().index)
        raise InputError(f"no claim {claim!r}; data/published/claims.csv has {known}")
    return ledger().loc[[claim]].iloc[0]


def _check(
    claim: str,
    kind: str,
    value: float,
    interval: tuple[float, float] | None,
    truth: float | None,
) -> None:
    if kind not in get_args(Kind):
        raise InputError(f"{claim}: kind {kind!r} is none of {', '.join(get_args(Kind))}")
    low, high = interval or (value, value)
    if any(math.isnan(v) for v in (value, low, high)) or not low <= value <= high:
        raise InputError(f"{claim}: value {value} with interval {interval} is no estimate")
    if (kind == "recovered") != (truth is not None):
        raise InputError(f"{claim}: give the planted truth with recovered evidence, and only there")
    if kind != "recovered" and pd.isna(published_claim(claim)["value"]):
        raise InputError(f"{claim}: the ledger has no published number to compare with")


def _store(claim: str, kind: str, data: str, **rest: object) -> None:
    """Add to the notebook's claims file; the same claim, kind and data set replace an entry."""
    folder = paths.output()
    folder.mkdir(parents=True, exist_ok=True)
    entries = read(folder / FILE) if (folder / FILE).exists() else []
    key = (claim, kind, data)
    kept = [e for e in entries if (e["claim"], e["kind"], e["data"]) != key]
    kept.append({"claim": claim, "kind": kind, "data": data, **rest})
    partial = folder / f".{FILE}.partial"
    partial.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, folder / FILE)


def read(path: Path) -> list[dict[str, Any]]:
    """The evidence in a claims file: claim, kind, data, value, interval, n, note, truth.

    The value is None where the data were not at hand.

    Raises
    ------
    InputError
        If the file is no list of evidence.
    """
    fields = {"claim", "kind", "data", "value", "interval", "n", "note", "truth"}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        complete = all(set(entry) == fields for entry in entries)
        for entry in entries if complete else []:
            entry["value"] = None if entry["value"] is None else float(entry["value"])
            entry["interval"] = entry["interval"] and tuple(map(float, entry["interval"]))
    except (ValueError, TypeError, OSError) as error:
        raise InputError(f"{path}: unreadable ({error}); run its analysis again") from error
    if not complete:
        raise InputError(f"{path}: an entry lacks one of {sorted(fields)}; run its analysis again")
    return list(entries)
