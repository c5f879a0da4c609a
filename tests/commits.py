"""Any commits of the records that tasks and services consist of, for properties that hold after whatever comes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

import worlds
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.service import DAEMON, REPLICA, Deployment, Service, ServiceProgress
from moorage.domain.task import Status, Stop, StopCode, Task, TaskState

PLACE = (*worlds.HOME, worlds.CLUSTER)
LAUNCH = ("FARGATE", "EC2")
STOPS = st.sampled_from([None, Stop(StopCode.USER_INITIATED, "asked", worlds.NOON)])
SERVICES = st.sampled_from(["web", "api"])
NUMBERS = st.integers(1, 2)
FAMILIES = st.sampled_from(["web", "job"])


def task(number: int, service: str | None, of: int, launch_type: str, family: str, stop: Stop | None) -> Task:
    id_ = f"{number:032x}"
    made = Task(*PLACE, id_, worlds.NOON, worlds.definition(family).key, f"family:{family}", launch_type, stop=stop)
    if service is None:
        return replace(made, started_by="me")
    return replace(made, service=service, deployment_id=worlds.deployment(service, of).id, group=f"service:{service}")


def state(number: int, status: Status, stop: Stop | None) -> TaskState:
    return TaskState(*PLACE, f"{number:032x}", status, stop=stop)


def service(name: str, of: int, strategy: str, deleted: bool) -> Service:
    made = replace(worlds.service(name), scheduling_strategy=strategy, deployment_id=worlds.deployment(name, of).id)
    return replace(made, deleted_at=worlds.NOON) if deleted else made


def deployment(name: str, of: int, launch_type: str, namespace: str | None) -> Deployment:
    return replace(worlds.deployment(name, of), launch_type=launch_type, namespace_id=namespace)


def progress(name: str, gone: bool) -> ServiceProgress:
    return ServiceProgress(*PLACE, name, inactive_at=worlds.NOON + timedelta(1) if gone else None)


LAUNCHES = st.sampled_from(LAUNCH)
RECORDS: st.SearchStrategy[Any] = st.one_of(
    st.builds(task, st.integers(1, 4), st.one_of(st.none(), SERVICES), NUMBERS, LAUNCHES, FAMILIES, STOPS),
    st.builds(state, st.integers(1, 4), st.sampled_from(Status), STOPS),
    st.builds(service, SERVICES, NUMBERS, st.sampled_from([REPLICA, DAEMON]), st.booleans()),
    st.builds(deployment, SERVICES, NUMBERS, LAUNCHES, st.sampled_from([None, worlds.NAMESPACE])),
    st.builds(progress, SERVICES, st.booleans()),
    st.builds(lambda family, status: replace(worlds.definition(family), status=status), FAMILIES, st.just("INACTIVE")),
)
WRITES: st.SearchStrategy[Write] = st.one_of(
    RECORDS.map(Put), RECORDS.map(lambda record: Delete(record.table, record.key))
)
COMMITS = st.lists(st.lists(WRITES, max_size=4), max_size=20)
