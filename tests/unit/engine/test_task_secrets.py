"""What a task's containers take from elsewhere: fetched once, as the task's account, or the reason why it cannot be."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from moorage.domain import secret_rules
from moorage.domain.errors import ClientMistake
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import OperationFailed, Unavailable
from moorage.engine.task_secrets import CannotInitialize, Fetched, TaskSecrets
from worlds import CLUSTER, HOME, NOON, definition

PULLING = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to retrieve"
)
SECRET = f"arn:aws:secretsmanager:eu-west-1:{HOME[0]}:secret:db-AbCdEf"
TASK = Task(*HOME, CLUSTER, "1" * 32, NOON, definition().key, "g", "FARGATE")


class Vault:
    """The services that hold secrets, as the Operations port reaches them."""

    def __init__(self, **also: Any) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.answers: dict[tuple[str, str], Any] = {
            ("ssm", "/db/user"): {"Parameter": {"Value": "admin"}},
            ("secretsmanager", SECRET): {"SecretString": '{"password": "hunter2", "port": 5432}'},
            ("s3", "settings/a.env"): {"Body": b"# colours\n\nCOLOUR=blue\nSHADE = dark = er\nnothing\n"},
            ("s3", "settings/b.env"): {"Body": b"COLOUR=red\n"},
        }

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.calls.append((account, region, operation))
        name = arguments.get("Name") or arguments.get("SecretId") or f"{arguments['Bucket']}/{arguments['Key']}"
        answer = self.answers.get((service, name))
        if answer is None:
            code = {"ssm": "ParameterNotFound", "s3": "NoSuchKey"}.get(service, "ResourceNotFoundException")
            raise OperationFailed(service, operation, code, "It is not there.")
        if isinstance(answer, Exception):
            raise answer
        found: dict[str, Any] = answer
        return found


def needing(**members: Any) -> TaskDefinition:
    return definition(containers=[{"name": "app", "image": "app", **members}, {"name": "plain", "image": "app"}])


def secrets(**names: str) -> list[dict[str, str]]:
    return [{"name": name, "valueFrom": value} for name, value in names.items()]


def files(*keys: str) -> list[dict[str, str]]:
    return [{"type": "s3", "value": f"arn:aws:s3:::settings/{key}"} for key in keys]


async def test_secrets_and_files_are_fetched_for_the_container_that_names_them() -> None:
    vault = Vault()
    wanted = needing(
        secrets=secrets(USER="/db/user", PASSWORD=f"{SECRET}:password::", PORT=f"{SECRET}:port::", WHOLE=SECRET),
        environmentFiles=files("a.env", "b.env"),
    )
    found = await TaskSecrets(vault).of(TASK, wanted)
    assert found == {
        "app": Fetched(
            {"COLOUR": "red", "SHADE": "dark = er"},
            {
                "USER": "admin",
                "PASSWORD": "hunter2",
                "PORT": "5432",
                "WHOLE": '{"password": "hunter2", "port": 5432}',
            },
        )
    }
    assert {(account, region) for account, region, _ in vault.calls} == {HOME, (HOME[0], "eu-west-1")}


async def test_they_are_asked_for_once_while_the_task_is_there() -> None:
    vault = Vault()
    held = TaskSecrets(vault)
    for _ in range(3):
        await held.of(TASK, needing(secrets=secrets(USER="/db/user")))
    assert len(vault.calls) == 1
    held.forget(TASK)
    await held.of(TASK, needing(secrets=secrets(USER="/db/user")))
    assert len(vault.calls) == 2


MISSING = {
    "parameters": (
        {"secrets": secrets(A="/no/a", USER="/db/user", B="/no/b")},
        f"{PULLING} secrets from ssm: service call has been retried 1 time(s): invalid parameters: /no/a, /no/b",
    ),
    "secret": (
        {"secrets": secrets(A=SECRET + "X")},
        f"{PULLING} secret from asm: service call has been retried 1 time(s): failed to fetch secret {SECRET}X from "
        "secrets manager: ResourceNotFoundException: It is not there.",
    ),
    "key": (
        {"secrets": secrets(A=f"{SECRET}:colour::")},
        f"{PULLING} secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager "
        "did not contain json key colour",
    ),
    "file": (
        {"environmentFiles": files("none.env")},
        "ResourceInitializationError: failed to download env files: settings/none.env: NoSuchKey: It is not there.",
    ),
}


@pytest.mark.parametrize("what", MISSING)
async def test_what_is_missing_is_told_in_the_words_of_ecs(what: str) -> None:
    members, sentence = MISSING[what]
    with pytest.raises(CannotInitialize) as refusal:
        await TaskSecrets(Vault()).of(TASK, needing(**members))
    assert refusal.value.reason == sentence


async def test_a_service_that_does_not_answer_is_asked_again_later() -> None:
    vault = Vault()
    vault.answers["ssm", "/db/user"] = OperationFailed("ssm", "GetParameter", "ServiceUnavailable", "Later.", 503)
    held = TaskSecrets(vault)
    with pytest.raises(Unavailable):
        await held.of(TASK, needing(secrets=secrets(USER="/db/user")))
    vault.answers["ssm", "/db/user"] = {"Parameter": {"Value": "admin"}}
    assert (await held.of(TASK, needing(secrets=secrets(USER="/db/user"))))["app"].secrets == {"USER": "admin"}


WRONG = {
    "no role": ({"secrets": secrets(A="/a")}, None, "you must also specify a value for 'executionRoleArn'"),
    "taken": ({"secrets": secrets(A="/a"), "environment": [{"name": "A", "value": "1"}]}, "r", "such as 'A'"),
    "ARN": ({"secrets": secrets(A="arn:aws:sns:us-east-1:1:t")}, "r", "neither a parameter of SSM nor a secret"),
    "type": ({"environmentFiles": [{"type": "efs", "value": "x"}]}, "r", "must be s3"),
    "object": ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/a.txt"}]}, "r", "ends in .env"),
    "many": ({"environmentFiles": files(*(f"{n}.env" for n in range(11)))}, "r", "at most 10"),
}


@pytest.mark.parametrize("what", WRONG)
def test_references_that_make_no_sense_are_refused_when_they_are_registered(what: str) -> None:
    members, role, words = WRONG[what]
    document = {"containerDefinitions": [{"name": "app", **members}], "executionRoleArn": role}
    with pytest.raises(ClientMistake) as refusal:
        secret_rules.check(document)
    assert words in refusal.value.message


async def test_environment_files_of_the_task_go_before_those_of_the_definition() -> None:
    task = replace(TASK, overrides={"containerOverrides": [{"name": "plain", "environmentFiles": files("b.env")}]})
    found = await TaskSecrets(Vault()).of(task, needing(environmentFiles=files("a.env")))
    assert found["app"].files == {"COLOUR": "blue", "SHADE": "dark = er"}
    assert found["plain"].files == {"COLOUR": "red"}
    task = replace(TASK, overrides={"containerOverrides": [{"name": "app", "environmentFiles": files("b.env")}]})
    assert (await TaskSecrets(Vault()).of(task, needing(environmentFiles=files("a.env"))))["app"].files == {
        "COLOUR": "red"
    }


async def test_secret_options_and_the_file_of_a_log_router_are_fetched_for_their_containers() -> None:
    vault = Vault()
    vault.answers["s3", "settings/extra.conf"] = {"Body": b"[OUTPUT]\n"}
    options = {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::settings/extra.conf"}
    routed = definition(
        containers=[
            {"name": "app", "logConfiguration": {"logDriver": "awsfirelens", "secretOptions": secrets(key="/db/user")}},
            {"name": "router", "firelensConfiguration": {"type": "fluentbit", "options": options}},
        ]
    )
    found = await TaskSecrets(vault).of(TASK, routed)
    assert found == {"app": Fetched(log_options={"key": "admin"}), "router": Fetched(external="[OUTPUT]\n")}
    del vault.answers["s3", "settings/extra.conf"]
    with pytest.raises(CannotInitialize, match=r"unable to download firelens s3 config file: settings/extra\.conf: No"):
        await TaskSecrets(vault).of(TASK, routed)


@pytest.mark.parametrize("wanted", [SECRET, "the-secret"])
async def test_the_credentials_of_a_registry_must_be_there(wanted: str) -> None:
    vault = Vault()
    vault.answers["secretsmanager", "the-secret"] = {"SecretString": "{}"}
    needed = needing(repositoryCredentials={"credentialsParameter": wanted})
    assert await TaskSecrets(vault).of(TASK, needed) == {"app": Fetched()}
    del vault.answers["secretsmanager", wanted]
    with pytest.raises(CannotInitialize, match=r"unable to pull secrets or registry auth: .* secret from asm"):
        await TaskSecrets(vault).of(TASK, needed)
