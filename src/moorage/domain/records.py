"""The kinds of record that a store holds. A kind that is missing here cannot be committed; a test finds it."""

from typing import Any, Final

from moorage.domain.account_setting import AccountSetting
from moorage.domain.alarm_history import AlarmEvent
from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.capacity import CapacityProvider, ContainerInstance
from moorage.domain.change_set import ChangeSet
from moorage.domain.claim import Claim
from moorage.domain.cluster import Cluster
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.logs import LogGroup, LogStream
from moorage.domain.parameter import Parameter, ParameterVersion
from moorage.domain.registry import Instance, InstancesRevision, Namespace, Operation, RegistryService
from moorage.domain.role_session import RoleSession
from moorage.domain.scaling import ScalableTarget, ScalingActivity, ScalingPolicy
from moorage.domain.service import Deployment, PastDeployment, Rollout, Service, ServiceProgress
from moorage.domain.stack import Stack, StackEvent, StackResource
from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import Family, TaskDefinition
from moorage.domain.task_set import TaskSet

KINDS: Final[tuple[type[Any], ...]] = (
    AccountSetting,
    AlarmEvent,
    AlarmWatch,
    CapacityProvider,
    ChangeSet,
    Claim,
    Cluster,
    ContainerInstance,
    ConnectEndpoint,
    LogGroup,
    LogStream,
    Parameter,
    ParameterVersion,
    Namespace,
    RegistryService,
    Instance,
    InstancesRevision,
    Operation,
    RoleSession,
    ScalableTarget,
    ScalingActivity,
    ScalingPolicy,
    Service,
    Deployment,
    PastDeployment,
    Rollout,
    ServiceProgress,
    Stack,
    StackResource,
    StackEvent,
    Task,
    TaskSet,
    TaskState,
    TaskDefinition,
    Family,
)
