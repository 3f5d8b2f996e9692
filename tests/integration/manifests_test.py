#!/usr/bin/env python3
"""The mesh's manifests: `weftctl install`, the kustomize base and the chart say the same, and weftctl inject and uninject on
manifests as people write them. Usage: manifests_test.py WEFTCTL"""
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
K8S = ROOT / "deploy/k8s"
MANIFEST = """# a comment
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    metadata: {annotations: {weft.dev/skip-outbound-ports: "5432", note: "yes"}}
    spec:
      containers:
      - {name: web, image: web:1, env: [{name: A, value: "010"}, {name: B, value: 'true'}]}
      volumes: [{name: v, configMap: {name: c, defaultMode: 0644}}]
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}
- {apiVersion: batch/v1, kind: CronJob, metadata: {name: night}, spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job}]}}}}}}
"""


def weftctl(*words, text=None, code=0):
    done = subprocess.run([sys.argv[1], *words], input=text, capture_output=True, text=True)
    assert done.returncode == code, f"weftctl {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def chart(**values):
    """The chart as Helm renders it: it has nothing but values in it."""
    known = {**yaml.safe_load((K8S / "chart/values.yaml").read_text()), **values}
    text = (K8S / "chart/templates/weft.yaml").read_text()
    return documents(re.sub(r"\{\{ \.Values\.(\w+) \}\}", lambda found: known[found[1]], text))


def same_manifests():
    base = (K8S / "base/weft.yaml").read_text()
    assert yaml.safe_load((K8S / "base/kustomization.yaml").read_text())["resources"] == ["crds.yaml", "weft.yaml"]
    crds = documents((K8S / "base/crds.yaml").read_text())
    assert documents(weftctl("install", "--crds").stdout) == crds, "weftctl install --crds > deploy/k8s/base/crds.yaml"
    assert documents(weftctl("install").stdout) == crds + documents(base), "weftctl install and the base differ"
    assert chart() == documents(base), "the chart and the base differ"
    subprocess.run([K8S / "make_chart.py", "--check"], check=True)
    other = weftctl("install", "--agent-image", "r/agent:2", "--control-image", "r/control:2", "--image-pull-policy", "Never").stdout
    assert documents(other) == crds + chart(agentImage="r/agent:2", controlImage="r/control:2", imagePullPolicy="Never")
    assert "dev" not in re.findall(r"image: \S+", other)[0] and "IfNotPresent" not in other
    names = [(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in documents(base)]
    assert len(names) == len(set(names))


def injection():
    injected = weftctl("inject", "-f", "-", text=MANIFEST)
    before, after = documents(MANIFEST), documents(injected.stdout)
    assert 'deployment "web" injected' in injected.stderr and 'service "web" skipped' in injected.stderr, injected.stderr
    pod = after[0]["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["weft-init", "weft-agent"]
    assert "--skip-outbound-ports=5432" in pod["initContainers"][0]["args"]
    assert pod["containers"][0]["env"] == before[0]["spec"]["template"]["spec"]["containers"][0]["env"], "texts stay texts"
    assert pod["volumes"][0] == before[0]["spec"]["template"]["spec"]["volumes"][0], "0644 is octal"
    job = after[1]["items"][1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert job["initContainers"][1]["restartPolicy"] == "Always"
    again = weftctl("inject", "-f", "-", text=injected.stdout)
    assert documents(again.stdout) == after, "twice is once"
    back = weftctl("uninject", "-f", "-", text=injected.stdout)
    restored = documents(back.stdout)
    restored[1]["items"][1]["spec"]["jobTemplate"]["spec"]["template"].pop("metadata", None)   # an empty one
    assert restored == before, "uninject takes it all back"


def refusals():
    bad = weftctl("inject", "-f", "-", text=MANIFEST.replace("5432", "many"), code=1)
    assert 'deployment "web": metadata.annotations[weft.dev/skip-outbound-ports]' in bad.stderr, bad.stderr
    assert bad.stdout == ""
    host = weftctl("inject", "-f", "-", text="kind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: c}]}\n")
    assert "hostNetwork" in host.stderr and "weft-agent" not in host.stdout
    broken = weftctl("inject", "-f", "-", text="kind: Pod\n spec: [\n", code=1)
    assert "standard input:2" in broken.stderr, broken.stderr


if __name__ == "__main__":
    same_manifests()
    injection()
    refusals()
    print("manifests: base, chart and weftctl install are equal; inject and uninject are")
