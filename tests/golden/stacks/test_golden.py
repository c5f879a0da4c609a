"""A template and the plan it makes: what is added in which order, and what each property comes to.

Written anew by `pytest tests/golden/mesh tests/golden/stacks --update-golden`, and read before it is committed.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from moorage.stacks import blueprint as blueprints
from moorage.stacks import changes, parameters
from moorage.stacks.blueprint import Blueprint, Surroundings
from moorage.stacks.changes import Add
from moorage.stacks.scope import Unknown, pseudo_parameters

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CASES = sorted(case.name for case in HERE.iterdir() if (case / "template.yaml").exists())
TEMPLATES = sorted([*EXAMPLES.glob("*/template.yaml"), *EXAMPLES.glob("*/cdk.out/*.template.json")])


def draw(body: str, exports: dict[str, str]) -> Blueprint:
    template = blueprints.parse(body)
    settled = parameters.settle(template.parameters, {}, {})
    values = parameters.resolve(template.parameters, settled, {one.parameter: "30" for one in settled.look_ups})
    pseudo = pseudo_parameters("000000000000", "us-east-1", "shop", "arn:aws:cloudformation:us-east-1:0:stack/shop/0")
    around = Surroundings(pseudo, {"team": "harbour"}, exports, {"us-east-1": ("us-east-1a", "us-east-1b")})
    return blueprints.draw(template, values, around)


def shown(value: Any) -> str:
    if isinstance(value, Unknown):
        return f"<{value.resource}.{value.what}>"
    raise TypeError(type(value))


def plan_of(blueprint: Blueprint) -> dict[str, Any]:
    plan = changes.plan({}, blueprint)
    goals = {name: blueprints.goal(blueprint, name, {}) for name in blueprint.wanted}
    return {
        "waves": [[f"{type(change).__name__} {change.logical_id}" for change in wave] for wave in plan.waves],
        "resources": {
            name: {
                "type": goal.type,
                "depends on": goal.depends_on,
                "policies": [goal.deletion, goal.replacement],
                "properties": goal.properties,
            }
            for name, goal in goals.items()
        },
        "imports": blueprints.imports(blueprint),
        "exports": blueprints.exports(blueprint),
    }


@pytest.mark.parametrize("case", CASES)
def test_a_template_makes_the_plan_that_is_written_down(case: str, request: pytest.FixtureRequest) -> None:
    blueprint = draw((HERE / case / "template.yaml").read_text(), {"net:subnets": "subnet-a,subnet-b"})
    made = json.dumps(plan_of(blueprint), indent=1, default=shown) + "\n"
    file = HERE / case / "plan.json"
    if request.config.getoption("--update-golden", default=False):
        file.write_text(made)
    assert made == file.read_text()


class AnyExport(dict[str, str]):
    """Exports whatever is asked for."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"value of {name}"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_example_is_understood(template: Path) -> None:
    blueprint = draw(template.read_text(), AnyExport())
    plan = changes.plan({}, blueprint)
    assert {change.logical_id for change in plan.changes} == set(blueprint.wanted)
    assert all(isinstance(change, Add) for change in plan.changes)


def test_there_are_examples() -> None:
    assert len(TEMPLATES) >= 4
