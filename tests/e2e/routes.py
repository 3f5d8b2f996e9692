"""Routes and policies as Kubernetes objects: conditions on routes, what a route does to traffic, refusals, the leader's Lease.
The Gateway API's CRDs are there (cluster/conformance applies them)."""
import json

from kube import MESH, say, wait_for

ROUTE = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"},
         "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}],
                  "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/gone"}}],
                             "filters": [{"type": "RequestRedirect", "requestRedirect": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/"},
                                                                                         "statusCode": 302}}]},
                            {"backendRefs": [{"name": "web", "port": 80}]}]}}
POLICY = {"apiVersion": "weft.dev/v1", "kind": "ServicePolicy", "metadata": {"name": "web", "namespace": "shop"},
          "spec": {"targetRefs": [{"kind": "Service", "name": "web"}], "retry": {"attempts": 1}}}


def conditions(cluster, name="web"):
    """{type: "Status Reason"} of our entry."""
    parents = cluster.get("-n", "shop", "httproute", name).get("status", {}).get("parents", [])
    ours = [one for one in parents if one["controllerName"] == "weft.dev/controller"]
    return {one["type"]: f"{one['status']} {one['reason']}" for one in (ours[0]["conditions"] if ours else [])}


def apply(cluster, document, check=True):
    return cluster.kubectl("apply", "-f", "-", text=json.dumps(document), check=check)


def become(cluster, **wanted):
    wait_for(f"conditions {wanted}", lambda: conditions(cluster) == wanted, 30)


def statuses(cluster):
    apply(cluster, ROUTE)
    become(cluster, Accepted="True Accepted", ResolvedRefs="True ResolvedRefs")
    broken = json.loads(json.dumps(ROUTE))
    broken["spec"]["rules"][1]["backendRefs"][0]["name"] = "nobody"
    apply(cluster, broken)
    become(cluster, Accepted="True Accepted", ResolvedRefs="False BackendNotFound")
    broken["spec"]["parentRefs"][0]["name"] = "nobody"
    apply(cluster, broken)
    become(cluster, Accepted="False NoMatchingParent", ResolvedRefs="Unknown Pending")
    apply(cluster, ROUTE)
    become(cluster, Accepted="True Accepted", ResolvedRefs="True ResolvedRefs")
    holder = cluster.get("-n", MESH, "lease", "weft-control")["spec"]["holderIdentity"]
    assert holder.startswith("weft-control-"), holder
    say(f"routes: conditions follow what is so; the leader is {holder}")


def refusals(cluster):
    apply(cluster, POLICY)
    for change, field, reason in (({"retry": {"attempts": 11}}, "spec.retry.attempts", "less than or equal to 10"),
                                  ({"retry": {"on": ["sometimes"]}}, "spec.retry.on[0]", "no reason to retry"),
                                  ({"outlierDetection": {"baseEjection": "10s", "maxEjection": "1s"}}, "spec.outlierDetection", "maxEjection")):
        bad = json.loads(json.dumps(POLICY))
        bad["spec"].update(change)
        refused = apply(cluster, bad, check=False)
        assert refused.returncode != 0 and field in refused.stderr and reason in refused.stderr, refused.stderr
    bad = json.loads(json.dumps(ROUTE))
    bad["spec"]["rules"][1]["filters"] = [{"type": "CORS", "cors": {}}]
    refused = apply(cluster, bad, check=False)
    assert refused.returncode != 0 and "spec.rules[1].filters[0].type" in refused.stderr, refused.stderr
    table = cluster.kubectl("-n", "shop", "get", "servicepolicy").stdout
    assert "TARGETS" in table and "web" in table, table
    say("policies: what an agent would refuse is refused by kubectl apply, with field and reason")


def run(cluster):
    statuses(cluster)
    refusals(cluster)
    cluster.kubectl("-n", "shop", "delete", "httproute/web", "servicepolicy/web")
