"""docs/static.md: what it shows works as it stands."""

import re
from pathlib import Path

from tests.cli.command_kit import serving

WORDS = ("project.pyrs", "--host", "127.0.0.1", "--port", "0")
DOCUMENT = Path(__file__).parents[2] / "docs" / "static.md"


def blocks(kind: str, behind: str) -> list[str]:
    """Those of a recipe, or of the document's beginning."""
    _, text = DOCUMENT.read_text().split(behind, 1)
    text = re.split(r"^(?:\*\*|## )", text, maxsplit=1, flags=re.M)[0]
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_the_first_project_serves_each_folder_and_the_handler(tmp_path: Path) -> None:
    (project,) = blocks("jsonc", "# Static files\n")
    files = {
        "project.pyrs": project,
        "main.py": "def hello(request):\n    return 'hello'\n",
        "site/index.html": "home",
        "build/assets/a.js": "script",
        "downloads/b.txt": "text",
    }
    write(tmp_path, files)
    with serving(*WORDS, cwd=tmp_path) as server:
        assert server.get("/") == "home"
        assert server.get("/assets/a.js") == "script"
        assert "b.txt" in server.get("/downloads/")
        assert server.get("/api/hello") == "hello"


def test_a_single_page_application_has_its_page_under_every_path(
    tmp_path: Path,
) -> None:
    recipe = "**A single-page application.**"
    (entries,) = blocks("jsonc", recipe)
    (code,) = blocks("python", recipe)
    files = {
        "project.pyrs": f'{{"modules": [{entries}]}}',
        "main.py": code,
        "dist/index.html": "the page",
        "dist/assets/a.js": "script",
    }
    write(tmp_path, files)
    with serving(*WORDS, cwd=tmp_path) as server:
        assert server.get("/") == server.get("/users/7") == "the page"
        assert server.get("/assets/a.js") == "script"
        assert server.ask("GET", "/assets/missing.js")[0] == 404
