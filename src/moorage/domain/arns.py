"""ARNs and short names: the only place that knows their syntax. Formats follow the ECS and Cloud Map API references."""

from dataclasses import dataclass

PARTITION = "aws"


@dataclass(frozen=True)
class Arn:
    """`arn:aws:<service>:<region>:<account>:<resource>`."""

    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{PARTITION}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse(text: str) -> Arn | None:
    """The parts of an ARN, or None if `text` is not one."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[5]:
        return None
    return Arn(parts[2], parts[3], parts[4], parts[5])


def cluster(account: str, region: str, name: str) -> str:
    return str(Arn("ecs", region, account, f"cluster/{name}"))


def service(account: str, region: str, cluster_name: str, name: str) -> str:
    return str(Arn("ecs", region, account, f"service/{cluster_name}/{name}"))


def task(account: str, region: str, cluster_name: str, task_id: str) -> str:
    return str(Arn("ecs", region, account, f"task/{cluster_name}/{task_id}"))


def container(account: str, region: str, cluster_name: str, task_id: str, container_id: str) -> str:
    return str(Arn("ecs", region, account, f"container/{cluster_name}/{task_id}/{container_id}"))


def container_instance(account: str, region: str, cluster_name: str, instance_id: str) -> str:
    return str(Arn("ecs", region, account, f"container-instance/{cluster_name}/{instance_id}"))


def capacity_provider(account: str, region: str, name: str) -> str:
    return str(Arn("ecs", region, account, f"capacity-provider/{name}"))


def task_definition(account: str, region: str, family: str, revision: int) -> str:
    return str(Arn("ecs", region, account, f"task-definition/{family}:{revision}"))


def task_set(account: str, region: str, cluster_name: str, service_name: str, deployment_id: str) -> str:
    """The ARN of a task set; the identity of a deployment, too, as its proxies and Cloud Map instances carry it
    (reference section 1.4).
    """
    return str(Arn("ecs", region, account, f"task-set/{cluster_name}/{service_name}/{deployment_id}"))


def service_revision(account: str, region: str, cluster_name: str, service_name: str, digits: str) -> str:
    return str(Arn("ecs", region, account, f"service-revision/{cluster_name}/{service_name}/{digits}"))


def namespace(account: str, region: str, namespace_id: str) -> str:
    return str(Arn("servicediscovery", region, account, f"namespace/{namespace_id}"))


def registry_service(account: str, region: str, service_id: str) -> str:
    return str(Arn("servicediscovery", region, account, f"service/{service_id}"))


def service_deployment(account: str, region: str, cluster_name: str, service_name: str, digits: str) -> str:
    return str(Arn("ecs", region, account, f"service-deployment/{cluster_name}/{service_name}/{digits}"))


def root_user(account: str) -> str:
    """The principal in whose name things are done: there are no other users here."""
    return str(Arn("iam", "", account, "root"))


def last(reference: str) -> str:
    """The short name in a reference that is a name or an ARN: what follows the last slash."""
    return reference.rsplit("/", 1)[-1]
