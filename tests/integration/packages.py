"""The virtual environment of tests/requirements.txt."""
import importlib.util
import os
import pathlib
import sys


def _has(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:   # of a parent
        return False


def with_packages(*modules):
    """Begins anew in it, unless this Python has these modules."""
    if all(_has(each) for each in modules):
        return
    python = pathlib.Path(os.environ.get("WEFT_CACHE", pathlib.Path.home() / ".cache/weft")) / "python/bin/python"
    if sys.executable == str(python) or not python.exists():
        sys.exit("the packages of tests/requirements.txt are missing: run scripts/setup test")
    os.execv(python, [str(python), *sys.argv])
