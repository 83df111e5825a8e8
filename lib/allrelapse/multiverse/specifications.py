"""From the choices of the study file to specifications: every combination, under a key."""

import hashlib
import inspect
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from allrelapse import paths, receipt
from allrelapse.study import Analysis, Chain, Study

OPEN_DATA = "open_data"


@dataclass(frozen=True)
class Specification:
    """One combination of choices for a chain.

    chain : name of a function of `chains`
    choices : value of each of its declared choices
    usual : whether all are those of the notebook
    key : of what it would be computed from, hexadecimal
    """

    chain: str
    choices: Mapping[str, Any]
    usual: bool
    key: str


def expand(chain: Chain, made_from: Mapping[str, Any]) -> list[Specification]:
    """Every combination of a chain's choices, the usual one first.

    Parameters
    ----------
    made_from : what all results of this run depend on
    """
    names = list(chain.choices)
    usual = tuple(next(iter(options)) for options in chain.choices.values())
    found = []
    for values in itertools.product(*chain.choices.values()):
        choices = dict(zip(names, values, strict=True))
        content = {"chain": chain.chain, "choices": choices, "made_from": made_from}
        text = json.dumps(content, sort_keys=True).encode()
        key = hashlib.sha256(text).hexdigest()[:24]
        found.append(Specification(chain.chain, choices, values == usual, key))
    return found


def made_from(
    study: Study,
    tables: Mapping[str, str],
    analyses: list[Analysis],
    at_hand: Callable[[str], str | None],
) -> dict[str, Any]:
    """All that results depend on but the choices: data, code, environment, by sha256.

    Parameters
    ----------
    tables : sha256 of the tables of the cohort
    at_hand : gives the sha256 of an open data file, None if it is not at hand
    """
    names = [n for a in analyses for n in (*a.open_data.required, *a.open_data.optional)]
    published = sorted((paths.DATA / "published").glob("*.csv"))
    return {
        "lib": receipt.lib_sha256(receipt.LIB),
        "lock": receipt.sha256(receipt.LOCK),
        "published": {path.name: receipt.sha256(path) for path in published},
        OPEN_DATA: {name: at_hand(name) for name in sorted(set(names))},
        "cohort": dict(tables),
    }


def call(given: Any, specification: Specification) -> Any:  # noqa: ANN401
    """What the chain of a specification says under its choices."""
    from allrelapse.multiverse.chains import MODULES

    [chain] = [getattr(m, specification.chain) for m in MODULES if hasattr(m, specification.chain)]
    first = [given] if "given" in inspect.signature(chain).parameters else []
    return chain(*first, **specification.choices)
