"""Parts are taken away under load: the control plane, the API server, an agent, a node."""
import json
import re
import socket
import time

from kube import MESH, Load, say, wait_for
from restarts import restart, settled

POD_OF = r"for p in $(pgrep -f '%s'); do echo $p $(grep -m1 -oE 'pod[0-9a-f]{8}-[0-9a-f-]+' /proc/$p/cgroup); done"


def processes(cluster, node, pattern):
    """Process ids among the node's own, by the pod's uid."""
    lines = cluster.on_node(node, "sh", "-c", POD_OF % pattern, check=False).splitlines()
    return {words[1].removeprefix("pod"): int(words[0]) for words in map(str.split, lines) if len(words) == 2}


def kill(cluster, node, pattern, uid):
    """Ends a container's program and waits for kubelet to start another, which needs no API server."""
    before = processes(cluster, node, pattern)[uid]
    cluster.on_node(node, "kill", "-KILL", str(before))
    wait_for(f"another {pattern}", lambda: processes(cluster, node, pattern).get(uid, before) != before, 60)


def no_failure(load, what):
    seen = load.end()
    assert not seen["failures"], f"{what}: {seen['failures']} of {seen['requests']}"
    say(f"{what}: 0 of {seen['requests']} requests failed, slowest {seen['slow_ms']} ms")


def scale(cluster, replicas):
    """The control plane, until it is so."""
    cluster.kubectl("-n", MESH, "scale", "deployment/weft-control", "--replicas", str(replicas))
    cluster.rolled_out("weft-control", MESH)
    wait_for(f"{replicas} pods of the control plane", lambda: len(cluster.get("-n", MESH, "pods")["items"]) == replicas, 60)


def control_plane_away(cluster):
    load = Load(cluster, 50)
    cluster.kubectl("-n", MESH, "delete", "pod", "-l", "app=weft-control", "--grace-period", "0", "--force")
    scale(cluster, 0)
    run = ["run", "late", "--image", "weft.test/probe:1", "--dry-run=server", "-o", "name"]
    refused = cluster.kubectl("-n", "shop", *run, check=False)
    assert refused.returncode != 0 and "namespace.inject.weft.dev" in refused.stderr, refused
    cluster.kubectl("-n", "default", *run)
    scale(cluster, 1)
    restart(cluster)   # what the new one, whose store is empty, tells is believed
    settled(cluster)
    no_failure(load, "control plane killed, its store lost, the Deployment restarted; without it meshed pods are refused, others are not")


def api_server_away(cluster, seconds):
    """And the control plane, while agents are killed in their pods; they come back with their cache."""
    load = Load(cluster, 100)
    scale(cluster, 0)
    cluster.component("stop", "kube-apiserver")
    began, killed = time.monotonic(), 0
    pods = processes(cluster, "node-1", "^/probe serve")
    while not killed or time.monotonic() < began + seconds:
        for uid in pods:
            kill(cluster, "node-1", "^/usr/bin/weft-agent", uid)
            killed += 1
    away = time.monotonic() - began
    cluster.component("start", "kube-apiserver")
    wait_for("the API server", lambda: cluster.kubectl("get", "--raw", "/readyz", check=False).returncode == 0, 90)
    scale(cluster, 1)
    restart(cluster)
    settled(cluster)
    no_failure(load, f"API server and control plane away for {away:.0f} s, {killed} agents killed meanwhile")


def sources(cluster):
    """What the control plane thinks of Kubernetes as a source of services."""
    return [issue for issue in json.loads(cluster.weftctl("issues", "-o", "json"))["items"] if issue["code"] == "SourceLost"]


