"""Has Moto's S3 keep bucket policies as records: nothing here is refused for want of a permission.

Moto would refuse by them, and without their conditions: a bucket that denies plain HTTP, as the CDK's does, would be
closed to everybody. Called once S3 is loaded; changes nothing else.
"""

from typing import Any


def apply() -> None:
    """Permit whatever a bucket's policy is asked."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(_bucket: Any, _action: str, _resource: str) -> PermissionResult:
        return PermissionResult.PERMITTED

    FakeBucket.get_permission = get_permission
