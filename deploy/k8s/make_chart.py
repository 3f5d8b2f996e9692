#!/usr/bin/env python3
"""Makes the Helm chart of deploy/k8s/base, which is the source; tests/integration/manifests_test.py holds them to one another.
Usage: make_chart.py [--check]"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
VALUES = {   # in the base: (name in values.yaml, the base's own text, how it reads in the chart)
    "image: weft/control:dev": ("controlImage", "weft/control:dev", "image: {{ .Values.controlImage }}"),
    "agentImage: weft/agent:dev": ("agentImage", "weft/agent:dev", "agentImage: {{ .Values.agentImage }}"),
    "imagePullPolicy: IfNotPresent": ("imagePullPolicy", "IfNotPresent", "imagePullPolicy: {{ .Values.imagePullPolicy }}"),
    "agentPullPolicy: IfNotPresent": ("imagePullPolicy", "IfNotPresent", "agentPullPolicy: {{ .Values.imagePullPolicy }}"),
}
CHART = """apiVersion: v2
name: weft
description: The Weft service mesh
type: application
version: 0.1.0
appVersion: "0.1.0"
"""


def files():
    """{path in the chart: text}"""
    text = (HERE / "base/weft.yaml").read_text()
    for found, (_, _, template) in VALUES.items():
        assert found in text, f"deploy/k8s/base/weft.yaml has no '{found}'"
        text = text.replace(found, template)
    values = {name: own for name, own, _ in VALUES.values()}
    return {"Chart.yaml": CHART, "crds/weft.yaml": (HERE / "base/crds.yaml").read_text(), "templates/weft.yaml": text, "values.yaml": "".join(f"{name}: {own}\n" for name, own in values.items())}


def main():
    different = []
    for name, text in files().items():
        path = HERE / "chart" / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                different.append(str(path))
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if different:
        sys.exit(f"not as deploy/k8s/make_chart.py writes it: {', '.join(different)}")


if __name__ == "__main__":
    main()