def rights_lost(cluster):
    """Without its rights the control plane says so, and traffic goes on with what was known."""
    load = Load(cluster, 50)
    role = cluster.get("clusterrolebinding", "weft-control")
    cluster.kubectl("delete", "clusterrolebinding", "weft-control")
    cluster.component("stop", "kube-apiserver")   # what is open is judged no more
    cluster.component("start", "kube-apiserver")
    wait_for("the API server", lambda: cluster.kubectl("get", "--raw", "/readyz", check=False).returncode == 0, 90)
    said = wait_for("the issue SourceLost", lambda: sources(cluster), 90)
    assert "cannot list resource" in json.dumps(said), said
    for field in ("resourceVersion", "uid", "creationTimestamp"):
        role["metadata"].pop(field, None)
    cluster.kubectl("apply", "-f", "-", text=json.dumps(role))
    wait_for("the issue's end", lambda: not sources(cluster), 90)
    restart(cluster)
    settled(cluster)
    no_failure(load, "the control plane without its rights, and with them again")


def frozen(cluster, seconds):
    """An API server that takes connections and answers nothing."""
    load = Load(cluster, 50)
    cluster.component("freeze", "kube-apiserver")
    time.sleep(seconds)
    cluster.component("thaw", "kube-apiserver")
    restart(cluster)
    settled(cluster)
    no_failure(load, f"API server frozen for {seconds} s")


def memory_of(cluster, pid, name, value=None):
    """A file of the process's memory cgroup."""
    group = re.search(r"\d+:memory:(\S+)", cluster.on_node("node-1", "cat", f"/proc/{pid}/cgroup"))[1]
    path = f"/sys/fs/cgroup/memory{group}/{name}"
    if value is not None:
        cluster.on_node("node-1", "sh", "-c", f"echo {value} > {path}")
    return int(cluster.on_node("node-1", "cat", path))


def agent_state(cluster, pod):
    statuses = cluster.get("-n", "shop", "pod", pod)["status"]["initContainerStatuses"]
    return next(one for one in statuses if one["name"] == "weft-agent")


def out_of_memory(cluster):
    """The kernel ends an agent whose memory is taken away under load; its pod goes on."""
    load = Load(cluster, 100)
    name, pod = next((name, pod) for name, pod in cluster.pods("app=web").items() if pod["spec"]["nodeName"] == "node-1")
    pid = processes(cluster, "node-1", "^/usr/bin/weft-agent")[pod["metadata"]["uid"]]
    memory_of(cluster, pid, "memory.limit_in_bytes", memory_of(cluster, pid, "memory.usage_in_bytes") + (1 << 18))
    crowd = []
    while agent_state(cluster, name)["restartCount"] == 0 and len(crowd) < 5000:
        crowd += [crowded for crowded in (knock(pod["status"]["podIP"]) for _ in range(100)) if crowded]
    for one in crowd:
        one.close()
    state = wait_for("the agent's return", lambda: (now := agent_state(cluster, name))["restartCount"] > 0 and now["ready"] and now, 60)
    reason = state["lastState"]["terminated"]["reason"]
    assert reason == "OOMKilled", reason
    no_failure(load, "an agent without memory was killed by the kernel and came back")


def knock(address):
    """A connection to the application with half a request; none when nobody takes it."""
    try:
        one = socket.create_connection((address, 8080), 1)
        one.sendall(b"GET / HTTP/1.1\r\nhost: web\r\n")
        return one
    except OSError:
        return None


def node_lost(cluster):
    lost = [name for name, pod in cluster.pods("app=web").items() if pod["spec"]["nodeName"] == "node-2"]
    assert lost, "no pod of the service is on node-2"
    load = Load(cluster, 200)
    cluster.lose_node("node-2")
    wait_for("Kubernetes to notice", lambda: all(
        one["status"] != "True" for one in cluster.get("node", "node-2")["status"]["conditions"] if one["type"] == "Ready"), 120)
    seen = load.end()
    failed = sum((seen["failures"] or {}).values())
    say(f"node lost with {len(lost)} of 3 pods: {failed} of {seen['requests']} requests failed {seen['failures']}, slowest {seen['slow_ms']} ms, "
        "until Kubernetes noticed")
    assert failed <= seen["requests"] // 100, "more than 1 % failed"
