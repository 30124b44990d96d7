"""pypiserver, an index of packages: pip installs one from it, and is given one."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from tests.kit import running_application

from .application_kit import run

METADATA = "Metadata-Version: 2.1\nName: parcel\nVersion: 1.2\n"
WHEEL = (
    "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
)


def test_pip_installs_a_package_from_it(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    _build_wheel(tmp_path / "packages")
    with running_application(tmp_path, "pypiserver:app(roots=['packages'])") as site:
        index = ("--index-url", f"{site.url}/simple/", "--no-cache-dir")
        quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--isolated")
        pip = (sys.executable, "-m", "pip", "install", *quiet, *index)
        run(*pip, "--target", "installed", "parcel", cwd=tmp_path)
        told = run(*pip, "--target", "other", "no-such-parcel", cwd=tmp_path, status=1)
    assert (tmp_path / "installed" / "parcel.py").read_text() == "CONTENT = 'fragile'\n"
    assert "No matching distribution found for no-such-parcel" in told


def _build_wheel(folder: Path) -> None:
    """A package is no more than this."""
    files = {
        "parcel.py": "CONTENT = 'fragile'\n",
        "parcel-1.2.dist-info/METADATA": METADATA,
        "parcel-1.2.dist-info/WHEEL": WHEEL,
    }
    record = "parcel-1.2.dist-info/RECORD"
    files[record] = "".join(f"{name},,\n" for name in [*files, record])
    with zipfile.ZipFile(folder / "parcel-1.2-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
