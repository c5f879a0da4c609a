"""Which sample goes to which series: names, dimensions and sides as AWS documents them."""

from moorage.domain.metrics import UNITS, Series
from moorage.domain.traffic import EGRESS, INGRESS, Counts, Side
from moorage.planning import metering
from moorage.planning.metering import Metered, Size, Use

UNKNOWN = Use()
SERVER, CLIENT = ("a", "r", "demo", "server"), ("a", "r", "demo", "client")
INBOUND = Counts({"2xx": 3}, requests=3, connections=1, active=2, received=10, sent=20, durations=((1.0, 3),))
OUTBOUND = Counts({"2xx": 3, "5xx": 1}, 4, connections=1, received=5, sent=6, durations=((2.0, 3), (9.0, 1)), targets=2)


def served(protocol: str = "http", counts: Counts = INBOUND, use: Use = UNKNOWN) -> Metered:
    return Metered(SERVER, {Side(INGRESS, "api", protocol): counts}, use)


def called(counts: Counts = OUTBOUND) -> Metered:
    return Metered(CLIENT, {Side(EGRESS, "api", "http"): counts})


def series(name: str, **dimensions: str) -> Series:
    return Series("a", "r", name, tuple(sorted(dimensions.items())))


def test_each_metric_has_the_discovery_name_alone_and_with_its_service() -> None:
    found = metering.points([served(), called()])
    for name in ("RequestCount", "NewConnectionCount", "ActiveConnectionCount", "ProcessedBytes"):
        assert series(name, DiscoveryName="api") in found
        assert series(name, DiscoveryName="api", ServiceName="server", ClusterName="demo") in found
    for name in ("HTTPCode_Target_2XX_Count", "TargetResponseTime", "TargetProcessedBytes", "RequestCountPerTarget"):
        assert series(name, TargetDiscoveryName="api") in found
        assert series(name, TargetDiscoveryName="api", ServiceName="client", ClusterName="demo") in found
    assert {each.name for each in found} <= UNITS.keys()


def test_tasks_give_a_sample_each() -> None:
    found = metering.points([served(), served(counts=Counts({"2xx": 7}, requests=7)), served()])
    assert found[series("RequestCount", DiscoveryName="api")] == {3.0: 2, 7.0: 1}


def test_bytes_of_both_directions_are_processed() -> None:
    found = metering.points([served(), called()])
    assert found[series("ProcessedBytes", DiscoveryName="api")] == {30.0: 1}
    assert found[series("TargetProcessedBytes", TargetDiscoveryName="api")] == {11.0: 1}


def test_every_request_is_a_sample_of_the_response_time() -> None:
    found = metering.points([called(), called()])
    assert found[series("TargetResponseTime", TargetDiscoveryName="api")] == {2.0: 6, 9.0: 2}


def test_requests_per_target_are_those_of_all_callers_by_the_tasks_behind_the_name() -> None:
    found = metering.points([called(), called(), called(Counts({}, targets=2))])
    assert found[series("RequestCountPerTarget", TargetDiscoveryName="api")] == {4.0: 1}


def test_grpc_requests_are_counted_apart_and_tcp_has_no_requests() -> None:
    assert series("GrpcRequestCount", DiscoveryName="api") in metering.points([served("grpc")])
    names = {each.name for each in metering.points([served("tcp", Counts({}, connections=1, sent=1))])}
    assert names == {"NewConnectionCount", "ProcessedBytes"}


def test_where_nothing_passed_there_is_no_sample() -> None:
    assert metering.points([served(counts=Counts({})), called(Counts({}, targets=3))]) == {}


def test_use_is_of_what_the_task_reserved() -> None:
    used = {"app": {"cpu": 7_000_000_000, "memory": 64 << 20}, "proxy": {"cpu": 1_000_000_000, "memory": 64 << 20}}
    found = metering.use({"app": 1_000_000_000, "proxy": 0}, used, 60, Size(cpu=256, memory=512))
    assert found == Use(cpu=round(7 / 60 / 0.25 * 100, 4), memory=25)
    points = metering.points([served(use=found)])
    assert points[series("MemoryUtilization", ServiceName="server", ClusterName="demo")] == {25.0: 1}


def test_a_share_of_nothing_reserved_or_measured_once_is_not_known() -> None:
    used = {"app": {"cpu": 7, "memory": 64}}
    assert metering.use({"app": 1}, used, 60, Size(0, 0)) == Use()
    assert metering.use({}, used, 60, Size(256, 0)) == Use()
