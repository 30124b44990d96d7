"""Installs the servers that pyrs is measured beside, in an environment of their own.

    python benchmarks/peers/install.py [--python PYTHON] [--venv .venv-peers]

Which ones, says the dependency group `peers` of pyproject.toml. Each is installed by
itself, so that one that does not build here leaves the others in peace; the benchmark
measures those that are there. bjoern wants libev's headers (apt install libev-dev).
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def peers() -> list[str]:
    """The group's requirements; tomllib would want Python 3.11."""
    group = re.search(
        r"^peers = \[(.*?)\]$", (ROOT / "pyproject.toml").read_text(), re.M | re.S
    )
    if group is None:
        sys.exit("pyproject.toml has no dependency group called peers")
    return re.findall(r'"([^"]+)"', group[1])


def install(python: Path, requirement: str) -> bool:
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", requirement], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        print(f"{requirement}: installed")
        return True
    lines = [line.strip() for line in done.stderr.splitlines()]
    wrong = [line for line in lines if "error" in line.lower()] or lines[-1:]
    print(f"{requirement}: not installed: {wrong[0] if wrong else 'pip failed'}")
    return False


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="install.py")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-peers")
    options = parser.parse_args(argv)
    python = options.venv / "bin" / "python"
    if not python.exists():
        subprocess.run([options.python, "-m", "venv", str(options.venv)], check=True)
    installed = [requirement for requirement in peers() if install(python, requirement)]
    return 0 if installed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
