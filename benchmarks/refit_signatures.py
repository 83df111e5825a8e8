"""Refitting by ours and by others: planted signatures found, time and memory, on the same tables.

    OMP_NUM_THREADS=1 python benchmarks/refit_signatures.py --write

Sets are those of `signature_sets`, methods those of `refit_methods`, each in a process of its own.
Takes about an hour on two cores, nearly all of it SigProfilerAssignment's and the cohort method's.
`--write` puts each set into results/refit.csv as soon as it is done, and the tables of that file
into README.md; so `--set` renews one, and a run that is broken off has lost one. `--quick` takes a
tenth of the samples, judges nothing and writes nothing.

load       load average of the machine before a method began: on a busy one times are longer

active     a signature with at least half a mutation; with a *cut*, with 5 % of the mutations
precision, recall  of active signatures, over all samples and signatures together
false SBS87        samples without it in which it is active, by number and rate
ceiling    recall of SBS87, at the same false rate, by a test that is told all else (`ceiling`)
error      mean absolute error of SBS87's share of the mutations of a sample
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import pandas as pd
import signature_sets
from ceiling import ratios, recall_at
from refit_methods import METHODS
from report import renew
from signature_sets import BLOOD, Planted

from allrelapse.data import reference

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "refit.csv"
OURS, COHORT, PEER = "allrelapse", "allrelapse, cohort", "SigProfilerAssignment"
LEAST = 0.5  # mutations of an active signature
CUT = 0.05  # of the mutations, below which a signature is dropped by rule of thumb
CUTTABLE = ("scipy NNLS", "scikit-learn")  # methods that do not choose themselves
TARGETS = ("SBS87", "SBS86")
BINS = [30, 60, 100, 150, 201]  # mutations of an exome
QUICK = 0.1
# draws take a time that grows with the mutations; of the controls `grid hard` tells as much
TOO_LARGE = {(name, COHORT) for name in ("genomes", "controls", "controls noise only")}
# of slow methods where the promise is ours alone; the same samples of all others
FEWER = {("controls", PEER): 0.1, ("controls noise only", PEER): 0.1, ("exomes", COHORT): 0.1}
GRIDS = {"grid": False, "grid hard": True}  # with whether rates scatter

SETS: dict[str, Callable[[int, float], Planted]] = {
    "grid": lambda seed, part: signature_sets.grid(seed, each=5 * round(11 * part)),
    "grid hard": lambda seed, part: signature_sets.grid(seed, True, each=5 * round(11 * part)),
    "controls": lambda seed, part: signature_sets.controls(seed, n=round(2700 * part)),
    "controls noise only": lambda seed, part: signature_sets.controls(
        seed, n=round(2700 * part), strange=0
    ),
    "genomes": lambda seed, part: signature_sets.genomes(seed, n=round(2700 * part)),
    "exomes": lambda seed, part: signature_sets.exomes(seed, n=round(2000 * part)),
}

AT_LEAST = {  # set, quantity: what is promised of ours
    ("genomes", "precision"): 0.97,
    ("genomes", "recall"): 0.94,
    ("grid", "SBS87 recall"): 0.65,
    ("grid hard", "SBS87 recall"): 0.58,
}
AT_MOST = {
    ("grid", "SBS87 false rate"): 0.008,
    ("grid hard", "SBS87 false rate"): 0.02,
    ("controls noise only", "false SBS87"): 10,
}
PARTS = [*SETS, "growth"]
MEGABYTES = 500
FASTER = {"end to end": 100, "call": 500}  # than SigProfilerAssignment on genomes, in CPU-seconds


def run(
    method: str, counts: pd.DataFrame, table: pd.DataFrame, **environment: str
) -> tuple[pd.DataFrame, dict]:
    """Exposures by a method, and what it took; see `refit_methods`."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        counts.to_csv(folder / "counts.txt", sep="\t")
        table.to_csv(folder / "signatures.txt", sep="\t")
        command = [sys.executable, str(HERE / "refit_methods.py"), method, place]
        done = subprocess.run(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | environment,
        )
        if done.returncode:
            raise SystemExit(f"{method} failed:\n{done.stderr[-2000:]}")
        exposures = pd.read_csv(folder / "exposures.csv", index_col=0)
        used = json.loads((folder / "used.json").read_text())
    return exposures.reindex(index=counts.columns, columns=table.columns, fill_value=0.0), used


