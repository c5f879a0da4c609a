"""Which operations of the supporting services are passed on. What is not named here is refused by name.

The lists are in `passed_on.py`. IAM and KMS are kept whole: IAM holds documents, and KMS encrypts and signs for real.
"""

from collections.abc import Mapping

from moorage.support import passed_on as lists

PASSED_ON: Mapping[str, frozenset[str] | None] = {
    "acm-pca": frozenset(lists.ACM_PCA.split()),
    "application-autoscaling": frozenset(lists.APPLICATION_AUTO_SCALING.split()),
    "cloudwatch": frozenset(lists.CLOUDWATCH.split()),
    "ec2": frozenset(lists.EC2.split()),
    "ecr": frozenset(lists.ECR.split()),
    "iam": None,
    "kms": None,
    "route53": frozenset(lists.ROUTE_53.split()),
    "s3": frozenset(lists.S3.split()),
    "secretsmanager": frozenset(lists.SECRETS_MANAGER.split()),
}
"""Operations by service; None: all that Moto has."""

SERVICES = frozenset(PASSED_ON)

REST = frozenset({"route53", "s3"})
"""Services whose operations are told by method and path."""

HINTS: Mapping[str, str] = {
    "PutScheduledAction": "Recorded: nothing is scaled by the time of day.",
    "PutBucketPolicy": "Recorded: no request is refused for want of a permission.",
    "PutBucketLifecycleConfiguration": "Recorded: no object expires.",
    "PutLifecyclePolicy": "Recorded: no image expires.",
    "ChangeResourceRecordSets": "Recorded: no name server answers for the zone.",
}
"""What Moto keeps and nothing here acts on, said with each such answer."""

_HOSTS = {"cloudwatch": "monitoring"}
_READS = ("Describe", "List", "Get", "Head", "BatchGet")
# KMS makes AWS's own keys when they are first looked at, and they must be the same ever after.
_READS_THAT_MAKE = frozenset({"kms"})
_CIPHERS = ("Decrypt", "Encrypt", "Generate", "ReEncrypt", "Sign", "Verify")


def passed_on(service: str, operation: str) -> bool:
    """True if the operation goes to Moto."""
    if service not in PASSED_ON or not operation:
        return False
    allowed = PASSED_ON[service]
    return allowed is None or operation in allowed


def only_reads(service: str, operation: str) -> bool:
    """True for what certainly changes nothing."""
    return operation.startswith(_READS) and service not in _READS_THAT_MAKE


def repeatable(service: str, operation: str) -> bool:
    """True for what may be asked twice where the first answer was lost."""
    return operation.startswith(_READS) or (service == "kms" and operation.startswith(_CIPHERS))


def host(service: str, region: str) -> str:
    """The service's host name at AWS, from which Moto takes the region."""
    return f"{_HOSTS.get(service, service)}.{region}.amazonaws.com"
