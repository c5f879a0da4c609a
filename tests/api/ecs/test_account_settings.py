"""Account settings, by a real client."""

from typing import Any

import pytest


def values(ecs: Any, **asked: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in ecs.list_account_settings(**asked)["settings"]}


def test_nothing_is_listed_until_something_is_set(ecs: Any) -> None:
    assert values(ecs) == {}
    ecs.put_account_setting(name="awsvpcTrunking", value="enabled")
    assert values(ecs) == {"awsvpcTrunking": "enabled"}


def test_effective_settings_are_those_that_hold_whoever_set_them(account: Any, ecs: Any) -> None:
    user = f"arn:aws:iam::{account.id}:user/ann"
    ecs.put_account_setting_default(name="defaultLogDriverMode", value="blocking")
    assert values(ecs, principalArn=user) == {}
    everything = values(ecs, principalArn=user, effectiveSettings=True)
    assert everything["defaultLogDriverMode"] == "blocking"
    assert everything["taskLongArnFormat"] == "enabled"
    ecs.put_account_setting(name="defaultLogDriverMode", value="non-blocking", principalArn=user)
    assert values(ecs, principalArn=user, name="defaultLogDriverMode") == {"defaultLogDriverMode": "non-blocking"}
    assert values(ecs, name="defaultLogDriverMode") == {"defaultLogDriverMode": "blocking"}


def test_a_deleted_setting_goes_back_to_what_it_was(ecs: Any) -> None:
    ecs.put_account_setting(name="fargateTaskRetirementWaitPeriod", value="14")
    deleted = ecs.delete_account_setting(name="fargateTaskRetirementWaitPeriod")["setting"]
    assert (deleted["value"], deleted["type"]) == ("14", "user")
    assert values(ecs, effectiveSettings=True)["fargateTaskRetirementWaitPeriod"] == "7"


def test_new_clusters_begin_with_the_accounts_container_insights(ecs: Any) -> None:
    ecs.put_account_setting_default(name="containerInsights", value="enhanced")
    made = ecs.create_cluster(clusterName="demo")["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enhanced"}]


@pytest.mark.parametrize(
    ("name", "value"),
    [("containerInsights", "maybe"), ("guardDutyActivate", "on"), ("serviceLongArnFormat", "disabled")],
)
def test_values_that_a_setting_cannot_have_are_refused(ecs: Any, refusal: Any, name: str, value: str) -> None:
    code, message = refusal(ecs.put_account_setting, name=name, value=value)
    assert code == "InvalidParameterException"
    assert name in message
    assert values(ecs) == {}


def test_a_principal_of_another_account_is_refused(ecs: Any, refusal: Any) -> None:
    stranger = "arn:aws:iam::999999999999:user/ann"
    code, _ = refusal(ecs.put_account_setting, name="awsvpcTrunking", value="enabled", principalArn=stranger)
    assert code == "InvalidParameterException"
