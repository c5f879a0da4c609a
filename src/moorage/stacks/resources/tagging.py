"""Bringing the tags of an existing resource from the old ones to the new, in each service's own dialect."""

from collections.abc import Generator

from moorage.stacks.resources.script import Answer, Order, Step, as_tags, ask

Retag = Generator[Step, Answer, None]


def ecs_tags(tags: dict[str, str]) -> list[dict[str, str]] | None:
    """Tags as ECS writes them; None for none at all."""
    return as_tags(tags, "key", "value") or None


def _differences(order: Order) -> tuple[dict[str, str], list[str]]:
    """Tags to set and keys to take away. Only the resource's own: a stack's tags change with the stack's source."""
    new, old = order.tags(), order.tags(order.old)
    return {key: new[key] for key in new if new[key] != old.get(key)}, sorted(set(old) - set(new))


def retag_ecs(order: Order, arn: str) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("ecs", "UntagResource", resourceArn=arn, tagKeys=removed)
    if changed:
        yield ask("ecs", "TagResource", resourceArn=arn, tags=ecs_tags(changed))


def retag_cloud_map(order: Order, arn: str) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("servicediscovery", "UntagResource", ResourceARN=arn, TagKeys=removed)
    if changed:
        yield ask("servicediscovery", "TagResource", ResourceARN=arn, Tags=as_tags(changed))


def retag_logs(order: Order, arn: str) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("logs", "UntagResource", resourceArn=arn, tagKeys=removed)
    if changed:
        yield ask("logs", "TagResource", resourceArn=arn, tags=changed)


def retag_ssm(order: Order) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask(
            "ssm", "RemoveTagsFromResource", ResourceType="Parameter", ResourceId=order.physical_id, TagKeys=removed
        )
    if changed:
        tags = as_tags(changed)
        yield ask("ssm", "AddTagsToResource", ResourceType="Parameter", ResourceId=order.physical_id, Tags=tags)


def retag_ec2(order: Order, resource_id: str) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("ec2", "DeleteTags", Resources=[resource_id], Tags=[{"Key": key} for key in removed])
    if changed:
        yield ask("ec2", "CreateTags", Resources=[resource_id], Tags=as_tags(changed))


def retag_secret(order: Order) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("secretsmanager", "UntagResource", SecretId=order.physical_id, TagKeys=removed)
    if changed:
        yield ask("secretsmanager", "TagResource", SecretId=order.physical_id, Tags=as_tags(changed))


def retag_alarm(order: Order, arn: str) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=removed)
    if changed:
        yield ask("cloudwatch", "TagResource", ResourceARN=arn, Tags=as_tags(changed))


def retag_role(order: Order) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("iam", "UntagRole", RoleName=order.physical_id, TagKeys=removed)
    if changed:
        yield ask("iam", "TagRole", RoleName=order.physical_id, Tags=as_tags(changed))


def retag_ecr(order: Order, arn: str) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("ecr", "UntagResource", resourceArn=arn, tagKeys=removed)
    if changed:
        yield ask("ecr", "TagResource", resourceArn=arn, tags=as_tags(changed))


def retag_key(order: Order) -> Retag:
    changed, removed = _differences(order)
    if removed:
        yield ask("kms", "UntagResource", KeyId=order.physical_id, TagKeys=removed)
    if changed:
        yield ask("kms", "TagResource", KeyId=order.physical_id, Tags=as_tags(changed, "TagKey", "TagValue"))
