#!/usr/bin/env python3
"""Runs the examples of docs/api.md against a fresh control plane: each command, and its answer as the page prints it."""
import pathlib
import re
import subprocess
import sys
import tempfile
import time

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
    with tempfile.TemporaryDirectory() as folder:
        ports = pathlib.Path(folder, "ports.json")
        server = subprocess.Popen([control, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data",
                                   f"{folder}/data", "--ports-file", str(ports)], stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 30
            while not ports.exists() and time.monotonic() < end and server.poll() is None:
                time.sleep(0.02)
            port = re.search(r'"http": (\d+)', ports.read_text()).group(1)
            for command, expected in examples((ROOT / "docs/api.md").read_text()):
                command = command.replace("127.0.0.1:15014", f"127.0.0.1:{port}")
                done = subprocess.run(["bash", "-c", f'weftctl() {{ "{weftctl}" -s 127.0.0.1:{port} "$@"; }}\n{command}'],
                                      capture_output=True, text=True, timeout=60)
                if not matches(expected, done.stdout):
                    wrong += 1
                    print(f"$ {command}\n{done.stdout}{done.stderr}--- the page says:\n{expected}")
        finally:
            server.terminate()
            server.wait(30)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
