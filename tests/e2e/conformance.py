"""The mesh tests of the Gateway API conformance suite, in namespaces that are injected."""
import re
import subprocess

from kube import TOOLS, say

FIVE = ["MeshBasic", "MeshTrafficSplit", "MeshHTTPRouteSimpleSameNamespace", "MeshHTTPRouteMatching", "MeshHTTPRouteWeight"]


def conformance(cluster, tests=None):
    """All of them, or these. Also applies the Gateway API's CRDs."""
    if subprocess.run([TOOLS / "built", "--conformance"]).returncode != 0:
        return say("conformance: left out, the suite is not built here: tests/e2e/cluster/conformance DIR builds it")
    chosen = ["-test.run", f"TestMesh/^({'|'.join(tests)})$"] if tests else []
    done = subprocess.run([TOOLS / "conformance", cluster.dir, "-namespace-labels", "weft.dev/inject=enabled", *chosen],
                          capture_output=True, text=True)
    judged = {word: sorted(re.findall(rf"--- {word}: TestMesh/(\w+)", done.stdout)) for word in ("PASS", "FAIL")}
    passed, failed = judged["PASS"], judged["FAIL"]
    assert done.returncode == 0 and len(passed) >= len(tests or []), f"conformance: failed {failed}: {done.stdout}{done.stderr}"
    say(f"Gateway API conformance: {len(passed)} mesh tests pass: {', '.join(passed)}")
