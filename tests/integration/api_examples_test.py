#!/usr/bin/env python3
"""Runs the examples of docs/api.md against a fresh control plane: each command, and its answer as the page prints it."""
import pathlib
import re
import subprocess
import sys

from bare_control import control_plane

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def examples(text):
    """(command, expected output) of every console block; "$ " begins a command, "> " goes on with it."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M):
        command, output = "", ""
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, output
                command, output = line[2:], ""
            elif line.startswith("> "):
                command += "\n" + line[2:]
            else:
                output += line + "\n"
        yield command, output


def matches(expected, got):
    return re.fullmatch(".*?".join(re.escape(part) for part in expected.strip().split("…")), got.strip(), re.S)


def rows_without_example(text):
    """Rows of the API's table that no command of the page calls."""
    called = set()
    for command, _ in examples(text):
        verb = re.search(r"-X (\w+)", command)
        for path in re.findall(r"/api/v1/([^\s'?]+)", command):
            called.add(((verb[1] if verb else "GET"), path))
    rows = re.findall(r'Row\{"(\w+)",\s*"([^"]+)"', (ROOT / "controlplane/api/table.h").read_text())
    assert len(rows) > 30, rows

    def has(verb, path):
        pattern = "".join("[^/:]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path))
        return any(verb == v and re.fullmatch(pattern, p) for v, p in called)
    return [f"{verb} {path}" for verb, path in rows if not has(verb, path)]


def main(control, weftctl):
    wrong = 0
    for row in rows_without_example((ROOT / "docs/api.md").read_text()):
        wrong += 1
        print(f"docs/api.md has no example of {row}")
    with control_plane(control) as port:
        for command, expected in examples((ROOT / "docs/api.md").read_text()):
            command = command.replace("127.0.0.1:15014", f"127.0.0.1:{port}")
            done = subprocess.run(["bash", "-c", f'weftctl() {{ "{weftctl}" -s 127.0.0.1:{port} "$@"; }}\n{command}'],
                                  capture_output=True, text=True, timeout=60)
            if not matches(expected, done.stdout):
                wrong += 1
                print(f"$ {command}\n{done.stdout}{done.stderr}--- the page says:\n{expected}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
