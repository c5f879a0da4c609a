"""What `pip install moorage` brings: the program, its types, and the example that `moorage demo` deploys."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_wheel_carries_the_program_and_the_example_of_the_demo(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    example = ROOT / "examples" / "hello-world"
    shipped = {
        str(path.relative_to(example))
        for path in example.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {f"moorage/examples/hello-world/{path}" for path in shipped} <= names
    assert {"moorage/daemon.py", "moorage/runtime/supervisor/__main__.py"} <= names
    assert any(name.endswith("entry_points.txt") for name in names)