def scored(planted: Planted, found: pd.DataFrame, cut: float) -> dict[str, float]:
    """How well a method found what was planted."""
    total = planted.counts.sum()
    truth = planted.exposures > 0
    active = (found >= LEAST) & found.ge(cut * total, axis=0)
    right = (truth & active).to_numpy().sum()
    result = {
        "precision": right / max(active.to_numpy().sum(), 1),
        "recall": right / truth.to_numpy().sum(),
    }
    for target in TARGETS:
        there = truth[target]
        result[f"{target} recall"] = active[target][there].mean()
        result[f"{target} false rate"] = active[target][~there].mean()
    result["false SBS87"] = int((active["SBS87"] & ~truth["SBS87"]).sum())
    off = (found["SBS87"].where(active["SBS87"], 0) - planted.exposures["SBS87"]).abs()
    result["SBS87 error"] = (off / total).mean()
    return result


def curve(name: str, method: str, planted: Planted, found: pd.DataFrame) -> pd.DataFrame:
    """How often SBS87 is found, by the number of mutations and the share of it."""
    size = planted.exposures.sum(axis=1)
    share = (planted.exposures["SBS87"] / size).round(2)
    if name == "exomes":
        labels = [f"{low}-{high - 1}" for low, high in pairwise(BINS)]
        mutations = pd.cut(size.round(), BINS, right=False, labels=labels)
    else:
        mutations = size.round().astype(int)
    hits = (found["SBS87"] >= LEAST).groupby([mutations, share], observed=True).mean()
    rows = hits.rename_axis(["mutations", "share"]).rename("found").reset_index()
    rows["mutations"] = rows["mutations"].astype(str)
    return rows.assign(set=name, method=method)


def compared(
    name: str, methods: Iterable[str], seed: int, part: float
) -> Iterator[tuple[dict, pd.DataFrame]]:
    """One row per method on a set, and the curve that goes with it (empty where there is none)."""
    whole = SETS[name](seed, part)
    table = reference.cosmic(exome=name == "exomes")
    ratio = ratios(whole, "SBS87", GRIDS[name]) if name in GRIDS else None
    for method in methods:
        if (name, method) in TOO_LARGE:
            continue
        planted, load = first(whole, FEWER.get((name, method), 1.0)), os.getloadavg()[0]
        found, used = run(method, planted.counts, table)
        drawn = name in ("grid", "exomes") and method in (OURS, COHORT, PEER)
        hits = curve(name, method, planted, found) if drawn else pd.DataFrame()
        for cut in (0, CUT) if method in CUTTABLE else (0,):
            label = f"{method}, cut {cut:.0%}" if cut else method
            row = {"set": name, "method": label, "samples": len(found), "load": load, **used}
            row |= scored(planted, found, cut)
            if ratio is not None:
                there = planted.exposures["SBS87"].to_numpy() > 0
                row["SBS87 ceiling"] = recall_at(ratio, there, row["SBS87 false rate"])
            yield _told(row), hits if not cut else hits[:0]


def first(planted: Planted, part: float) -> Planted:
    """The first samples of a set, which are in random order."""
    n = round(part * planted.counts.shape[1])
    return replace(planted, counts=planted.counts.iloc[:, :n], exposures=planted.exposures[:n])


def _told(row: dict) -> dict:
    """A row, which is also shown at once, as the next may take minutes."""
    shown = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}
    click.echo(json.dumps(shown), err=True)
    return row


