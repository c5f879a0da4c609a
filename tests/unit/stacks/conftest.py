"""Templates and blueprints for the tests of stacks."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from moorage.stacks import blueprint as blueprints
from moorage.stacks import parameters
from moorage.stacks.blueprint import Blueprint, Surroundings
from moorage.stacks.nodes import TemplateError
from moorage.stacks.scope import pseudo_parameters

STACK_ID = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/0000"
Draw = Callable[..., Blueprint]


@pytest.fixture
def draw() -> Draw:
    """The blueprint of a template, as stack `shop` in eu-west-1 with parameters, exports and tags."""

    def make(
        template: str | Mapping[str, Any],
        given: Mapping[str, str] | None = None,
        exports: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        read: Mapping[str, str] | None = None,
    ) -> Blueprint:
        parsed = blueprints.parse(template if isinstance(template, str) else json.dumps(template))
        settled = parameters.settle(parsed.parameters, given or {}, {})
        found = {wanted.parameter: f"stored:{wanted.value}" for wanted in settled.look_ups}
        around = Surroundings(
            pseudo=pseudo_parameters("111122223333", "eu-west-1", "shop", STACK_ID),
            tags=tags or {},
            exports=exports or {},
            zones={"eu-west-1": ("eu-west-1a", "eu-west-1b")},
            read=read or {},
        )
        return blueprints.draw(parsed, parameters.resolve(parsed.parameters, settled, found), around)

    return make


@pytest.fixture
def value(draw: Draw) -> Callable[..., Any]:
    """What a property comes to: that of a parameter resource whose Value is written in the template."""

    def work_out(written: Any, sections: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
        probe = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": written}}
        blueprint = draw({**(sections or {}), "Resources": {"Probe": probe}}, **arguments)
        return blueprints.goal(blueprint, "Probe", {}).properties["Value"]

    return work_out


@pytest.fixture
def refused() -> Callable[..., str]:
    """The sentence with which something is refused."""

    def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> str:
        with pytest.raises(TemplateError) as caught:
            function(*arguments, **named)
        return caught.value.sentence

    return call
