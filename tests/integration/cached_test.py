#!/usr/bin/env python3
"""cmake/cached.sh with a small project in several folders: clones share the compiler cache, and none gets a stale object."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(clone LANGUAGES CXX)
include(cmake/options.cmake)
add_library(owner STATIC owner.cc)
target_include_directories(owner PRIVATE ${CMAKE_SOURCE_DIR})
target_precompile_headers(owner PRIVATE <vector> <early.h>)
add_executable(program main.cc)
target_precompile_headers(program REUSE_FROM owner)
target_include_directories(program PRIVATE ${CMAKE_SOURCE_DIR} ${MORE})
"""
FILES = {"CMakeLists.txt": PROJECT, "owner.cc": "", "early.h": "inline int early() { return 1; }\n", "late.h": "inline int late() { return 2; }\n",
         "main.cc": '#include "late.h"\n#include <cstdio>\nint main() { std::printf("%d %d\\n", early(), late()); }\n'}


class Clone:
    def __init__(self, folder, compiler, build="build"):
        self.root, self.build, self.compiler = folder, folder / build, compiler
        shutil.copytree(ROOT / "cmake", folder / "cmake")
        for name, text in FILES.items():
            (folder / name).write_text(text)

    def configure(self, *words):
        self.run("cmake", "-G", "Ninja", "-S", self.root, "-B", self.build, f"-DCMAKE_CXX_COMPILER={self.compiler}", *words)
        return self

    def run(self, *words):
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-2000:]}"
        return done.stdout

    def make(self):
        return self.run("cmake", "--build", self.build)

    def says(self):
        self.make()
        return self.run(self.build / "bin/program").split()


def hits():
    text = subprocess.run(["ccache", "--print-stats"], capture_output=True, text=True, check=True).stdout
    count = dict(line.split("\t")[:2] for line in text.splitlines() if "\t" in line)
    return int(count["direct_cache_hit"]) + int(count["preprocessed_cache_hit"]), int(count["cache_miss"])


def check(folder, compiler):
    first, second = (Clone(folder / name, compiler).configure() for name in ("first", "second"))
    assert first.says() == ["1", "2"]
    before = hits()
    assert second.says() == ["1", "2"]
    after = hits()
    assert after[1] == before[1] and after[0] > before[0], f"a second clone: hits and misses {before}, then {after}"

    shutil.rmtree(first.root)
    assert "no work to do" in second.make(), "a clone builds again because another is gone"
    (second.root / "early.h").write_text("inline int early() { return 4; }\n")
    assert second.says() == ["4", "2"], "stale: what is in the precompiled header"
    (second.root / "late.h").write_text("inline int late() { return 5; }\n")
    assert second.says() == ["4", "5"], "stale: an ordinary header"
    text = (second.root / "main.cc").read_text()
    (second.root / "main.cc").write_text(text.replace("early(),", "early() + 10,"))
    assert second.says() == ["14", "5"], "stale: a source"
    (second.root / "early.h").write_text(FILES["early.h"])
    (second.root / "late.h").write_text(FILES["late.h"])
    (second.root / "main.cc").write_text(text)
    assert second.says() == ["1", "2"], "stale: all as it was"

    other = Clone(folder / "other", compiler)
    (other.root / "early.h").write_text("inline int early() { return 7; }\n")
    assert other.configure().says() == ["7", "2"], "stale: a clone with another header"
    more = folder / "beside-more"
    more.mkdir()
    (more / "late.h").write_text("inline int late() { return 8; }\n")
    beside = Clone(folder / "beside", compiler)
    (beside.root / "late.h").unlink()
    assert beside.configure(f"-DMORE={more}").says() == ["1", "8"], "a folder whose name begins with the clone's"
    linked = Clone(folder / "linked", compiler, "link")
    (folder / "away/deep").mkdir(parents=True)
    linked.build.symlink_to(folder / "away/deep")
    assert linked.configure().says() == ["1", "2"], "a build folder behind a symbolic link"


def main():
    if shutil.which("ccache") is None:
        print("ccache is not installed: left out")
        return
    for compiler in ("g++", "clang++-14"):
        if shutil.which(compiler):
            with tempfile.TemporaryDirectory() as folder:
                os.environ["CCACHE_DIR"] = f"{folder}/cache"
                check(pathlib.Path(folder).resolve(), compiler)
                print(f"{compiler}: a second clone hits, nothing is stale")


if __name__ == "__main__":
    main()
