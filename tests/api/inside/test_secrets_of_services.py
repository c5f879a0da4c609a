"""Secrets and environment files from the services that hold them: SSM, and the others in the support process."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.domain.task import Task
from moorage.engine.task_secrets import CannotInitialize, Fetched, TaskSecrets
from moorage.store.memory import MemoryStore
from moorage.support.process import SupportProcess
from moorage.system import SystemClock, SystemIds
from worlds import CLUSTER, HOME, NOON, definition

TASK = Task(*HOME, CLUSTER, "1" * 32, NOON, definition().key, "g", "FARGATE")


@pytest.fixture
async def services() -> AsyncIterator[Dispatcher]:
    # Not pytest's own directory: the paths of sockets must be short.
    directory = Path(tempfile.mkdtemp(prefix="mrg-"))
    support = SupportProcess(directory / "state", directory / "support.sock", SystemIds())
    try:
        yield Dispatcher(operations.table(), MemoryStore(), SystemClock(), SystemIds(), support.forward)
    finally:
        await support.close()
        shutil.rmtree(directory)


async def test_each_service_gives_what_it_holds_and_says_what_it_does_not(services: Dispatcher) -> None:
    await services.call(*HOME, "ssm", "PutParameter", {"Name": "/db/user", "Value": "admin", "Type": "String"})
    made = await services.call(
        *HOME, "secretsmanager", "CreateSecret", {"Name": "db", "SecretString": '{"password": "hunter2"}'}
    )
    await services.call(*HOME, "s3", "CreateBucket", {"Bucket": "settings"})
    put = {"Bucket": "settings", "Key": "deep/app.env", "Body": b"COLOUR=blue\n# no\nSHADE=a=b\n"}
    await services.call(*HOME, "s3", "PutObject", put)
    secret = made["ARN"]
    wanted = {
        "secrets": [
            {"name": "USER", "valueFrom": "/db/user"},
            {"name": "PASSWORD", "valueFrom": f"{secret}:password::"},
            {"name": "WHOLE", "valueFrom": secret},
        ],
        "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::settings/deep/app.env"}],
    }
    found = await TaskSecrets(services).of(TASK, definition(containers=[{"name": "app", "image": "a", **wanted}]))
    assert found["app"] == Fetched(
        {"COLOUR": "blue", "SHADE": "a=b"},
        {"USER": "admin", "PASSWORD": "hunter2", "WHOLE": '{"password": "hunter2"}'},
    )
    for members, words in (
        ({"secrets": [{"name": "A", "valueFrom": secret + "X"}]}, "ResourceNotFoundException"),
        ({"secrets": [{"name": "A", "valueFrom": "/none"}]}, "invalid parameters: /none"),
        ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::settings/none.env"}]}, "NoSuchKey"),
        ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::no-bucket/a.env"}]}, "NoSuchBucket"),
    ):
        with pytest.raises(CannotInitialize, match=words):
            await TaskSecrets(services).of(TASK, definition(containers=[{"name": "app", "image": "a", **members}]))
