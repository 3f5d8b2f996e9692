#!/usr/bin/env python3
"""The OpenAPI document of a running control plane: valid, complete, and true of what the paths answer."""
import json
import pathlib
import re
import sys
import urllib.error
import urllib.request

from bare_control import control_plane
from packages import with_packages

CART = {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": "cart"}, "spec": {"ports": [{"port": 80, "name": "http"}]}}
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def call(base, verb, path, body=None):
    request = urllib.request.Request(base + path, method=verb, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def check_document(document):
    import openapi_spec_validator
    openapi_spec_validator.validate(document)
    broken = json.loads(json.dumps(document))
    del broken["paths"]["/apply"]["post"]["responses"]
    broken["paths"]["/services/{other}"] = broken["paths"]["/services/{namespace}/{name}"]
    try:
        openapi_spec_validator.validate(broken)
    except Exception:   # it has a class for each of them
        return
    raise AssertionError("the validator takes a document that is wrong")


def check_rows(document):
    """Every row of the table is a path of the document."""
    text = (ROOT / "controlplane/api/table.h").read_text()
    rows = set(re.findall(r'Row\{"(\w+)",\s*"([^"]+)"', text))
    said = {(verb.upper(), path[1:]) for path, verbs in document["paths"].items() for verb in verbs}
    assert rows == said, rows ^ said


def check_answers(base, document):
    """Real answers against the schemas, in which no further member is allowed."""
    import jsonschema
    resolver = jsonschema.RefResolver.from_schema(document)
    instance = {"address": "127.0.0.1", "port": 8080, "ports": {"http": 8080}, "ttl": "30s", "labels": {"v": "1"}}
    calls = [
        ("POST", "apply", "apply", CART), ("PUT", "services/{namespace}/{name}", "services/default/stock",
                                           {"ports": [{"port": 80}], "labels": {"a": "b"}}),
        ("PUT", "services/{namespace}/{name}/instances/{id}", "services/default/cart/instances/a", instance),
        ("PUT", "services/{namespace}/{name}/instances/{id}/heartbeat", "services/default/cart/instances/a/heartbeat", None),
        ("GET", "services", "services", None), ("GET", "services/{namespace}/{name}", "services/default/cart", None),
        ("GET", "services/{namespace}/{name}/instances", "services/default/cart/instances", None),
        ("GET", "services/{namespace}/{name}/instances/{id}", "services/default/cart/instances/a", None),
        ("PUT", "resources/{kind}/{namespace}/{name}", "resources/MeshService/default/cart", CART),
        ("GET", "resources", "resources", None), ("GET", "resources/{kind}", "resources/MeshService", None),
        ("GET", "resources/{kind}/{namespace}/{name}", "resources/MeshService/default/cart", None),
        ("GET", "revisions", "revisions", None), ("GET", "revisions/{revision}", "revisions/1", None),
        ("GET", "revisions/{revision}/diff", "revisions/0/diff", None),
        ("POST", "revisions/{revision}:rollback", "revisions/1:rollback", None),
        ("DELETE", "services/{namespace}/{name}/instances/{id}", "services/default/cart/instances/a", None),
        ("DELETE", "services/{namespace}/{name}", "services/default/cart", None),
        ("GET", "agents", "agents", None), ("GET", "explain/{request-id}", "explain/x", None), ("GET", "version", "version", None),
        ("GET", "health/stats", "health/stats", None), ("GET", "events", "events", None), ("GET", "stats/services", "stats/services", None),
        ("GET", "graph", "graph", None), ("GET", "issues", "issues", None),
    ]
    for verb, row, path, body in calls:
        status, answer = call(base, verb, path, body)
        assert status == 200, (verb, path, answer)
        schema = document["paths"]["/" + row][verb.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(answer)
    for verb, path in (("GET", "services/default/none"), ("GET", "services?x=1"), ("DELETE", "resources/x/y/z")):
        status, answer = call(base, verb, path)
        assert status >= 400, path
        jsonschema.Draft202012Validator({"$ref": "#/components/schemas/Errors"}, resolver=resolver).validate(answer)


def main(control):
    with control_plane(control) as port:
        base = f"http://127.0.0.1:{port}/api/v1/"
        status, document = call(base, "GET", "openapi.json")
        assert status == 200, document
        check_document(document)
        check_rows(document)
        check_answers(base, document)


if __name__ == "__main__":
    with_packages("jsonschema", "openapi_spec_validator")
    main(*sys.argv[1:])
