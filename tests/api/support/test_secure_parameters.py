"""SecureString parameters: encrypted by KMS in the support process, kept as ciphertext in the store."""

import base64
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.domain.parameter import Parameter
from moorage.engine.ports import OperationFailed
from moorage.store.memory import MemoryStore
from moorage.support.process import SupportProcess
from moorage.system import SystemClock, SystemIds

Ask = Callable[..., Awaitable[dict[str, Any]]]
HOME = ("123456789012", "eu-west-1")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def ask(store: MemoryStore, support: SupportProcess) -> Ask:
    dispatcher = Dispatcher(operations.table(), store, SystemClock(), SystemIds(), support.forward)

    async def call(operation: str, service: str = "ssm", **arguments: Any) -> dict[str, Any]:
        return await dispatcher.call(*HOME, service, operation, arguments)

    return call


async def value(ask: Ask, name: str = "/db/password", **more: Any) -> str:
    found: str = (await ask("GetParameter", Name=name, **more))["Parameter"]["Value"]
    return found


async def test_a_value_is_opened_only_when_asked_to_and_never_stored(
    ask: Ask, store: MemoryStore, support: SupportProcess
) -> None:
    await ask("PutParameter", Name="/db/password", Value="s3cret é", Type="SecureString")
    stored = store.snapshot().get(Parameter, (*HOME, "/db/password"))
    assert stored is not None
    assert b"s3cret" not in base64.b64decode(stored.value)
    assert await value(ask) == stored.value
    assert await value(ask, WithDecryption=True) == "s3cret é"
    assert support.pid is not None
    os.kill(support.pid, signal.SIGKILL)
    assert await value(ask, WithDecryption=True) == "s3cret é"
    described = (await ask("DescribeParameters"))["Parameters"][0]
    assert (described["Type"], described["KeyId"]) == ("SecureString", "alias/aws/ssm")


async def test_versions_are_opened_each(ask: Ask) -> None:
    await ask("PutParameter", Name="/db/password", Value="one", Type="SecureString")
    await ask("PutParameter", Name="/db/password", Value="two", Overwrite=True)
    history = (await ask("GetParameterHistory", Name="/db/password", WithDecryption=True))["Parameters"]
    assert [version["Value"] for version in history] == ["one", "two"]
    assert await value(ask, "/db/password:1", WithDecryption=True) == "one"
    below = (await ask("GetParametersByPath", Path="/db", WithDecryption=True))["Parameters"]
    assert [found["Value"] for found in below] == ["two"]


async def test_a_key_of_the_user_s_is_used(ask: Ask) -> None:
    key = (await ask("CreateKey", "kms"))["KeyMetadata"]["KeyId"]
    await ask("PutParameter", Name="/db/password", Value="x", Type="SecureString", KeyId=key)
    assert await value(ask, WithDecryption=True) == "x"
    assert (await ask("DescribeParameters"))["Parameters"][0]["KeyId"] == key
    sealed = base64.b64decode(await value(ask))
    context = {"PARAMETER_ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter/db/password"}
    opened = await ask("Decrypt", "kms", CiphertextBlob=sealed, EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyId"].endswith(key)) == (b"x", True)


async def test_a_key_that_there_is_not_is_refused_and_nothing_is_kept(ask: Ask, store: MemoryStore) -> None:
    with pytest.raises(OperationFailed) as error:
        await ask("PutParameter", Name="/a", Value="x", Type="SecureString", KeyId="alias/none")
    assert (error.value.code, error.value.status) == ("InvalidKeyId", 400)
    assert store.snapshot().sequence == 0


async def test_what_kms_cannot_encrypt_at_once_is_refused(ask: Ask) -> None:
    with pytest.raises(OperationFailed, match="4096 bytes"):
        await ask("PutParameter", Name="/a", Value="é" * 2049, Type="SecureString")
