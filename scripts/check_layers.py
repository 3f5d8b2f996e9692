#!/usr/bin/env python3
"""Holds every #include "…" to the table of folders in */folders.cmake.

A folder may include itself and whatever its weft_library() line names under DEPS, directly or through them. Tests
(*_test.cc) may also include TEST_DEPS and tests/support. Pure stages must not depend on one another.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGES = {"agent/" + s for s in "detect route limit breaker select retry health answer".split()}
CALL = re.compile(r"weft_(?:library|program)\(([\w/]+)([^)]*)\)", re.S)
INCLUDE = re.compile(r'^\s*#include "((?:agent|common|controlplane|tests)/[^"]+)"', re.M)


def words(text, key):
    found = re.search(rf"\b{key}\b(.*?)(?=\b[A-Z_]{{3,}}\b|$)", text, re.S)
    return found.group(1).split() if found else []


def table():
    deps, test_deps = {}, {}
    for part in ("common", "agent", "controlplane"):
        text = re.sub(r"#.*", "", (ROOT / part / "folders.cmake").read_text())
        for folder, rest in CALL.findall(text):
            rest = re.sub(r"\bTEST_(DEPS|LINK)\b", r"TEST\1", rest)
            deps[folder] = words(rest, "DEPS")
            test_deps[folder] = words(rest, "TESTDEPS")
    return deps, test_deps


def closure(folder, deps, seen=None):
    seen = set() if seen is None else seen
    if folder not in seen:
        seen.add(folder)
        for dep in deps.get(folder, []):
            closure(dep, deps, seen)
    return seen


def main():
    deps, test_deps = table()
    problems = []
    for stage in STAGES & set(deps):
        for dep in set(closure(stage, deps)) & STAGES - {stage}:
            problems.append(f"{stage} may not depend on the stage {dep}")
    for path in sorted(p for part in ("common", "agent", "controlplane") for p in (ROOT / part).rglob("*.[ch]*")):
        if path.suffix not in (".cc", ".h"):
            continue
        folder = str(path.parent.relative_to(ROOT))
        allowed = closure(folder, deps)
        if path.name.endswith("_test.cc"):
            for extra in test_deps.get(folder, []):
                allowed |= closure(extra, deps)
            allowed |= {"tests/support"}
        for match in INCLUDE.finditer(path.read_text()):
            target = str(pathlib.PurePosixPath(match.group(1)).parent)
            if target not in allowed:
                line = path.read_text()[: match.start()].count("\n") + 1
                problems.append(f"{path.relative_to(ROOT)}:{line}: {folder} may not include {target}")
        if folder not in deps:
            problems.append(f"{path.relative_to(ROOT)}: {folder} has no weft_library line")
    print("\n".join(problems) or f"layers: {len(deps)} folders, every include allowed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
