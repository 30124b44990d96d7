"""examples/django_app: set up and asked as its README says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.kit import PATIENCE

from .example_kit import EXAMPLES, copy_example, example, follow_readme


def manage(folder: Path, *words: str) -> None:
    command = [sys.executable, "manage.py", *words]
    subprocess.run(command, cwd=folder, check=True, timeout=4 * PATIENCE)


def test_the_readme_is_followed_and_the_page_shows_a_note(tmp_path: Path) -> None:
    folder = copy_example("django_app", tmp_path)
    steps = re.findall(
        r"^python manage\.py (.+)$",
        (EXAMPLES / "django_app" / "README.md").read_text(),
        re.M,
    )
    assert steps[-1] == "createsuperuser"  # which asks, so it is left out here
    for step in steps[:-1]:
        manage(folder, *shlex.split(step))
    with example("django_app", tmp_path) as server:
        follow_readme("django_app", server, tmp_path)
        assert "None yet" in server.get("/")
        make_note = "from notes.models import Note; Note.objects.create(title='Milk')"
        manage(folder, "shell", "--command", make_note)
        assert "<h2>Milk</h2>" in server.get("/")