def growth(seed: int, part: float) -> pd.DataFrame:
    """Time by the number of samples and of signatures, and of the first call."""
    full = reference.cosmic()
    least = [*BLOOD, *TARGETS]  # all that the grid is made of
    more = [*least, *(s for s in full if s not in least)]
    many = signature_sets.genomes(seed, n=round(10_000 * part)).counts
    grid = signature_sets.grid(seed, each=5 * round(6 * part)).counts
    cases = [("genomes", many.iloc[:, : round(n * part)], full) for n in (100, 1000, 10_000)]
    cases += [("grid", grid, full[more[:k]]) for k in (10, 40, 86)]
    compiling = {"samples": 0, "signatures": 0, "first call, CPU-s more": first_call(seed)}
    rows = [{"set": "grid", "method": OURS, **compiling}]
    for name, counts, table in cases:
        for method in (OURS, "scipy NNLS"):
            size = {"samples": counts.shape[1], "signatures": table.shape[1]}
            size["load"] = os.getloadavg()[0]
            rows.append(
                _told({"set": name, "method": method, **size, **run(method, counts, table)[1]})
            )
    return pd.DataFrame(rows)


def first_call(seed: int) -> float:
    """Processor seconds more of the very first call, which compiles; leaves the code compiled."""
    counts, table = signature_sets.grid(seed, each=5).counts, reference.cosmic()
    with tempfile.TemporaryDirectory() as empty:
        first = run(OURS, counts, table, NUMBA_CACHE_DIR=empty)[1]
    run(OURS, counts, table)  # compiles, if it has not been
    later = run(OURS, counts, table)[1]
    return first["end to end, CPU-s"] - later["end to end, CPU-s"]


def broken(methods: pd.DataFrame) -> list[str]:
    """Promises of ours that are not kept."""
    rows = methods.set_index(["set", "method"])
    told = []
    for bounds, sign, word in ((AT_LEAST, 1, "at least"), (AT_MOST, -1, "at most")):
        for (name, quantity), bound in bounds.items():
            if (name, OURS) in rows.index:
                value = rows.loc[(name, OURS), quantity]
                if sign * value < sign * bound:
                    told.append(f"{name}: {quantity} is {value:.4g}; {word} {bound} is promised")
    peak = rows.xs(OURS, level="method")["peak memory, MB"].max()
    if peak > MEGABYTES:
        told.append(f"ours takes {peak:.0f} MB; at most {MEGABYTES} are promised")
    return told + slow(rows)


def slow(rows: pd.DataFrame) -> list[str]:
    """Promises of speed that are not kept; processor time, as wall time depends on the company."""
    if not {("genomes", OURS), ("genomes", PEER)} <= set(rows.index):
        return []
    told = []
    for what, bound in FASTER.items():
        cpu, wall = (
            rows.loc[("genomes", PEER), f"{what}, {unit}"]
            / rows.loc[("genomes", OURS), f"{what}, {unit}"]
            for unit in ("CPU-s", "s")
        )
        click.echo(
            f"{what}: {cpu:.0f} times {PEER}'s speed in CPU-seconds, {wall:.0f} by the clock"
        )
        if cpu < bound:
            told.append(f"{what}: {cpu:.0f} times {PEER}'s speed; {bound} are promised")
    return told


def machine() -> str:
    """What it was measured on."""
    names = ["SigProfilerAssignment", "scipy", "scikit-learn", "numpy", "numba"]
    cpu = platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = lines[0].split(": ")[1] if lines else cpu
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"The newest rows were measured on {os.cpu_count()} cores of {cpu}, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}."
    )


def markdown(results: pd.DataFrame) -> str:
    """The tables as README.md shows them."""
    methods = _wide(results, "methods", ["set", "method", "samples"])
    cost = [name for name in methods if name.endswith((", s", "CPU-s", "MB", "load"))]
    told = [*methods.columns[:3], *methods.columns.drop([*methods.columns[:3], *cost])]
    parts = [machine(), "Accuracy:", _table(methods[told])]
    parts += ["Time and memory:", _table(methods[[*methods.columns[:3], *cost]])]
    hits = results[results["table"] == "curve"]
    for name, part in hits.groupby("set", sort=False):
        wide = part.pivot(index=["method", "mutations"], columns="share", values="value")
        order = part[["method", "mutations"]].drop_duplicates()
        wide = wide.reindex(pd.MultiIndex.from_frame(order.sort_values("method", kind="stable")))
        wide.columns = [f"{share:.0%}" for share in wide.columns]
        parts += [
            f"SBS87 found in `{name}`, by mutations and by its share:",
            _table(wide.reset_index()),
        ]
    grown = _wide(results, "growth", ["set", "method", "samples", "signatures"])
    if len(grown):
        compiling = grown.pop("first call, CPU-s more").dropna()
        parts += ["Growth:", _table(grown[grown["samples"] > 0])]
        first = (
            f"The first call after an installation compiles: {compiling.iloc[0]:.0f} CPU-s more."
        )
        parts.append(first)
    return "\n\n".join(parts)


