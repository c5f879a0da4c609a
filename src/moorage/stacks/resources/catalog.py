"""Every resource type that a template may use, by name."""

from collections.abc import Mapping

from moorage.stacks.resources import (
    aws_cdk_metadata,
    aws_ec2_eip,
    aws_ec2_internetgateway,
    aws_ec2_natgateway,
    aws_ec2_route,
    aws_ec2_routetable,
    aws_ec2_securitygroup,
    aws_ec2_securitygroup_rule,
    aws_ec2_subnet,
    aws_ec2_subnetroutetableassociation,
    aws_ec2_vpc,
    aws_ec2_vpcgatewayattachment,
    aws_ecs_cluster,
    aws_ecs_cluster_capacity_provider_associations,
    aws_ecs_service,
    aws_ecs_task_definition,
    aws_iam_instanceprofile,
    aws_iam_managedpolicy,
    aws_iam_policy,
    aws_iam_role,
    aws_logs_loggroup,
    aws_servicediscovery_instance,
    aws_servicediscovery_namespace,
    aws_servicediscovery_service,
    aws_ssm_parameter,
)
from moorage.stacks.resources.script import ResourceType

TYPES: Mapping[str, ResourceType] = {
    resource.type: resource
    for resource in (
        aws_cdk_metadata.RESOURCE,
        aws_ec2_eip.RESOURCE,
        aws_ec2_internetgateway.RESOURCE,
        aws_ec2_natgateway.RESOURCE,
        aws_ec2_route.RESOURCE,
        aws_ec2_routetable.RESOURCE,
        aws_ec2_securitygroup.RESOURCE,
        aws_ec2_securitygroup_rule.EGRESS,
        aws_ec2_securitygroup_rule.INGRESS,
        aws_ec2_subnet.RESOURCE,
        aws_ec2_subnetroutetableassociation.RESOURCE,
        aws_ec2_vpc.RESOURCE,
        aws_ec2_vpcgatewayattachment.RESOURCE,
        aws_ecs_cluster.RESOURCE,
        aws_ecs_cluster_capacity_provider_associations.RESOURCE,
        aws_ecs_service.RESOURCE,
        aws_ecs_task_definition.RESOURCE,
        aws_iam_instanceprofile.RESOURCE,
        aws_iam_managedpolicy.RESOURCE,
        aws_iam_policy.RESOURCE,
        aws_iam_role.RESOURCE,
        aws_logs_loggroup.RESOURCE,
        aws_servicediscovery_instance.RESOURCE,
        aws_servicediscovery_namespace.HTTP,
        aws_servicediscovery_namespace.PRIVATE,
        aws_servicediscovery_service.RESOURCE,
        aws_ssm_parameter.RESOURCE,
    )
}
