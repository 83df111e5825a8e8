#!/bin/sh
# Makes the virtual environment $1 with $PYTHON, or else with the first Python on this machine that
# the lock was made for.
set -eu
fits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$python" -c "$fits" 2>/dev/null; then
        rm -rf "$1"
        echo "Making $1 with $("$python" --version); this takes a few minutes, once."
        "$python" -m venv "$1" && exit 0
        echo "That Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
done
if [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13." >&2
else
    echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make env PYTHON=/path/to/python3.12" >&2
fi
exit 1
