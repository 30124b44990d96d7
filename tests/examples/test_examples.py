"""Every folder of examples, run as its README says."""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import pyrs.testing

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT = 20

SERVICE = """\
class Service:
    def translate(self, request):
        question = request.json()
        assert (question["source"], question["target"]) == ("en", "fr")
        words = {"Good morning": "Bonjour", "key": question.get("api_key", "none")}
        return {"translatedText": words[question["q"]]}
"""
SERVICE_PROJECT = """{"modules": [{"path": "/translate", "methods": ["POST"],
  "module": "service", "class": "Service", "handler": "translate"}]}"""


def ask(url: str, body: bytes | None = None, media_type: str = "text/plain") -> str:
    headers = {"Content-Type": media_type}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        assert body is None or answer.status == 200
        text: str = answer.read().decode()
        return text


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A LibreTranslate-compatible service, itself a pyrs project."""
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "project.pyrs").write_text(SERVICE_PROJECT)
    return tmp_path / "project.pyrs"


def test_echo_answers_what_it_was_sent() -> None:
    with pyrs.testing.serve(EXAMPLES / "echo" / "project.pyrs") as url:
        request = urllib.request.Request(
            f"{url}/echo", b"\0hello", {"Content-Type": "image/x-test"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            assert answer.read() == b"\0hello"
            assert answer.headers["Content-Type"] == "image/x-test"
        with pytest.raises(urllib.error.HTTPError, match="405"):
            ask(f"{url}/echo")


def test_the_translator_asks_its_service(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pyrs.testing.serve(service) as service_url:
        monkeypatch.setenv("TRANSLATE_URL", service_url)
        monkeypatch.setenv("TRANSLATE_KEY", "secret")
        with pyrs.testing.serve(EXAMPLES / "en_fr_translator" / "project.pyrs") as url:
            assert ask(f"{url}/translate", b"Good morning") == "Bonjour"
            assert ask(f"{url}/translate", b"key") == "secret"
            assert ask(f"{url}/other") == "Not supported"


def test_the_translator_answers_failed_on_any_error(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = EXAMPLES / "en_fr_translator" / "project.pyrs"
    with pyrs.testing.serve(service, log="/dev/null") as service_url:
        monkeypatch.setenv("TRANSLATE_URL", service_url)
        with pyrs.testing.serve(project) as url:
            assert ask(f"{url}/translate", b"a word it does not have") == "Failed"
            assert ask(f"{url}/translate", b"\xff\xfe") == "Failed"
            assert ask(f"{url}/translate", b"") == "Failed"
    monkeypatch.setenv("TRANSLATE_URL", service_url)  # where nobody listens any more
    with pyrs.testing.serve(project) as url:
        assert ask(f"{url}/translate", b"Good morning") == "Failed"


def test_the_native_example_is_built_and_served(tmp_path: Path) -> None:
    folder = tmp_path / "native"
    shutil.copytree(EXAMPLES / "native", folder)
    readme = (folder / "README.md").read_text()
    (build_line,) = (line for line in readme.splitlines() if line.startswith("cc "))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-c", build_line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
        timeout=TIMEOUT,
    )
    with pyrs.testing.serve(folder / "project.pyrs") as url:
        assert ask(f"{url}/hello") == "Hello from C!\n"
        with pytest.raises(urllib.error.HTTPError, match="405"):
            ask(f"{url}/hello", b"body")


def test_every_example_is_run_here_and_has_a_readme() -> None:
    names = {path.name for path in EXAMPLES.glob("[!.]*") if path.is_dir()}
    tests = Path(__file__).parent.glob("test_*.py")
    tested = "".join(path.read_text() for path in tests)
    for name in names:
        assert re.search(rf'(EXAMPLES / |example\()"{name}"', tested), name
        assert (EXAMPLES / name / "README.md").is_file()
