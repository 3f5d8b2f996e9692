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


def main(control, weftctl):
    wrong = 0
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
