"""A fence around a process that runs a student's code: what it may read, write, use and reach.

Time, memory and sizes of files are limited everywhere (setrlimit). On Linux from 5.13, Landlock
also lets it write to its own folder only, read only what a notebook needs (no master, no
gradebook, no other student), and, from 6.7 and 6.12, reach no network and signal no other process.
"""

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from allrelapse import paths

CREATE, ADD, RESTRICT = 444, 445, 446
"""Landlock's system calls, the same on all machines (Linux, include/uapi/asm-generic/unistd.h)."""
READ = 0b1101
"""execute, read a file, read a folder (LANDLOCK_ACCESS_FS_*, include/uapi/linux/landlock.h)."""
BY_VERSION = ((1, 13), (2, 14), (3, 15), (5, 16))
"""Number of rights to files that each version of Landlock knows."""
OF_A_FILE = 0b1100000000000111
"""Rights that make sense for a file: execute, write, read, truncate, device control."""
TCP, TCP_SINCE = 0b11, 4
SCOPES, SCOPES_SINCE = 0b11, 6
BENEATH = 1
NO_NEW_PRIVILEGES = 38
NEEDED = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/sys/devices/system/cpu", "/proc/self")
GRACE = 5
"""Seconds of processor time between the signal and the end."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


@dataclass(frozen=True)
class Limits:
    """Of one submission.

    seconds : by the clock, after which it is ended, and of processor time
    megabytes : of memory beyond what the grader itself takes
    file_megabytes : of any one file that it writes
    """

    seconds: float = 60
    megabytes: int = 2000
    file_megabytes: int = 50


def version() -> int:
    """The version of Landlock here; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(_call(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1)), 0)


def limit(limits: Limits) -> None:
    """Limit this process and all that it starts, for good."""
    file_bytes = limits.file_megabytes * 1_000_000
    for what, most in (
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(what, most, most)
    if sys.platform.startswith("linux"):
        memory = _address_space() + limits.megabytes * 1_000_000
        _lower(resource.RLIMIT_AS, memory, memory)
    seconds = int(limits.seconds) + 1
    _lower(resource.RLIMIT_CPU, seconds, seconds + GRACE)


def readable() -> list[Path]:
    """Python, its packages, this library and the published facts; neither masters nor results.

    To be asked from the folder in which grading was started.
    """
    here = Path.cwd().resolve()  # `python -m` puts it on the path; it may be that of the class
    libraries = {Path(entry).resolve() for entry in sys.path if entry} - {here}
    pythons = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    own = {paths.REPOSITORY / "lib", paths.DATA}
    whole = [p for p in libraries | pythons | own if p not in paths.REPOSITORY.parents]
    return [*(p for p in whole if p != paths.REPOSITORY), *map(Path, NEEDED)]


def enclose(own: Path, allowed: Iterable[Path]) -> bool:
    """Fence this process and all that it starts in, for good; False where that cannot be done.

    Parameters
    ----------
    own : the folder that it may write to
    allowed : what else it may read, see `readable`
    """
    known = version()
    if not known:
        return False
    rights = (1 << max(count for since, count in BY_VERSION if since <= known)) - 1
    network = TCP if known >= TCP_SINCE else 0
    scopes = SCOPES if known >= SCOPES_SINCE else 0
    attributes = struct.pack("QQQ", rights, network, scopes)
    size = 8 if known < TCP_SINCE else 16 if known < SCOPES_SINCE else 24
    rules = _call(CREATE, attributes[:size], ctypes.c_size_t(size), ctypes.c_uint(0))
    for place in allowed:
        _allow(rules, place, READ & rights)
    for place in (own, *map(Path, DEVICES)):
        _allow(rules, place, rights)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or _call(RESTRICT, rules, ctypes.c_uint(0)):
        raise OSError(ctypes.get_errno(), "cannot fence a submission in")
    os.close(rules)
    return True


def _allow(rules: int, place: Path, rights: int) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    rights = rights if place.is_dir() else rights & OF_A_FILE
    beneath = struct.pack("=Qi", rights, handle)
    failed = _call(ADD, rules, ctypes.c_uint(BENEATH), beneath, ctypes.c_uint(0))
    os.close(handle)
    if failed:
        raise OSError(ctypes.get_errno(), "cannot fence a submission in", str(place))


def _call(number: int, *arguments: object) -> int:
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return int(call(ctypes.c_long(number), *arguments))


def _lower(what: int, soft: int, hard: int) -> None:
    _, before = resource.getrlimit(what)
    most = hard if before == resource.RLIM_INFINITY else min(hard, before)
    resource.setrlimit(what, (min(soft, most), most))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
