"""Whether a multiverse that was run is current, and what it said of each claim."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse import cohorts, receipt
from allrelapse import run as runner
from allrelapse.data import open_data
from allrelapse.multiverse.specifications import OPEN_DATA, made_from
from allrelapse.study import Study

FOLDER = "multiverse"
ROBUSTNESS = "robustness.csv"


def state(folder: Path, study: Study) -> str:
    """`current`, or why the tables in a multiverse's folder are not; empty if there are none."""
    try:
        made = json.loads((folder / receipt.FILE).read_text(encoding="utf-8"))
        registry = open_data.registry()
        then = made["made_from"]
        now = made_from(study, {}, [], runner.at_hand)
        now["cohort"] = cohorts.table_digests(folder.parent / cohorts.FOLDER)
        now[OPEN_DATA] = {n: d and registry[n].sha256 for n, d in then[OPEN_DATA].items()}
        reasons = [f"{name} changed" for name in now if now[name] != then[name]]
        reasons += ["study.yaml changed"] if made["declared"] != declared(study) else []
        reasons += receipt.output_changes(folder, made["outputs"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "its receipt is unreadable"
    return reasons[0] if reasons else runner.CURRENT


def labels(folder: Path) -> dict[tuple[str, str, str], str]:
    """The label of each claim, kind and data in a multiverse's folder, in words."""
    table = pd.read_csv(folder / ROBUSTNESS, keep_default_na=False, dtype=str)
    key = ["claim", "kind", "data"]
    return {tuple(row[name] for name in key): row["words"] for row in table.to_dict("records")}


def declared(study: Study) -> list[Any]:
    """The choices as the study file declares them, without reasons."""
    chains = [chain for analysis in study.analyses for chain in analysis.multiverse]
    return [
        [c.chain, list(c.claims), [[n, list(map(str, v))] for n, v in c.choices.items()]]
        for c in chains
    ]
