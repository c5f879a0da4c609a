"""The scene as a CDK app: a cluster with its namespace, a server that offers a name, a client that asks for it.

`python app.py` (with `aws-cdk-lib` and node installed) writes the cloud assembly to `cdk.out`, which is committed.
The images are the folders under `images/`; on AWS they would be repositories of the same names.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

NAMESPACE = "hello-world.com"
SERVER_NAME = f"server.{NAMESPACE}"
SERVER_PORT = 5000
HERE = Path(__file__).parent


class ClusterStack(cdk.Stack):
    """The network, the cluster and its namespace: a stack of its own, because namespaces outlive services."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)],
        )
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name="hello-world",
            vpc=self.vpc,
            default_cloud_map_namespace=ecs.CloudMapNamespaceOptions(
                name=NAMESPACE,
                type=servicediscovery.NamespaceType.HTTP,
                use_for_service_connect=True,
            ),
        )
        cdk.CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)


class ServerStack(cdk.Stack):
    """A client-server service: it offers port 5000 under the name `server` and may ask others itself."""

    def __init__(self, scope: Construct, construct_id: str, infrastructure: ClusterStack) -> None:
        super().__init__(scope, construct_id)
        # Without it a task counts as healthy before its program listens, and a rolling deployment would fail requests.
        answers = ecs.HealthCheck(
            command=[
                "CMD",
                "python",
                "-c",
                f"import socket; socket.create_connection(('127.0.0.1', {SERVER_PORT}), 2)",
            ],
            interval=cdk.Duration.seconds(5),
            timeout=cdk.Duration.seconds(5),
            retries=3,
        )
        task = task_definition(self, "server", {"GREETING": "hello"}, answers)
        task.default_container.add_port_mappings(
            ecs.PortMapping(name="server", container_port=SERVER_PORT, app_protocol=ecs.AppProtocol.http)
        )
        service = fargate_service(
            self,
            infrastructure,
            task,
            desired_count=2,
            connect=ecs.ServiceConnectProps(
                services=[ecs.ServiceConnectService(port_mapping_name="server", dns_name=SERVER_NAME)]
            ),
        )
        vpc = infrastructure.vpc
        service.connections.allow_from(ec2.Peer.ipv4(vpc.vpc_cidr_block), ec2.Port.tcp(SERVER_PORT), "from the VPC")
        cdk.CfnOutput(self, "ServiceName", value=service.service_name)


class ClientStack(cdk.Stack):
    """A client service: it only sends. Deployed after the server, whose name its proxy would not know otherwise."""

    def __init__(self, scope: Construct, construct_id: str, infrastructure: ClusterStack) -> None:
        super().__init__(scope, construct_id)
        task = task_definition(self, "client", {"SERVER_URL": f"http://{SERVER_NAME}:{SERVER_PORT}/"})
        # No services: only the cluster's default namespace is set.
        service = fargate_service(self, infrastructure, task, desired_count=1, connect=ecs.ServiceConnectProps())
        cdk.CfnOutput(self, "ServiceName", value=service.service_name)


def task_definition(
    scope: Construct, name: str, environment: dict[str, str], health_check: ecs.HealthCheck | None = None
) -> ecs.FargateTaskDefinition:
    """A task with one container, whose output goes to a log group of its own."""
    log_group = logs.LogGroup(
        scope, "Logs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=cdk.RemovalPolicy.DESTROY
    )
    task = ecs.FargateTaskDefinition(scope, "Task", cpu=256, memory_limit_mib=512)
    task.add_container(
        name,
        image=ecs.ContainerImage.from_registry(f"hello-world-{name}"),
        environment=environment,
        health_check=health_check,
        logging=ecs.LogDrivers.aws_logs(stream_prefix=name, log_group=log_group),
    )
    return task


def fargate_service(
    scope: Construct,
    infrastructure: ClusterStack,
    task: ecs.FargateTaskDefinition,
    *,
    desired_count: int,
    connect: ecs.ServiceConnectProps,
) -> ecs.FargateService:
    """A service that keeps all its tasks while it is rolled, and rolls back when new tasks do not start."""
    return ecs.FargateService(
        scope,
        "Service",
        service_name=task.default_container.container_name,
        cluster=infrastructure.cluster,
        task_definition=task,
        desired_count=desired_count,
        assign_public_ip=True,
        min_healthy_percent=100,
        max_healthy_percent=200,
        circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
        service_connect_configuration=connect,
    )


def build(outdir: str) -> cdk.App:
    """The app with its three stacks, which will be written to `outdir`."""
    app = cdk.App(
        outdir=outdir,
        # These three would write facts of the machine that synthesises into the assembly: versions, and paths.
        analytics_reporting=False,
        stack_traces=False,
        context={
            "aws:cdk:disable-creation-stack-traces": True,
            # The server and the client import the cluster's exports, which CloudFormation then refuses to take away.
            "@aws-cdk/core:defaultCrossStackReferences": "strong",
        },
    )
    infrastructure = ClusterStack(app, "HelloWorldCluster")
    server = ServerStack(app, "HelloWorldServer", infrastructure)
    client = ClientStack(app, "HelloWorldClient", infrastructure)
    client.add_stack_dependency(server)
    return app


if __name__ == "__main__":
    build(str(HERE / "cdk.out")).synth()
