import json
from pathlib import Path
from typing import Any

import pytest

from moorage.cli import assembly
from moorage.cli.failure import Failure

TEMPLATE = (
    "Parameters:\n  Count: {Type: Number}\nResources:\n  A:\n    Type: AWS::ECS::Cluster\n    Name: !Sub '${Count}'\n"
)


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def stack(file: str, *after: str, environment: str = "aws://unknown-account/unknown-region", **more: Any) -> Any:
    properties = {"templateFile": file, **more}
    return {
        "type": "aws:cloudformation:stack",
        "environment": environment,
        "properties": properties,
        "dependencies": list(after),
    }


def manifest(**artifacts: Any) -> dict[str, Any]:
    return {"version": "55.0.0", "artifacts": artifacts}


def test_a_template_is_one_stack_named_by_its_file(tmp_path: Path) -> None:
    write(tmp_path, {"my_app.yaml": TEMPLATE})
    (found,) = assembly.read(tmp_path / "my_app.yaml").stacks
    assert (found.name, found.declares, found.template) == ("my-app", ("Count",), TEMPLATE)


def test_the_option_names_the_stack_of_a_template(tmp_path: Path) -> None:
    write(tmp_path, {"template.yaml": TEMPLATE})
    assert assembly.read(tmp_path, ["shop"]).stacks[0].name == "shop"


def test_archives_under_images_are_images_and_a_folder_wins_over_one(tmp_path: Path) -> None:
    names = ("a.tar", "team/b.tar.gz", "c.tgz", "d/Dockerfile", "d.tar", "d/inner.tar", "e.txt")
    write(tmp_path, {"template.yaml": TEMPLATE, **{f"images/{name}": "x" for name in names}})
    found = assembly.read(tmp_path).images
    assert {name: path.name for name, path in found.items()} == {
        "a": "a.tar",
        "team/b": "b.tar.gz",
        "c": "c.tgz",
        "d": "d",
    }


def test_images_beside_a_template_and_beside_an_assembly_are_found_by_their_folders_name(tmp_path: Path) -> None:
    files = {"images/server/Dockerfile": "FROM scratch", "images/team/client/Dockerfile": "FROM scratch"}
    write(tmp_path, {**files, "template.yaml": TEMPLATE, "images/notes/readme": "no image"})
    assert set(assembly.read(tmp_path).images) == {"server", "team/client"}
    write(tmp_path, {"cdk.out/manifest.json": manifest(A=stack("a.json")), "cdk.out/a.json": {}})
    assert set(assembly.read(tmp_path / "cdk.out").images) == {"server", "team/client"}


def test_stacks_come_after_those_that_they_depend_on_and_otherwise_in_the_manifests_order(tmp_path: Path) -> None:
    artifacts = manifest(
        Client=stack("a.json", "Server", "Client.assets"),
        Base=stack("a.json"),
        Server=stack("a.json", "Base"),
        Other=stack("a.json"),
        Tree={"type": "cdk:tree"},
    )
    write(tmp_path, {"manifest.json": artifacts, "a.json": {}})
    assert [found.name for found in assembly.read(tmp_path).stacks] == ["Base", "Server", "Client", "Other"]


def test_stacks_that_depend_on_one_another_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"manifest.json": manifest(A=stack("a.json", "B"), B=stack("a.json", "A")), "a.json": {}})
    with pytest.raises(Failure, match="depend on one another: A, B"):
        assembly.read(tmp_path)


def test_a_picked_stack_is_the_only_one_and_an_unknown_one_is_refused_with_the_known(tmp_path: Path) -> None:
    write(tmp_path, {"manifest.json": manifest(A=stack("a.json", stackName="shop"), B=stack("a.json")), "a.json": {}})
    assert [found.name for found in assembly.read(tmp_path, ["shop"]).stacks] == ["shop"]
    with pytest.raises(Failure) as refused:
        assembly.read(tmp_path, ["nope"])
    assert "shop, B" in refused.value.next_step


def test_account_and_region_of_a_stack_are_those_that_the_manifest_pins(tmp_path: Path) -> None:
    pinned = stack("a.json", environment="aws://111122223333/eu-west-1")
    write(tmp_path, {"manifest.json": manifest(A=pinned, B=stack("a.json")), "a.json": {}})
    first, second = assembly.read(tmp_path).stacks
    assert (first.account, first.region) == ("111122223333", "eu-west-1")
    assert (second.account, second.region) == (None, None)


@pytest.mark.parametrize(
    ("assets", "named"),
    [
        ({"files": {"x": {"source": {"path": "asset.x", "packaging": "zip"}}}}, "asset.x"),
        ({"dockerImages": {"y": {"displayName": "Server"}}}, "image asset Server"),
    ],
)
def test_assets_other_than_the_template_are_refused_by_name(tmp_path: Path, assets: Any, named: str) -> None:
    artifacts = manifest(
        A=stack("a.json", "A.assets"),
        **{"A.assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}}},
    )
    write(tmp_path, {"manifest.json": artifacts, "a.json": {}, "assets.json": assets})
    with pytest.raises(Failure, match=named):
        assembly.read(tmp_path)


def test_a_stacks_own_template_among_its_assets_is_no_asset(tmp_path: Path) -> None:
    own = {"files": {"x": {"source": {"path": "a.json", "packaging": "file"}}}}
    artifacts = manifest(
        A=stack("a.json", "A.assets"),
        **{"A.assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}}},
    )
    write(tmp_path, {"manifest.json": artifacts, "a.json": {}, "assets.json": own})
    assert len(assembly.read(tmp_path).stacks) == 1


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"readme": ""}, "holds neither"),
        ({"template.yaml": TEMPLATE, "template.json": "{}"}, "template.json and template.yaml"),
        ({"template.yaml": "a: [b"}, "neither YAML nor JSON"),
        ({"template.yaml": "- a"}, "not a CloudFormation template"),
        ({"manifest.json": "{"}, "not JSON"),
        ({"manifest.json": {"artifacts": {}}}, "holds no stack"),
        ({"manifest.json": {"artifacts": {"A": {"type": "cdk:new"}}}}, "cdk:new is not supported"),
        ({"manifest.json": {"artifacts": {"A": stack("gone.json")}}}, "No such file"),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_the_reason(tmp_path: Path, files: dict[str, Any], why: str) -> None:
    with pytest.raises(Failure) as refused:
        assembly.read(write(tmp_path, files))
    assert why in str(refused.value)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no such file or folder"):
        assembly.read(tmp_path / "nothing")


def test_parameters_go_to_the_stacks_that_declare_them(tmp_path: Path) -> None:
    declares = {"Parameters": {"Count": {"Type": "Number"}}}
    artifacts = manifest(A=stack("a.json"), B=stack("a.json"), C=stack("c.json"))
    write(tmp_path, {"manifest.json": artifacts, "a.json": declares, "c.json": {}})
    found = assembly.with_parameters(assembly.read(tmp_path), {"Count": "1", "B:Count": "2"})
    assert [dict(found.parameters) for found in found.stacks] == [{"Count": "1"}, {"Count": "2"}, {}]


def test_a_parameter_that_no_template_declares_is_refused(tmp_path: Path) -> None:
    found = assembly.read(write(tmp_path, {"template.yaml": TEMPLATE}))
    with pytest.raises(Failure) as refused:
        assembly.with_parameters(found, {"Cuont": "1"})
    assert "Declared: Count" in refused.value.next_step
