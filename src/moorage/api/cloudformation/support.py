"""What is supported of CloudFormation: its rows of the support table. Change sets are not there yet."""

from typing import Any

from moorage.api.cloudformation import reading, writing
from moorage.api.support_table import Supported

_WRITE = "StackName TemplateBody Parameters.* Capabilities Tags.* ClientRequestToken"
# Empty lists and switches at their default say nothing; any other value is refused.
_NOTHING: dict[str, tuple[Any, ...]] = {"NotificationARNs": ([],), "RollbackConfiguration": ({},)}

OPERATIONS = {
    "CreateStack": Supported(
        writing.create_stack,
        real=f"{_WRITE} DisableRollback OnFailure EnableTerminationProtection",
        recorded="RoleARN",
        only=_NOTHING,
    ),
    "UpdateStack": Supported(
        writing.update_stack,
        real=f"{_WRITE} UsePreviousTemplate",
        recorded="RoleARN",
        only={**_NOTHING, "DisableRollback": (False,)},
    ),
    "DeleteStack": Supported(
        writing.delete_stack,
        real="StackName RetainResources ClientRequestToken",
        only={"DeletionMode": ("STANDARD",)},
    ),
    "DescribeStacks": Supported(reading.describe_stacks, real="StackName NextToken"),
    "DescribeStackEvents": Supported(reading.describe_stack_events, real="StackName NextToken"),
    "DescribeStackResource": Supported(reading.describe_stack_resource, real="StackName LogicalResourceId"),
    "DescribeStackResources": Supported(
        reading.describe_stack_resources, real="StackName LogicalResourceId PhysicalResourceId"
    ),
    "GetTemplate": Supported(reading.get_template, real="StackName", only={"TemplateStage": ("Original", "Processed")}),
    "ListExports": Supported(reading.list_exports, real="NextToken"),
    "ListImports": Supported(reading.list_imports, real="ExportName NextToken"),
    "ListStackResources": Supported(reading.list_stack_resources, real="StackName NextToken"),
    "ListStacks": Supported(reading.list_stacks, real="NextToken StackStatusFilter"),
    "UpdateTerminationProtection": Supported(
        writing.update_termination_protection, real="StackName EnableTerminationProtection"
    ),
    "ValidateTemplate": Supported(reading.validate_template, real="TemplateBody"),
}
