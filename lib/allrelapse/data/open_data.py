"""Open data files: from a mirror folder, the cache, or their owners, and always verified."""

import difflib
import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pydantic
import requests
import yaml

from allrelapse import paths
from allrelapse.errors import DataNotAtHandError, InputError

REGISTRY = paths.DATA / "open_data.yaml"
TIMEOUT = 5.0
"""Seconds to wait for a connection, and for each next piece of a download."""

MEND = (
    "Run with internet, or set ALLRELAPSE_MIRROR (make MIRROR=folder) to a folder that holds the "
    "open data files."
)
_answered: dict[str, bool] = {}


class OpenFile(pydantic.BaseModel):
    """One open data file: where it comes from, what it must be, and what one owes its owners."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str = pydantic.Field(pattern=r"^https?://\S+$")
    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")
    bytes: pydantic.PositiveInt
    licence: str = pydantic.Field(min_length=1)
    citation: str = pydantic.Field(min_length=1)
    holds: str = pydantic.Field(min_length=1)


def registry() -> dict[str, OpenFile]:
    """Every open data file of the study by its path inside a mirror, from `data/open_data.yaml`.

    Raises
    ------
    InputError
        If the list cannot be read or an entry is incomplete.
    """
    return dict(_read(REGISTRY))


def fetch(name: str) -> Path:
    """The verified file of that name: in the mirror folder, else the cache, else downloaded.

    Raises
    ------
    DataNotAtHandError
        If the file is in neither folder and cannot be downloaded (known within seconds).
    InputError
        If there is no such name or mirror folder, or the mirror's copy is not the file.
    """
    return _located(name)[0]


def local(name: str) -> Path | None:
    """The copy in the mirror folder, else in the cache, not verified; nothing is downloaded.

    Raises
    ------
    InputError
        If there is no such name or mirror folder.
    """
    _entry(name)
    places = [folder for folder in (_mirror(), _cached()) if folder]
    return next((place / name for place in places if (place / name).is_file()), None)


def fetch_all(names: Iterable[str] | None = None) -> pd.DataFrame:
    """Every named file (default: all), one row each, with what became of it.

    Returns
    -------
    Index `file`; `status`: mirror, cache, download, not at hand, or corrupt (the mirror's copy is
    not the file); `bytes` as registered; `path` and `note`, empty where there is none.

    Raises
    ------
    InputError
        If a name is unknown, or the mirror folder is not there.
    """
    files = {name: _entry(name) for name in (registry() if names is None else names)}
    _mirror()
    start, rows = time.monotonic(), []
    for i, (name, file) in enumerate(files.items(), 1):
        if time.monotonic() - start > 1:
            print(f"open data file {i} of {len(files)}: {name}", file=sys.stderr)
        path, note = "", ""
        try:
            located, status = _located(name)
            path = str(located)
        except DataNotAtHandError as error:
            status, note = "not at hand", str(error)
        except InputError as error:
            status, note = "corrupt", str(error)
        rows.append((name, status, file.bytes, path, note))
    columns = ["file", "status", "bytes", "path", "note"]
    return pd.DataFrame(rows, columns=columns).set_index("file")


@cache
def _read(path: Path) -> dict[str, OpenFile]:
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        model = pydantic.TypeAdapter(dict[str, OpenFile])
        return model.validate_python(entries)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, pydantic.ValidationError) as error:
        raise InputError(f"{path} is not a list of open data files: {error}") from error


def _entry(name: str) -> OpenFile:
    files = registry()
    if name not in files:
        near = difflib.get_close_matches(name, files, cutoff=0.5) or list(files)
        raise InputError(f"no open data file {name!r}; there is {', '.join(near)}")
    return files[name]


def _mirror() -> Path | None:
    """The mirror folder, if one is set."""
    named = os.environ.get("ALLRELAPSE_MIRROR")
    if not named:
        return None
    folder = Path(named).absolute()
    if not folder.is_dir():
        raise InputError(f"ALLRELAPSE_MIRROR: there is no folder {folder}; correct it or unset it")
    return folder


def _cached() -> Path:
    """The folder of what was downloaded."""
    return paths.cache() / "open_data"


def _located(name: str) -> tuple[Path, str]:
    """A verified file and where it was: mirror, cache or download."""
    file, mirror = _entry(name), _mirror()
    if mirror and os.path.exists(mirror / name):
        if wrong := _difference(mirror / name, file):
            mend = f"Copy it again from {file.url} or remove it."
            raise InputError(f"{mirror / name} is not the open data file: {wrong}. {mend}")
        return mirror / name, "mirror"
    cached = _cached() / name
    if cached.is_file() and not _difference(cached, file):
        return cached, "cache"
    try:
        _download(name, file, cached)
    finally:
        # another process may have mended the file meanwhile
        if cached.is_file() and _difference(cached, file):
            cached.unlink(missing_ok=True)
    return cached, "download"


def _difference(path: Path, file: OpenFile) -> str:
    """How a file on disk differs from the registered one; empty if it does not."""
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if (size, sha256) == (file.bytes, file.sha256):
        return ""
    return f"expected {file.bytes} bytes, sha256 {file.sha256}; found {size} bytes, sha256 {sha256}"


def _download(name: str, file: OpenFile, path: Path) -> None:
    """Put the verified file at `path`, or nothing."""
    import pooch  # only a download needs it, and in a notebook its progress bar warns on import

    host = urlsplit(file.url).netloc
    pooch.get_logger().setLevel("WARNING")
    try:
        _ask(host, file.url)
        pooch.retrieve(
            file.url,
            f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
        )
        return
    except (requests.ConnectionError, requests.Timeout):
        _answered[host] = False
        reason = f"{host} does not answer (it is asked once only, until Python is started anew)"
    except requests.RequestException as error:
        reason = f"it could not be downloaded ({error})"
    except OSError as error:
        reason = f"{path.parent} cannot be written ({error.strerror}); see ALLRELAPSE_CACHE"
    except ValueError as error:
        # pooch has compared the sha256 and removed what came
        reason = f"{file.url} gives another file ({error})"
    raise DataNotAtHandError(f"{name} is not at hand: {reason}. {MEND}")


def _ask(host: str, url: str) -> None:
    """Raise unless the host has answered once in this process, in good time.

    In a thread, as neither the look-up of a name nor a host of many addresses keeps a timeout.
    """
    if host not in _answered:

        def ask() -> None:
            with suppress(requests.RequestException, ValueError):
                requests.head(url, timeout=TIMEOUT)
                _answered[host] = True

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(2 * TIMEOUT)
    if not _answered.setdefault(host, False):
        raise requests.ConnectionError(host)
