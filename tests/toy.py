"""Small studies with fast notebooks, and a house of their own to run them in."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import yaml

from allrelapse import paths

WRITE = """
import os
from pathlib import Path
output = Path(os.environ["ALLRELAPSE_OUTPUT"])
(output / "tables").mkdir()
(output / "tables" / "t.csv").write_text(f"level\\n{level}\\n")
"""


LEVEL = "level: float = 0.95  # of all intervals\n# limits: 0 < level <= 1"


def notebook(path: Path, *cells: str, parameters: str = LEVEL):
    """Write a notebook with a parameters cell and code cells."""
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    code = [first, *map(nbformat.v4.new_code_cell, cells)]
    for number, cell in enumerate(code):
        cell["id"] = f"cell-{number}"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=code), path)


def analysis(name: str, **fields: object) -> dict[str, object]:
    """An entry of study.yaml for the notebook of that name."""
    return {
        "id": name,
        "title": f"Title of {name}",
        "question": "Is it so?",
        "notebook": f"notebooks/{name}.ipynb",
        "minutes": 1,
        **fields,
    }


def write_study(root: Path, *analyses: dict[str, object]) -> Path:
    """Write study.yaml with a notebook for every analysis that has none yet."""
    for entry in analyses:
        if not (root / str(entry["notebook"])).exists():
            notebook(root / str(entry["notebook"]), WRITE)
    file = root / "study.yaml"
    file.write_text(yaml.safe_dump({"title": "Toy", "cohort": "open", "analyses": list(analyses)}))
    return file


def house(root: Path) -> Path:
    """A copy of the repository without notebooks, so that no test meets the work of others."""
    shutil.copytree(paths.REPOSITORY / "lib", root / "lib", ignore=lambda *_: ["__pycache__"])
    shutil.copytree(paths.DATA, root / "data")
    for name in ("requirements.lock", "Snakefile"):
        shutil.copy(paths.REPOSITORY / name, root / name)
    (root / "home").mkdir()
    return root


def environment(root: Path) -> dict[str, str]:
    """Variables for a command in a house: its own library, home and cache, and no internet."""
    return os.environ | {
        "PYTHONPATH": str(root / "lib"),
        "HOME": str(root / "home"),
        "ALLRELAPSE_CACHE": str(root / "cache"),
        "ALLRELAPSE_MIRROR": "",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command `allrelapse` in a house."""
    return subprocess.Popen(
        [sys.executable, "-m", "allrelapse", *arguments],
        cwd=root,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def allrelapse(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command `allrelapse` in a house to its end."""
    process = start(root, *arguments)
    stdout, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


def wait_for(condition, seconds: float = 60.0):
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def files(folder: Path) -> dict[str, bytes]:
    """Contents of all files under a folder, by relative name."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
