"""What went into a result and what came out, by sha256, so that anyone can tell what is current."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from allrelapse import paths
from allrelapse.study import Analysis

FILE = "receipt.json"
LIB = paths.REPOSITORY / "lib"
LOCK = paths.REPOSITORY / "requirements.lock"
INGREDIENTS = (
    "notebook",
    "parameters",
    "inputs",
    "open_data",
    "cohort",
    "not_at_hand",
    "lib",
    "lock",
)


def sha256(path: Path) -> str:
    """Sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lib_sha256(folder: Path) -> str:
    """Sha256 over the names and contents of all Python files under a folder."""
    files = sorted((p.relative_to(folder).as_posix(), p) for p in folder.rglob("*.py"))
    return _digest([[name, sha256(path)] for name, path in files])


def ingredients(
    root: Path,
    analysis: Analysis,
    parameters: Mapping[str, Any],
    at_hand: Callable[[str], str | None],
    tables: Mapping[str, str],
) -> dict[str, Any]:
    """All that shapes the results of an analysis, as it is now.

    Parameters
    ----------
    parameters : every parameter of the notebook with the value that it has
    at_hand : gives the sha256 of an open data file, None if it is not at hand
    tables : sha256 of the tables of the cohort, by name; what is planted in it is `truth/...`
    """
    names = (*analysis.open_data.required, *analysis.open_data.optional)
    data = {name: at_hand(name) for name in names}
    of_cohort = (*analysis.cohort.required, *analysis.cohort.optional)
    used = {n: d for n, d in tables.items() if n in of_cohort or (of_cohort and "/" in n)}
    values = json.loads(json.dumps(parameters, default=repr))
    return {
        "notebook": sha256(root / analysis.notebook),
        "parameters": {"sha256": _digest(values), "values": values},
        "inputs": {name: sha256(root / name) for name in analysis.inputs},
        "open_data": {name: digest for name, digest in data.items() if digest},
        "cohort": used,
        "not_at_hand": sorted(name for name, digest in data.items() if not digest),
        "lib": lib_sha256(LIB),
        "lock": sha256(LOCK),
    }


def write(folder: Path, analysis: str, made_from: Mapping[str, Any], seconds: float) -> None:
    """Write the receipt of the results in `folder`."""
    from allrelapse import session

    values = made_from["parameters"]["values"]
    receipt = {
        **made_from,
        "analysis": analysis,
        "fingerprint": _digest(made_from),
        "outputs": {
            path.relative_to(folder).as_posix(): sha256(path)
            for path in folder.rglob("*")
            if path.is_file() and path != folder / FILE
        },
        "seconds": round(seconds, 1),
        "seeds": {name: value for name, value in values.items() if name.startswith("seed")},
        "versions": session.versions().set_index("package")["version"].to_dict(),
    }
    text = json.dumps(receipt, indent=1, sort_keys=True)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any] | None:
    """The receipt of the results in `folder`; None if it cannot be relied on."""
    try:
        receipt = json.loads((folder / FILE).read_text(encoding="utf-8"))
        sound = receipt["fingerprint"] == _digest({key: receipt[key] for key in INGREDIENTS})
        return dict(receipt) if sound and isinstance(receipt["outputs"], dict) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first ingredient that is no longer what it was, in words; empty if there is none.

    An open data file that was at hand then and is not now makes no difference.
    """
    kept = {name: then["open_data"].get(name) for name in now["not_at_hand"]}
    reasons = [
        *(f"{name} changed" for name in ("notebook", "lib") if then[name] != now[name]),
        *(["requirements.lock changed"] if then["lock"] != now["lock"] else []),
        *_changed("parameter", then["parameters"]["values"], now["parameters"]["values"]),
        *_changed("input", then["inputs"], now["inputs"]),
        *_changed("table", then["cohort"], now["cohort"]),
        *(f"{name} is now at hand" for name in now["open_data"] if name not in then["open_data"]),
        *_changed("open data", then["open_data"], kept | now["open_data"]),
    ]
    return reasons[0] if reasons else ""


def outputs_changed(folder: Path, receipt: Mapping[str, Any]) -> str:
    """The first output that is gone or another than it was made, in words; else empty."""
    for name, digest in receipt["outputs"].items():
        if not (folder / name).is_file():
            return f"output {name} missing"
        if sha256(folder / name) != digest:
            return f"output {name} changed"
    return ""


def _changed(kind: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [*now, *(name for name in then if name not in now)]
    return [f"{kind} {name} changed" for name in names if then.get(name) != now.get(name)]


def _digest(content: object) -> str:
    """Sha256 of anything that JSON can hold."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
