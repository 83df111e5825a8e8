"""One factorisation of the simulated cohort's spectra by ours and by others, on the same matrix.

    python benchmarks/extract_signatures.py --peer-python /path/to/venv/bin/python --write

The peer is SigProfilerExtractor, which needs an environment of its own (`pip install
SigProfilerExtractor==1.4.1`). Each tool runs in a process of its own, so that its memory and
processor time are its own, and its runs differ by resampled counts and random starts. The time of
a factorisation is what more of them add: start-up and compilation are in `wall` only.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
from report import renew

TARGETS = ["SBS86", "SBS87"]
PROMISED = 100
"""Processor time of SigProfilerExtractor over ours, per factorisation."""

PEER = """
import sys
from SigProfilerExtractor import sigpro

if __name__ == "__main__":
    folder, rank, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sigpro.sigProfilerExtractor(
        "matrix", f"{folder}/out", f"{folder}/counts.txt", minimum_signatures=rank,
        maximum_signatures=rank, nmf_replicates=runs, cpu=1, gpu=False,
        stop_after_extraction=True,
    )
"""


def ours(counts: np.ndarray, rank: int, runs: int) -> np.ndarray:
    """Signatures of each run, runs x rank x 96."""
    from allrelapse.signatures.extract import _replicate
    from allrelapse.signatures.workers import spread

    return np.stack(spread(_replicate, [(counts, rank, 0, run) for run in range(runs)]))


def scikit_learn(counts: np.ndarray, rank: int, runs: int, **settings: float) -> np.ndarray:
    """Signatures of each run, runs x rank x 96."""
    from sklearn.decomposition import NMF

    found = []
    for run in range(runs):
        drawn = np.random.default_rng(run).poisson(counts).astype(float)
        model = NMF(
            rank,
            init="random",
            solver="mu",
            beta_loss="kullback-leibler",
            random_state=run,
            **settings,
        )
        model.fit(drawn)
        found.append(model.components_)
    return np.stack(found)


TOOLS = {
    "allrelapse": ours,
    "scikit-learn, default": scikit_learn,
    "scikit-learn, tol 1e-7": lambda x, k, n: scikit_learn(x, k, n, tol=1e-7, max_iter=20_000),
}


def measure(tool: str, folder: Path, rank: int, runs: int) -> None:
    """In a process of its own: run once small, once in full, and write what it took."""
    counts = pd.read_csv(folder / "counts.txt", sep="\t", index_col=0).to_numpy(float).T
    TOOLS[tool](counts, rank, 1)  # compiles and imports, which is no part of a factorisation
    used = time.process_time()
    found = TOOLS[tool](counts, rank, runs)
    used = time.process_time() - used
    np.save(folder / "found.npy", found)
    (folder / "used.json").write_text(json.dumps({"cpu": used / runs}))


def one_tool(tool: str, counts: pd.DataFrame, rank: int, runs: int) -> dict[str, object]:
    """One row of the table, of a tool that runs in this environment."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        counts.to_csv(folder / "counts.txt", sep="\t")
        start = time.perf_counter()
        command = [sys.executable, __file__, "--measure", tool, "--folder", str(folder)]
        memory = child_memory([*command, "--rank", str(rank), "--runs", str(runs)])
        wall = time.perf_counter() - start
        cpu = json.loads((folder / "used.json").read_text())["cpu"]
        found = np.load(folder / "found.npy")
    return row(tool, runs, cpu, wall, memory) | accuracy(found)


def peer(python: str, counts: pd.DataFrame, rank: int, runs: int) -> dict[str, object]:
    """The row of SigProfilerExtractor: the time of `runs` more runs, the results of all."""
    used, few = {}, 2
    with tempfile.TemporaryDirectory() as place:
        for number in (few, few + runs):
            folder = Path(place) / str(number)
            folder.mkdir()
            counts.rename_axis("MutationType").to_csv(folder / "counts.txt", sep="\t")
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            script = folder / "peer.py"
            script.write_text(PEER)
            memory = child_memory([python, str(script), str(folder), str(rank), str(number)])
            wall = time.perf_counter() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used[number] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        cpu = (used[few + runs] - used[few]) / runs
        out = folder / "out" / "SBS96"
        solution = out / "All_Solutions" / f"SBS96_{rank}_Signatures" / "Signatures"
        found = pd.read_csv(next(solution.glob("*.txt")), sep="\t", index_col=0)
        stability = pd.read_csv(out / "All_solutions_stat.csv")["Minimum Stability"].iloc[0]
    result = row("SigProfilerExtractor 1.4.1", few + runs, cpu, wall, memory)
    return result | recovered(found) | {"minimum silhouette": float(stability)}


