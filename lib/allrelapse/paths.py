"""Where the study's files are."""

import os
from pathlib import Path

import platformdirs

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY / "data"


def cache() -> Path:
    """Folder for downloads and start-up caches (`ALLRELAPSE_CACHE`, else the user's own)."""
    return Path(os.environ.get("ALLRELAPSE_CACHE") or platformdirs.user_cache_path("allrelapse"))


def output() -> Path:
    """Folder for what a notebook makes: set by the runner, `results/by_hand` in JupyterLab."""
    return Path(os.environ.get("ALLRELAPSE_OUTPUT") or REPOSITORY / "results" / "by_hand")
