"""Stacks with everything real behind them but tasks, and daemons that die: for the tests of resource types.

Our own operations and, for the supporting services, the support process. `Mortal` is a daemon's view of them.
"""

from collections.abc import Mapping
from typing import Any

from moorage.api.dispatch import Dispatcher
from moorage.domain.service import Service
from moorage.domain.stack import Stack, StackResource
from moorage.domain.task_set import TaskSet
from moorage.engine.ports import Operations
from moorage.engine.services import Services
from moorage.engine.stacks import Stacks
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

ACCOUNT, REGION = "400000000001", "us-east-1"
MAKING = ("Add", "Allocate", "Associate", "Attach", "Authorize", "Create", "Modify", "Put", "Register")
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "y"}]}
GRANT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


class Crash(Exception):
    """The daemon is gone."""


class Mortal:
    """The Operations port of a daemon that dies right after its n-th making call was performed."""

    def __init__(self, operations_port: Operations, dies_after: int) -> None:
        self._port = operations_port
        self._left = dies_after

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        if self._left <= 0:
            raise Crash
        answer = await self._port.call(account, region, service, operation, arguments)
        if operation.startswith(MAKING):
            self._left -= 1
            if self._left == 0:
                raise Crash
        return answer


class World:
    """A store and its operations that outlive the daemons."""

    def __init__(self, dispatcher: Dispatcher, store: MemoryStore) -> None:
        self.dispatcher = dispatcher
        self.store = store
        self._services = Services(store, SystemClock(), SystemIds())

    async def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        return await self.dispatcher.call(ACCOUNT, REGION, service, operation, arguments)

    def stack(self, name: str) -> Stack:
        return self.store.snapshot().linked(Stack, "name", (ACCOUNT, REGION, name))[-1]

    def resources(self, name: str) -> dict[str, StackResource]:
        """The records of the newest stack of the name, by logical id."""
        found = self.store.snapshot().linked(StackResource, "stack", self.stack(name).key)
        return {one.logical_id: one for one in found}

    async def live(self, name: str, port: Operations) -> bool:
        """One daemon's life: until the stack has come to rest (True) or the daemon has died (False)."""
        doer = Stacks(self.store, port, SystemClock(), SystemIds())
        key = self.stack(name).key
        try:
            for _ in range(500):
                if await doer.reconcile(key) is None:
                    return True
                for service in list(self.store.snapshot().all(Service)):
                    await self._services.reconcile(service.key)
        except Crash:
            return False
        raise AssertionError(f"{name} does not come to rest")

    async def stored(self, name: str) -> dict[str, int]:
        """The same of what keeps files, images and keys."""
        counted = {
            "Aliases": await self._aliases(name),
            "Buckets": _of(await self.call("s3", "ListBuckets"), "Buckets", name),
            "repositories": await self._repositories(name),
        }
        return {member: len(answer[member]) for member, answer in counted.items()}

    async def holdings(self, name: str) -> dict[str, int]:
        """How many there are of everything that a stack of this name could have made."""
        mine = [{"Name": "tag:aws:cloudformation:stack-name", "Values": [name]}]
        roles = (await self.call("iam", "ListRoles"))["Roles"]
        counted = {
            "Vpcs": await self.call("ec2", "DescribeVpcs", Filters=mine),
            "Subnets": await self.call("ec2", "DescribeSubnets", Filters=mine),
            "InternetGateways": await self.call("ec2", "DescribeInternetGateways", Filters=mine),
            "RouteTables": await self.call("ec2", "DescribeRouteTables", Filters=mine),
            "SecurityGroups": await self.call("ec2", "DescribeSecurityGroups", Filters=mine),
            "logGroups": await self.call("logs", "DescribeLogGroups", logGroupNamePrefix=f"{name}-"),
            "Roles": {"Roles": [role for role in roles if role["RoleName"].startswith(f"{name}-")]},
            "taskDefinitionArns": await self.call("ecs", "ListTaskDefinitions", familyPrefix=f"{name}-task"),
            "clusterArns": _named(await self.call("ecs", "ListClusters"), "clusterArns", name),
            "Namespaces": _of(await self.call("servicediscovery", "ListNamespaces"), "Namespaces", name),
            "Parameters": _of(await self.call("ssm", "DescribeParameters"), "Parameters", f"CFN-{name}"),
            "SecretList": _of(await self.call("secretsmanager", "ListSecrets"), "SecretList", name),
            "taskSets": {
                "taskSets": [one for one in self.store.snapshot().all(TaskSet) if one.cluster.startswith(name)]
            },
        }
        return {member: len(answer[member]) for member, answer in counted.items()}

    async def _aliases(self, name: str) -> dict[str, Any]:
        """Of keys, too, there is one for each alias: those that are to be deleted are in their last days."""
        aliases = (await self.call("kms", "ListAliases"))["Aliases"]
        found = [one for one in aliases if one["AliasName"] == f"alias/{name}"]
        living = [key for key in (await self.call("kms", "ListKeys"))["Keys"] if await self._lives(key["KeyId"], name)]
        assert len(living) == len(found)
        return {"Aliases": found}

    async def _lives(self, key: str, name: str) -> bool:
        described = (await self.call("kms", "DescribeKey", KeyId=key))["KeyMetadata"]
        return bool(described["Enabled"]) and described["Description"] == f"{name}-key"

    async def _repositories(self, name: str) -> dict[str, Any]:
        found = (await self.call("ecr", "DescribeRepositories"))["repositories"]
        return {"repositories": [one for one in found if one["repositoryName"].startswith(f"{name}-")]}


def _named(answer: dict[str, Any], member: str, name: str) -> dict[str, Any]:
    return {member: [arn for arn in answer[member] if f"/{name}-" in arn]}


def _of(answer: dict[str, Any], member: str, name: str) -> dict[str, Any]:
    return {member: [one for one in answer[member] if one["Name"].startswith((f"{name}-", f"{name}."))]}