def child_memory(command: list[str]) -> float:
    """Run a command to its end and give the peak memory of its processes, MB."""
    watch = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "sys.stderr.buffer.write(done.stderr[-2000:] if done.returncode else b'')\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
        "sys.exit(done.returncode)\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", watch, *command],
        stdout=subprocess.PIPE, text=True, check=True, env=environment,
    )  # fmt: skip
    return float(run.stdout) / (1024 if sys.platform != "darwin" else 1024**2)


def accuracy(found: np.ndarray) -> dict[str, object]:
    """Cosines of the consensus with the planted signatures, and the least stable cluster."""
    from allrelapse.data.reference import CHANNELS
    from allrelapse.signatures.extract import consensus, silhouettes

    found = np.maximum(found, 1e-12)
    clusters = consensus(found / found.sum(axis=2, keepdims=True))
    centres = pd.DataFrame(clusters.mean(axis=1).T, list(CHANNELS))
    return recovered(centres) | {"minimum silhouette": float(silhouettes(clusters).min())}


def recovered(found: pd.DataFrame) -> dict[str, object]:
    """Cosine of each planted signature with the nearest that was found."""
    from allrelapse import signatures
    from allrelapse.data import reference

    best = signatures.cosine(reference.cosmic()[TARGETS], found).max(axis=1)
    return {f"cosine {target}": float(best[target]) for target in TARGETS}


def row(tool: str, runs: int, cpu: float, wall: float, memory: float) -> dict[str, object]:
    """What a tool took."""
    return {
        "tool": tool,
        "runs": runs,
        "CPU-s per run": round(cpu, 3),
        "wall, s": round(wall, 1),
        "peak memory, MB": round(memory),
    }


def final(counts: pd.DataFrame, rank: int, runs: int) -> dict[str, object]:
    """The row of the whole of `extract`, whose signatures are fitted to the counts themselves."""
    from allrelapse import signatures

    start, used = time.perf_counter(), time.process_time()
    found = signatures.extract(counts, [rank], runs)
    used, wall = time.process_time() - used, time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = row("allrelapse, extract()", runs, used / runs, wall, memory)
    least = float(found.silhouettes.min())
    return result | recovered(found.signatures) | {"minimum silhouette": least}


@click.command(help="One factorisation by ours and by others.")
@click.option("--peer-python", help="Python of an environment with SigProfilerExtractor.")
@click.option("--rank", type=click.IntRange(2), default=4, show_default=True)
@click.option("--runs", type=click.IntRange(2), default=20, show_default=True)
@click.option("--peer-runs", type=click.IntRange(1), default=4, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
@click.option("--measure", "tool", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(
    peer_python: str | None, rank: int, runs: int, peer_runs: int, seed: int,
    writes: bool, tool: str | None, folder: Path | None,
) -> None:  # fmt: skip
    """Measure, print a table, and fail where a promise is broken."""
    if tool is not None and folder is not None:
        measure(tool, folder, rank, runs)
        return
    if writes and not peer_python:
        raise click.UsageError("--write needs --peer-python: the table compares with it")
    from allrelapse import signatures, simulate

    cohort = simulate.cohort(seed)
    counts = signatures.gained_spectra(cohort.mutations, cohort.samples)
    rows = [one_tool(name, counts, rank, runs) for name in TOOLS]
    rows.append(final(counts, rank, runs))
    if peer_python and Path(peer_python).exists():
        rows.append(peer(peer_python, counts, rank, peer_runs))
    else:
        click.echo("SigProfilerExtractor is not measured: give its Python by --peer-python")
    table = pd.DataFrame(rows)
    click.echo(
        f"{counts.shape[1]} spectra, {counts.to_numpy().sum():,} mutations, {rank} signatures"
    )
    click.echo(table.to_markdown(index=False, floatfmt=".3f"))
    if writes:
        renew("extract_signatures", table.to_markdown(index=False, floatfmt=".3f"), table)
    times = table.set_index("tool")["CPU-s per run"]
    ratio = times.iloc[-1] / times["allrelapse"]
    if times.index[-1].startswith("SigProfiler"):
        click.echo(f"SigProfilerExtractor takes {ratio:.0f} times as long as ours")
        if ratio < PROMISED:
            raise SystemExit(f"{PROMISED} times were promised")


if __name__ == "__main__":
    main()
