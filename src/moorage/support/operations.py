"""Which operations of the supporting services are passed on. What is not named here is refused by name.

EC2 is here for its networks, which stacks make and tasks name. Nothing that Moto would only pretend to run is passed
on: no instance, volume, image or tunnel. IAM is kept whole: it holds documents, and nothing runs in it.
"""

from collections.abc import Mapping

_EC2 = """
DescribeAccountAttributes DescribeAvailabilityZones DescribeRegions
CreateTags DeleteTags DescribeTags
CreateVpc CreateDefaultVpc DeleteVpc DescribeVpcs DescribeVpcAttribute ModifyVpcAttribute
AssociateVpcCidrBlock DisassociateVpcCidrBlock
CreateSubnet CreateDefaultSubnet DeleteSubnet DescribeSubnets ModifySubnetAttribute
AssociateSubnetCidrBlock DisassociateSubnetCidrBlock
CreateRouteTable DeleteRouteTable DescribeRouteTables AssociateRouteTable DisassociateRouteTable
ReplaceRouteTableAssociation CreateRoute DeleteRoute ReplaceRoute
CreateInternetGateway DeleteInternetGateway DescribeInternetGateways AttachInternetGateway DetachInternetGateway
CreateEgressOnlyInternetGateway DeleteEgressOnlyInternetGateway DescribeEgressOnlyInternetGateways
CreateNatGateway DeleteNatGateway DescribeNatGateways
AllocateAddress AssociateAddress DescribeAddresses DescribeAddressesAttribute DisassociateAddress ReleaseAddress
CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups DescribeSecurityGroupRules ModifySecurityGroupRules
AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress RevokeSecurityGroupIngress
UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress
CreateNetworkAcl DeleteNetworkAcl DescribeNetworkAcls ReplaceNetworkAclAssociation
CreateNetworkAclEntry DeleteNetworkAclEntry ReplaceNetworkAclEntry
CreateDhcpOptions AssociateDhcpOptions DeleteDhcpOptions DescribeDhcpOptions
CreateVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints DescribeVpcEndpointServices ModifyVpcEndpoint
CreateVpcPeeringConnection AcceptVpcPeeringConnection DeleteVpcPeeringConnection DescribeVpcPeeringConnections
CreateManagedPrefixList DeleteManagedPrefixList DescribeManagedPrefixLists DescribePrefixLists
GetManagedPrefixListEntries ModifyManagedPrefixList
DescribeNetworkInterfaces DescribeInstances DescribeImages DescribeKeyPairs DescribeVolumes
"""

PASSED_ON: Mapping[str, frozenset[str] | None] = {"ec2": frozenset(_EC2.split()), "iam": None}
"""Operations by service; None: all that Moto has."""

SERVICES = frozenset(PASSED_ON)
_READS = ("Describe", "List", "Get", "Head")


def passed_on(service: str, operation: str) -> bool:
    """True if the operation goes to Moto."""
    if service not in PASSED_ON:
        return False
    allowed = PASSED_ON[service]
    return allowed is None or operation in allowed


def only_reads(operation: str, method: str) -> bool:
    """True for what certainly changes nothing. `operation` is empty where only the HTTP method says what is meant."""
    return operation.startswith(_READS) if operation else method in {"GET", "HEAD"}
