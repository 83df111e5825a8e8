"""Run every specification in parallel, keep each as soon as it is done, and put all together."""

import json
import multiprocessing
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse import claims, cohorts, figures, places, receipt
from allrelapse import run as runner
from allrelapse.errors import InputError
from allrelapse.multiverse import rule, status
from allrelapse.multiverse.given import Given
from allrelapse.multiverse.specifications import Specification, call, expand, made_from
from allrelapse.multiverse.status import ROBUSTNESS
from allrelapse.study import Chain, Study

KEPT = ".multiverse"
SPECIFICATIONS = "specifications.csv"
EVIDENCE = ["claim", "kind", "value", "interval", "n", "data", "truth", "told"]
WAIT = 0.5  # seconds between looks at how far it is


@dataclass(frozen=True)
class Summary:
    """What a run did.

    folder : with the tables and figures
    computed, kept : specifications that were computed now, and that were there before
    without : why chains could not be computed, by name
    robustness : one row per claim, kind and data
    """

    folder: Path
    computed: int
    kept: int
    without: Mapping[str, str]
    robustness: pd.DataFrame


@dataclass(frozen=True)
class Plan:
    """What is to be run: the specifications of each chain, and what all depend on."""

    chains: list[tuple[Chain, list[Specification]]]
    made_from: Mapping[str, Any]
    kept: Path


def plan(study: Study, cohort: str, at_hand: runner.AtHand = runner.at_hand) -> Plan:
    """Every specification of the study, the chains that take longest first."""
    analyses = [a for a in study.analyses if a.multiverse]
    tables = cohorts.table_digests(study.results(cohort) / cohorts.FOLDER)
    known = made_from(study, tables, analyses, at_hand)
    longest = sorted(analyses, key=lambda analysis: -analysis.minutes)
    chains = [(chain, expand(chain, known)) for a in longest for chain in a.multiverse]
    return Plan(chains, known, study.results(cohort) / KEPT)


def run(
    study: Study,
    cohort: str,
    *,
    cores: int = 1,
    claim: str | None = None,
    say: Callable[[str], object] = print,
    progress: Callable[[int, int], object] = lambda done, of: None,
    at_hand: runner.AtHand = runner.at_hand,
) -> Summary:
    """Compute what has not been computed before, then write the tables and the figures.

    Each specification is kept when it is done, so that an interrupted run goes on where it was.

    Parameters
    ----------
    cohort : name of a cohort that was taken in
    cores : processes
    claim : compute for this claim only; tables and figures are of all that is complete
    progress : is told how many of how many specifications there are

    Raises
    ------
    InputError
        If no chain is about the claim, or no specification at all could be computed.
    """
    wanted = plan(study, cohort, at_hand)
    chosen = [(c, specs) for c, specs in wanted.chains if claim is None or claim in c.claims]
    if not chosen:
        about = ", ".join(sorted({name for c, _ in wanted.chains for name in c.claims}))
        raise InputError(f"no choices are declared for claim {claim!r}; there are some for {about}")
    place = study.results(cohort) / status.FOLDER
    place.parent.mkdir(parents=True, exist_ok=True)
    with places.alone(place, say):
        places.tidy(place)
        wanted.kept.mkdir(exist_ok=True)
        todo = [s for _, specs in chosen for s in specs if _read(wanted.kept, s) is None]
        people = study.results(cohort) / cohorts.FOLDER
        without = _compute(people, wanted.kept, todo, cores, progress) if todo else {}
        new = sum(_read(wanted.kept, specification) is not None for specification in todo)
        if new or status.state(place, study) != runner.CURRENT:
            _write(study, wanted, place)
        robustness = pd.read_csv(place / ROBUSTNESS, keep_default_na=False)
        if claim is None:
            _forget(wanted)
    here = sum(len(specs) for _, specs in chosen)
    return Summary(place, new, here - len(todo), without, robustness)


# --- computing ------------------------------------------------------------------------------------


def _compute(
    people: Path,
    kept: Path,
    todo: Sequence[Specification],
    cores: int,
    progress: Callable[[int, int], object],
) -> dict[str, str]:
    """Compute specifications, in processes if there are cores; why chains could not be, by name."""
    batches = [list(part) for _, part in groupby(todo, key=_batch)]
    if cores == 1 or len(batches) == 1:
        given, faults, done = Given(cohorts.read(people)), [], 0
        for batch in batches:
            faults += _work(kept, batch, given)
            done += len(batch)
            progress(done, len(todo))
        return dict(faults)
    context = multiprocessing.get_context("spawn")  # a fork would copy threads that are running
    with (
        _one_thread_each(),
        ProcessPoolExecutor(
            min(cores, len(batches)), context, initializer=_start, initargs=(people,)
        ) as pool,
    ):
        try:
            futures = [pool.submit(_work, kept, batch) for batch in batches]
            _watch(futures, kept, todo, progress)
        except BaseException:
            _stop(pool)
            raise
        return dict(pair for future in futures for pair in future.result())


def _batch(specification: Specification) -> tuple[str, str]:
    """What shares most of its steps: a chain's specifications with the same first choice."""
    first = next(iter(specification.choices.values()))
    return specification.chain, repr(first)


def _watch(
    futures: list[Future[Any]],
    kept: Path,
    todo: Sequence[Specification],
    progress: Callable[[int, int], object],
) -> None:
    """Tell how far it is until all is done; a failure is raised at once."""
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=WAIT)
        for future in done:
            future.result()
        there = {path.stem for path in kept.glob("*.json")}
        progress(sum(s.key in there for s in todo), len(todo))


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers; what they have finished is kept, what they were at is not begun to write."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Linear algebra on one thread in each process, as the processes share the cores."""
    before = dict(os.environ)
    os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