def _wide(results: pd.DataFrame, table: str, keys: list[str]) -> pd.DataFrame:
    """One row per method of one of the tables, in the order of the file."""
    rows = results[results["table"] == table]
    order, columns = rows[keys].drop_duplicates(), list(dict.fromkeys(rows["quantity"]))
    wide = rows.set_index([*keys, "quantity"])["value"].unstack("quantity")
    return wide.reindex(pd.MultiIndex.from_frame(order))[columns].reset_index()


def _table(rows: pd.DataFrame) -> str:
    """Markdown with as many digits as are of use."""

    def shown(value: object) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.3f}" if value < 10 else f"{value:.0f}"
        return str(value)

    text = rows.map(shown)
    align = ["right" if pd.api.types.is_numeric_dtype(t) else "left" for t in rows.dtypes]
    return text.to_markdown(index=False, disable_numparse=True, colalign=align)


def tidy(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """One of the tables with one value per row."""
    keys = ["set", "method", "samples", "signatures", "mutations", "share"]
    long = rows.melt([key for key in keys if key in rows], var_name="quantity")
    return (
        long.reindex(columns=[*keys, "quantity", "value"]).assign(table=name).dropna(subset="value")
    )


def keep(new: pd.DataFrame) -> None:
    """Put new rows in place of those of the same table and set, in the file and in README.md."""
    columns = ["table", "set", "method", "samples", "signatures", "mutations", "share"]
    columns += ["quantity", "value"]
    parts = [new]
    if RESULTS.exists():
        old = pd.read_csv(RESULTS, dtype={"mutations": str})
        done = pd.MultiIndex.from_frame(new[["table", "set"]].drop_duplicates())
        parts.insert(0, old[~pd.MultiIndex.from_frame(old[["table", "set"]]).isin(done)])
    results = pd.concat(parts)[columns]
    order = {name: place for place, name in enumerate(["methods", "curve", "growth", *SETS])}
    results = results.sort_values(
        ["table", "set"], key=lambda names: names.map(order), kind="stable"
    )
    results = results.astype(dict.fromkeys(["samples", "signatures"], "Int64"))
    renew("refit", markdown(results), results)


@click.command(help="Refitting by ours and by others.")
@click.option("--set", "sets", type=click.Choice(PARTS), multiple=True, default=PARTS)
@click.option(
    "--method", "methods", type=click.Choice(list(METHODS)), multiple=True, default=list(METHODS)
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--quick", is_flag=True, help="A tenth of the samples; no promise is judged.")
@click.option("--write", "writes", is_flag=True, help="Renew README.md and results/refit.csv.")
def main(
    sets: tuple[str, ...], methods: tuple[str, ...], seed: int, quick: bool, writes: bool
) -> None:
    """Measure, print tables, and fail where a promise is broken."""
    if writes and (quick or set(methods) != set(METHODS)):
        raise click.UsageError("--write needs whole sets and all methods: the table shows them")
    part, all_rows = QUICK if quick else 1.0, []
    first_call(seed)  # leaves the code compiled
    for name in sets:
        if name == "growth":
            new = [tidy("growth", growth(seed, part))]
        else:
            rows, curves = zip(*compared(name, methods, seed, part), strict=True)
            all_rows += rows
            hits = pd.concat(curves)
            new = [tidy("methods", pd.DataFrame(list(rows)))]
            new += [tidy("curve", hits)] if len(hits) else []
        if writes:
            keep(pd.concat(new))
    if all_rows and not quick and (told := broken(pd.DataFrame(all_rows))):
        raise SystemExit("\n".join(told))


if __name__ == "__main__":
    main()
