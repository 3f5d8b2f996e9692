"""Every server that we did not write behind one agent, and another agent for the clients: explicit, or redirected in network
namespaces."""
import contextlib
import json

import programs
import spaces
from mesh import Mesh, free_port, mesh_service, service_policy
from programs import SIZES

MOST_RSS_KIB = 40 * 1024


class Pair:
    """Servers behind one agent, clients behind another, explicit: a local port per service, or as a proxy."""

    def __init__(self, mesh, sizes=SIZES, only=None, policy=None):
        self.folder = mesh.dir / "files"
        self.folder.mkdir()
        programs.files(self.folder, sizes)
        self.servers = self.start_servers(mesh, only)
        self.policy = policy or {}
        self.server = mesh.agent("server", services=(), resources=self.resources(mesh, "server", {}), inbound=[
            {"listen": "127.0.0.1:0", "forward": f"127.0.0.1:{s.port}", "service": f"default/{s.id}", "port": "http"} for s in self.servers])
        ports = {s.id: self.server.ports[f"inbound-{i}"] for i, s in enumerate(self.servers)}
        self.client = mesh.agent("client", services=[s.id for s in self.servers], resources=self.resources(mesh, "client", ports))
        self.agents = [self.server, self.client]
        self.proxy = f"127.0.0.1:{self.client.ports['outbound']}"

    def start_servers(self, mesh, only):
        go = programs.go_server(mesh)
        made = {"go": lambda: go, "python": lambda: programs.python_server(mesh, self.folder)}
        if not programs.missing("node"):
            made["node"] = lambda: programs.node_server(mesh, self.folder)
        if not programs.missing("nginx"):
            made["nginx"] = lambda: programs.nginx_server(mesh, self.folder, f"127.0.0.1:{free_port()}", f"127.0.0.1:{go.port}")
        return [make() for name, make in made.items() if only is None or name in only]

    def resources(self, mesh, name, ports):
        documents = []
        for server in self.servers:
            document = mesh_service(server.id, [])
            if ports:
                document["spec"]["instances"] = [{"id": f"{server.id}-1", "address": "127.0.0.1", "port": ports[server.id]}]
            documents.append(document)
            if self.policy:
                documents.append(service_policy(server.id, **self.policy))
        path = mesh.dir / f"{name}.yaml"
        path.write_text("\n---\n".join(json.dumps(d) for d in documents))
        return str(path)

    def url(self, server):
        return self.client.url(f"service-default/{server}", "")


class Redirected:
    """The same in network namespaces, where nobody needs to know of the agents."""

    PORTS = {"go": 8081, "python": 8082, "node": 8083, "nginx": 8084}

    def __init__(self, mesh, made, sizes=SIZES, policy=None):
        mesh.dir.chmod(0o777)
        self.folder = mesh.dir / "files"
        self.folder.mkdir()
        programs.files(self.folder, sizes)
        self.here, there = made.add("client"), made.add("server")
        at = {name: f"{there.address}:{port}" for name, port in self.PORTS.items()}
        words = there.inside()
        self.servers = [programs.go_server(mesh, at["go"], words), programs.python_server(mesh, self.folder, at["python"], words)]
        if not programs.missing("node"):
            self.servers.append(programs.node_server(mesh, self.folder, at["node"], words))
        if not programs.missing("nginx"):
            self.servers.append(programs.nginx_server(mesh, self.folder, at["nginx"], at["go"], words))
        path = mesh.dir / "both.yaml"
        path.write_text("\n---\n".join(json.dumps(d) for s in self.servers
                                      for d in (self.service(s, there), service_policy(s.id, **(policy or {})))))
        self.agents = [self.agent(mesh, "server", there, path, inbound=[{"listen": "0.0.0.0:15006", "transparent": True}]),
                       self.agent(mesh, "client", self.here, path)]
        self.client = self.agents[1]
        self.here.redirect([1])
        there.redirect(self.PORTS.values())
        self.there = there

    @staticmethod
    def service(server, space):
        return {"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": server.id, "namespace": "default"},
                "spec": {"ports": [{"name": "http", "port": server.port, "protocol": "HTTP"}],
                         "instances": [{"id": f"{server.id}-1", "address": space.address, "port": server.port}]}}

    @staticmethod
    def agent(mesh, name, space, resources, inbound=None):
        return mesh.agent(name, services=(), resources=str(resources), inbound=inbound, inside=space.inside(as_agent=True),
                          host=space.address, outbound={"listen": "127.0.0.1:15001", "transparent": True, "services": []},
                          telemetry={"listen": "0.0.0.0:15020"})

    def url(self, server):
        return f"http://{self.there.address}:{self.PORTS[server]}"


@contextlib.contextmanager
def redirected(**options):
    with spaces.Spaces() as made, Mesh() as mesh:
        yield Redirected(mesh, made, **options)


def rss_kib(agent, field="VmRSS"):
    return int(open(f"/proc/{agent.process.pid}/status").read().split(f"{field}:")[1].split()[0])
