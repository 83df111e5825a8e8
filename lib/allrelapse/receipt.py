"""What went into a result and what came out, by sha256, so that anyone can tell what is current."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from allrelapse import paths
from allrelapse.study import Analysis

FILE = "receipt.json"
FAILED = "failed"
NO_RESULTS = (FILE, FAILED)
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


def sha256_of(text: str) -> str:
    """Sha256 of a text as it would be on disk, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


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
    values = made_from["parameters"]["values"]
    receipt = {
        **made_from,
        "analysis": analysis,
        "fingerprint": _digest(made_from),
        "outputs": digests(folder),
        "seconds": round(seconds, 1),
        "seeds": {name: value for name, value in values.items() if name.startswith("seed")},
        "versions": installed(),
    }
    write_sealed(folder / FILE, receipt)


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with a `seal`, the digest of all else in it, by which an edit is noticed."""
    sealed = {**content, "seal": _digest(content)}
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(sealed, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What `write_sealed` wrote, None if it is not that; without a seal if it never had one."""
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    rest = {key: value for key, value in content.items() if key != "seal"}
    return content if content.get("seal", _digest(rest)) == _digest(rest) else None


def read(folder: Path) -> dict[str, Any] | None:
    """The receipt of the results in `folder`; None if it cannot be relied on."""
    receipt = read_sealed(folder / FILE)
    try:
        sound = receipt and receipt["fingerprint"] == _digest({k: receipt[k] for k in INGREDIENTS})
        tables = receipt and (receipt["outputs"], receipt["versions"])
    except KeyError:
        return None
    return receipt if sound and tables and all(isinstance(t, dict) for t in tables) else None


def installed() -> dict[str, str]:
    """Versions of Python and of the packages that shape results, as they are here."""
    from allrelapse import session

    return dict(session.versions().set_index("package")["version"])


def unlocked(versions: Mapping[str, str]) -> dict[str, str]:
    """Packages of other versions than the lock has (it may have several, by Python), in words."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    locked = {name: [v for n, v in pins if n == name] for name in versions}
    return {
        name: f"made with {name} {version}, requirements.lock has {' or '.join(locked[name])}"
        for name, version in versions.items()
        if locked[name] and version not in locked[name]
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Every ingredient that is no longer what it was, in words.

    An open data file that was at hand then and is not now makes no difference.
    """
    kept = {name: then["open_data"].get(name) for name in now["not_at_hand"]}
    data = {n: d for n, d in (kept | now["open_data"]).items() if n in then["open_data"]}
    return [
        *(f"{name} changed" for name in ("notebook", "lib") if then[name] != now[name]),
        *(["requirements.lock changed"] if then["lock"] != now["lock"] else []),
        *_changed("parameter", then["parameters"]["values"], now["parameters"]["values"]),
        *_changed("input", then["inputs"], now["inputs"]),
        *_changed("table", then["cohort"], now["cohort"]),
        *(f"{name} is now at hand" for name in now["open_data"] if name not in then["open_data"]),
        *_changed("open data", then["open_data"], data),
    ]


def output_changes(folder: Path, outputs: Mapping[str, str]) -> list[str]:
    """Outputs that are gone or others than they were made, and files that came since, in words."""
    found = digests(folder)
    changes = [f"output {name} missing" for name in outputs if name not in found]
    changes += [f"output {n} changed" for n in outputs if n in found and found[n] != outputs[n]]
    return changes + [f"file {name} added" for name in found if name not in outputs]


def digests(folder: Path) -> dict[str, str]:
    """Sha256 of every result in a folder; hidden files and the traces of a failed run are none."""
    files = ((p.relative_to(folder), p) for p in sorted(folder.rglob("*")) if p.is_file())
    return {
        name.as_posix(): sha256(path)
        for name, path in files
        if name.parts[0] not in NO_RESULTS and not any(p.startswith(".") for p in name.parts)
    }


def _changed(kind: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [*now, *(name for name in then if name not in now)]
    changed = [name for name in names if then.get(name) != now.get(name)]
    if kind != "parameter":
        return [f"{kind} {name} changed" for name in changed]
    said = {name: [str(v.get(name, "absent")) for v in (then, now)] for name in changed}
    return [f"{kind} {name} changed ({was} then, {is_} now)" for name, (was, is_) in said.items()]


def _digest(content: object) -> str:
    """Sha256 of anything that JSON can hold."""
    return sha256_of(json.dumps(content, sort_keys=True, separators=(",", ":")))
