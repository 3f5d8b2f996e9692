"""A cluster of tests/e2e/cluster: brought up, talked to by kubectl, given the mesh, hurt, removed."""
import json
import pathlib
import shutil
import subprocess

from process import wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "tests/e2e/cluster"
MESH = "weft-system"


class Cluster:
    def __init__(self, directory, own, nodes):
        self.dir, self.own, self.nodes = pathlib.Path(directory), own, nodes
        self.kubectl_path = self.dir / "bin/kubectl"

    def up(self):
        if self.own:
            subprocess.run([TOOLS / "up", self.dir, "--nodes", str(self.nodes)], check=True, stdout=subprocess.DEVNULL)

    def down(self):
        if self.own:
            subprocess.run([TOOLS / "down", self.dir], check=True, stdout=subprocess.DEVNULL)
            shutil.rmtree(self.dir, ignore_errors=True)

    def is_up(self):
        return (self.dir / "kubeconfig").exists()

    def command(self, *words):
        return [self.kubectl_path, "--kubeconfig", self.dir / "kubeconfig", *words]

    def kubectl(self, *words, text=None, check=True):
        done = subprocess.run(self.command(*words), input=text, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
        return done

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json").stdout)

    def pods(self, label, namespace="shop"):
        """Those that nobody has ended, by name."""
        found = self.get("-n", namespace, "pods", "-l", label)["items"]
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def apply(self, manifest, **values):
        """A file, with words in it replaced."""
        text = manifest.read_text()
        for word, value in values.items():
            text = text.replace(word, str(value))
        return self.kubectl("apply", "-f", "-", text=text)

    def rolled_out(self, deployment, namespace="shop", seconds=240):
        self.kubectl("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout", f"{seconds}s")

    def component(self, action, name, node="node-1"):
        subprocess.run([TOOLS / "component", self.dir, action, name, node], check=True, stdout=subprocess.DEVNULL)

    def on_node(self, node, *words, check=True):
        """A command among a node's processes and files."""
        return subprocess.run([TOOLS / "exec", self.dir, node, *words], check=check, capture_output=True, text=True).stdout

    def lose_node(self, node):
        """Ends all its processes at once, as a power cut would; its addresses answer no more."""
        pid = (self.dir / node / "init").read_text().split()[0]
        subprocess.run(["kill", "-KILL", pid], check=True)

    def install(self, bin_dir):
        """The mesh: images of these programs, and what `weftctl install` prints, which is looked at by the API server first."""
        subprocess.run([ROOT / "scripts/image", "--bin", bin_dir, "--out", self.dir / "images", "-c", self.dir], check=True,
                       stdout=subprocess.DEVNULL)
        manifest = subprocess.run([bin_dir / "weftctl", "install", "--image-pull-policy", "Never"], check=True, capture_output=True,
                                  text=True).stdout
        self.kubectl("apply", "-f", "-", text=next(part for part in manifest.split("\n---\n") if "\nkind: Namespace\n" in part))
        self.kubectl("apply", "--dry-run=server", "-f", "-", text=manifest)
        self.kubectl("apply", "-f", "-", text=manifest)
        self.rolled_out("weft-control", MESH)
        wait_for("the webhook's caBundle", lambda: all(
            webhook["clientConfig"].get("caBundle") for webhook in self.get("mutatingwebhookconfiguration", "weft-inject")["webhooks"]), 60)

    def weftctl(self, *words):
        """Inside of the control plane's pod, where no token is needed."""
        return self.kubectl("-n", MESH, "exec", "deployment/weft-control", "--", "/usr/bin/weftctl", *words).stdout
