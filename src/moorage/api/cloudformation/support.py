"""What is supported of CloudFormation: its rows of the support table."""

from typing import Any

from moorage.api.cloudformation import change_sets, reading, writing
from moorage.api.support_table import Supported

_WRITE = "StackName TemplateBody TemplateURL Parameters.* Capabilities Tags.*"
# Empty lists and switches at their default say nothing; any other value is refused.
_STANDARD: dict[str, tuple[Any, ...]] = {
    "DeploymentConfig.Mode": ("STANDARD",),
    "DeploymentConfig.DisableRollback": (False,),
}
_NOTHING: dict[str, tuple[Any, ...]] = {
    **_STANDARD,
    "DisableValidation": (False,),
    "NotificationARNs": ([],),
    "RollbackConfiguration": ({},),
}

OPERATIONS = {
    "CreateStack": Supported(
        writing.create_stack,
        real=f"{_WRITE} ClientRequestToken DisableRollback OnFailure EnableTerminationProtection",
        recorded="RoleARN",
        only=_NOTHING,
    ),
    "UpdateStack": Supported(
        writing.update_stack,
        real=f"{_WRITE} ClientRequestToken UsePreviousTemplate",
        recorded="RoleARN",
        only={**_NOTHING, "DisableRollback": (False,)},
    ),
    "DeleteStack": Supported(
        writing.delete_stack,
        real="StackName RetainResources ClientRequestToken",
        recorded="RoleARN",
        only={**_STANDARD, "DeletionMode": ("STANDARD",)},
    ),
    "DescribeStacks": Supported(reading.describe_stacks, real="StackName NextToken"),
    "DescribeStackEvents": Supported(reading.describe_stack_events, real="StackName NextToken"),
    "DescribeStackResource": Supported(reading.describe_stack_resource, real="StackName LogicalResourceId"),
    "DescribeStackResources": Supported(
        reading.describe_stack_resources, real="StackName LogicalResourceId PhysicalResourceId"
    ),
    "CreateChangeSet": Supported(
        change_sets.create_change_set,
        real=f"{_WRITE} UsePreviousTemplate ChangeSetName ClientToken Description OnStackFailure "
        "ImportExistingResources",
        recorded="RoleARN",
        only={
            **_NOTHING,
            "ChangeSetType": ("CREATE", "UPDATE"),
            "IncludeNestedStacks": (False, True),
            "ResourcesToImport": ([],),
        },
    ),
    "ExecuteChangeSet": Supported(
        change_sets.execute_change_set,
        real="ChangeSetName StackName ClientRequestToken DisableRollback",
        only={"RetainExceptOnCreate": (False,)},
    ),
    "DeleteChangeSet": Supported(change_sets.delete_change_set, real="ChangeSetName StackName"),
    "DescribeChangeSet": Supported(
        reading.describe_change_set, real="ChangeSetName StackName NextToken IncludePropertyValues"
    ),
    "ListChangeSets": Supported(reading.list_change_sets, real="StackName NextToken"),
    "GetTemplate": Supported(
        reading.get_template, real="StackName ChangeSetName", only={"TemplateStage": ("Original", "Processed")}
    ),
    "GetTemplateSummary": Supported(reading.get_template_summary, real="StackName TemplateBody TemplateURL"),
    "ListExports": Supported(reading.list_exports, real="NextToken"),
    "ListImports": Supported(reading.list_imports, real="ExportName NextToken"),
    "ListStackResources": Supported(reading.list_stack_resources, real="StackName NextToken"),
    "ListStacks": Supported(reading.list_stacks, real="NextToken StackStatusFilter"),
    "UpdateTerminationProtection": Supported(
        writing.update_termination_protection, real="StackName EnableTerminationProtection"
    ),
    "ValidateTemplate": Supported(reading.validate_template, real="TemplateBody TemplateURL"),
}