_GIVEN: Given | None = (
    None  # of this worker: the cohort, with what its specifications have in common
)


def _start(people: Path) -> None:
    """Make a worker ready: the cohort is read once, and it ends with the process that began it."""
    global _GIVEN
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    parent = multiprocessing.parent_process()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _GIVEN = Given(cohorts.read(people))


def _end_with(parent: Any) -> None:  # noqa: ANN401
    """Wait for the parent to end, however it does, and end too."""
    parent.join()
    os._exit(1)


def _work(
    kept: Path, batch: list[Specification], given: Given | None = None
) -> list[tuple[str, str]]:
    """Compute and keep specifications; a chain whose data are not at hand is named and left out."""
    for specification in batch:
        try:
            found = call(given or _GIVEN, specification)
        except InputError as error:
            return [(specification.chain, str(error).splitlines()[0])]
        rows = [dict(zip(evidence._fields, evidence, strict=True)) for evidence in found]
        text = json.dumps({"chain": specification.chain, "evidence": rows}, default=float)
        partial = kept / f".{specification.key}.{os.getpid()}.partial"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, kept / f"{specification.key}.json")
    return []


# --- what was kept --------------------------------------------------------------------------------


def _read(kept: Path, specification: Specification) -> list[dict[str, Any]] | None:
    """The evidence of a specification; None if it was not computed, or cannot be read."""
    try:
        text = (kept / f"{specification.key}.json").read_text(encoding="utf-8")
        content = json.loads(text)
        rows = [{name: row[name] for name in EVIDENCE} for row in content["evidence"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if content["chain"] == specification.chain else None


def _forget(wanted: Plan) -> None:
    """Remove what no specification of today would use."""
    keys = {s.key for _, specs in wanted.chains for s in specs}
    for path in wanted.kept.iterdir():
        if path.stem not in keys or path.suffix != ".json":
            path.unlink()


def table(wanted: Plan) -> pd.DataFrame:
    """All specifications of the chains that are complete, one row per evidence.

    Returns
    -------
    `claim`, `kind`, `data`, `chain`, `usual`, one column per choice (empty where a chain has no
    such choice), `value`, `lower`, `upper`, `n`, `truth`, `verdict`.
    """
    rows = []
    for chain, specs in wanted.chains:
        found = [_read(wanted.kept, specification) for specification in specs]
        if any(evidence is None for evidence in found):
            continue
        for specification, evidence in zip(specs, found, strict=True):
            rows += [
                _row(specification, one) for one in evidence or [] if one["claim"] in chain.claims
            ]
    names = dict.fromkeys(name for chain, _ in wanted.chains for name in chain.choices)
    columns = ["claim", "kind", "data", "chain", "usual", *names]
    columns += ["value", "lower", "upper", "n", "truth", "verdict"]
    every = pd.DataFrame(rows, columns=columns)
    place = {claim: number for number, claim in enumerate(claims.ledger().index)}
    order = every.assign(place=every["claim"].map(place))
    order = order.sort_values(["place", "kind", "data"], kind="stable")
    return order.drop(columns="place").reset_index(drop=True)


def _row(specification: Specification, one: dict[str, Any]) -> dict[str, Any]:
    row = claims.published_claim(one["claim"])
    interval = one["interval"] and (float(one["interval"][0]), float(one["interval"][1]))
    verdict = claims.NOT_AT_HAND
    if one["told"]:
        verdict = claims.verdict(row, one["kind"], one["value"], interval, one["truth"])
    ends = interval or (None, None)
    told = {"value": one["value"], "lower": ends[0], "upper": ends[1], "verdict": verdict}
    about = {name: one[name] for name in ("claim", "kind", "data", "n", "truth")}
    choices = {name: str(value) for name, value in specification.choices.items()}
    usual = {"chain": specification.chain, "usual": specification.usual}
    return {**about, **usual, **choices, **told}


def judged(every: pd.DataFrame, wanted: Plan) -> pd.DataFrame:
    """The label of each claim by kind and data.

    Returns
    -------
    `claim`, `kind`, `data`, `verdict` of the usual specification, `label`, `to`, `kept`,
    `specifications`, `explained`, and all that in `words`.
    """
    choices = {chain.chain: list(chain.choices) for chain, _ in wanted.chains}
    rows = []
    for key, part in every.groupby(["claim", "kind", "data"], sort=False):
        usual = part.loc[part["usual"], "verdict"]
        if usual.empty:  # its usual specification says nothing of it
            continue
        names = choices[str(part["chain"].iloc[0])]
        found = rule.robustness(part["verdict"] == usual.iloc[0], part[names])
        rows.append((*key, usual.iloc[0], found.label, " and ".join(found.to), found.kept,
                     found.specifications, found.explained, str(found)))  # fmt: skip
    columns = ["claim", "kind", "data", "verdict", "label", "to", "kept", "specifications"]
    return pd.DataFrame(rows, columns=[*columns, "explained", "words"])


def _write(study: Study, wanted: Plan, place: Path) -> None:
    """Tables and figures into place, all at once."""
    from allrelapse.multiverse import curve

    every = table(wanted)
    if every.empty:
        raise InputError("no specification could be computed: the data are not at hand")
    labelled = judged(every, wanted)
    staging = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    staging.mkdir()
    try:
        figures.write_table(every, staging / SPECIFICATIONS)
        figures.write_table(labelled, staging / ROBUSTNESS)
        curve.draw_all(every, labelled, staging)
        made = {
            "made_from": wanted.made_from,
            "declared": status.declared(study),
            "outputs": receipt.digests(staging),
        }
        text = json.dumps(made, indent=1, sort_keys=True)
        (staging / receipt.FILE).write_text(text + "\n", encoding="utf-8")
        places.put_in_place(staging, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
