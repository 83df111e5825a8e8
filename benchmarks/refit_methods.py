"""One method of refitting on the tables of a folder, in processes of its own.

    python benchmarks/refit_methods.py METHOD FOLDER

The folder holds `counts.txt` (96 x samples) and `signatures.txt` (96 x signatures), separated by
tabs. It gets `exposures.csv` (samples x signatures) and `used.json`: seconds and processor seconds
from the start of Python to its end (*end to end*) and of the bare call, and megabytes at the peak.

Nothing outside the standard library is imported at the top, so that a method pays for its own
imports alone, and so that the watching process is small: Linux counts what a parent held into the
peak of its child.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    Fit = Callable[["pd.DataFrame", "pd.DataFrame", Path], "pd.DataFrame"]

KILOBYTES = 1024 if sys.platform == "darwin" else 1  # how many units of getrusage make one


def allrelapse() -> "Fit":
    """Ours, with its defaults."""
    from allrelapse import signatures

    return lambda counts, table, folder: signatures.refit(counts, table).exposures


def cohort() -> "Fit":
    """Ours for a whole cohort: mean exposures where one worth naming is likely, else none."""
    from allrelapse import signatures

    def fit(counts: "pd.DataFrame", table: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
        draws = signatures.exposure_draws(counts, table, replicates=100, burn_in=150)
        return draws.mean.where(draws.chance(0.02) >= LIKELY, 0.0)

    return fit


def assignment() -> "Fit":
    """SigProfilerAssignment with its defaults, on all cores; no signature is excluded."""
    import pandas as pd
    from joblib.externals.loky import get_reusable_executor
    from SigProfilerAssignment import Analyzer

    def fit(counts: "pd.DataFrame", table: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
        Analyzer.cosmic_fit(
            str(folder / "counts.txt"),
            str(folder / "out"),
            signature_database=str(folder / "signatures.txt"),
            genome_build="GRCh37",
            make_plots=False,
        )
        get_reusable_executor().shutdown()  # only helpers that have ended are counted
        activities = folder / "out" / "Assignment_Solution" / "Activities"
        path = activities / "Assignment_Solution_Activities.txt"
        return pd.read_csv(path, sep="\t", index_col=0)

    return fit


def scipy_nnls() -> "Fit":
    """Least squares without negative exposures, one sample after the other."""
    import pandas as pd
    from scipy.optimize import nnls

    def fit(counts: "pd.DataFrame", table: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
        w = table.to_numpy()
        found = [nnls(w, column)[0] for column in counts.to_numpy(float).T]
        return pd.DataFrame(found, counts.columns, table.columns)

    return fit


def scikit_learn() -> "Fit":
    """Multiplicative updates of the exposures under Kullback and Leibler's divergence."""
    import pandas as pd
    from sklearn.decomposition import non_negative_factorization

    def fit(counts: "pd.DataFrame", table: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
        found, _, _ = non_negative_factorization(
            counts.to_numpy(float).T,
            H=table.to_numpy().T.copy(),
            n_components=table.shape[1],
            update_H=False,
            solver="mu",
            beta_loss="kullback-leibler",
            random_state=0,
        )
        return pd.DataFrame(found, counts.columns, table.columns)

    return fit


LIKELY = 0.7  # posterior probability that a signature made more than a fiftieth
METHODS: dict[str, Callable[[], "Fit"]] = {
    "allrelapse": allrelapse,
    "allrelapse, cohort": cohort,
    "SigProfilerAssignment": assignment,
    "scipy NNLS": scipy_nnls,
    "scikit-learn": scikit_learn,
}


def processor() -> float:
    """Seconds of this process and of its helpers that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def inside(method: str, folder: Path, calls: int) -> None:
    """Do it, and write what the last call took."""
    fit = METHODS[method]()
    import pandas as pd

    counts, table = (
        pd.read_csv(folder / name, sep="\t", index_col=0)
        for name in ("counts.txt", "signatures.txt")
    )
    for _ in range(calls):
        start, used = time.perf_counter(), processor()
        exposures = fit(counts, table, folder)
        wall, cpu = time.perf_counter() - start, processor() - used
    exposures.to_csv(folder / "exposures.csv")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    helper = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    helpers = os.cpu_count() or 1  # the largest of them stands for each
    memory = (own + helpers * helper) / KILOBYTES / 1024
    found = {"call, s": wall, "call, CPU-s": cpu, "peak memory, MB": memory}
    (folder / "used.json").write_text(json.dumps(found))


def watch(method: str, folder: Path) -> None:
    """One call in a fresh process, end to end; the bare call is a second one, where that is quick.

    The first call of ours also loads compiled code.
    """
    command = [sys.executable, __file__, method, str(folder)]
    start = time.perf_counter()
    child = subprocess.Popen([*command, "1"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{method} failed")
    used = json.loads((folder / "used.json").read_text())
    if wall < 60:
        subprocess.run([*command, "2"], stdout=subprocess.DEVNULL, check=True)
        again = json.loads((folder / "used.json").read_text())
        used |= {name: again[name] for name in ("call, s", "call, CPU-s")}
    whole = {"end to end, s": wall, "end to end, CPU-s": usage.ru_utime + usage.ru_stime}
    used = whole | used
    (folder / "used.json").write_text(json.dumps(used))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        inside(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        watch(sys.argv[1], Path(sys.argv[2]))
