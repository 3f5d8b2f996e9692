#!/usr/bin/env python3
"""The recorded history of the control plane's API is linearizable, across kills of it (tests/linearizability)."""
import subprocess
import sys

from mesh import BIN, go_program, main


def test_one_order_of_all_calls_explains_every_answer_and_altered_histories_are_refused():
    done = subprocess.run([go_program("tests/linearizability"), "-control", str(BIN / "weft-control"), "-kills", "30"],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    print("   " + done.stdout.strip().replace("\n", "\n   "))


if __name__ == "__main__":
    main(sys.modules[__name__])
