"""`pyrs new`: the template, copied and run as its README says."""

from pathlib import Path

from .command_kit import run, serving


def test_a_new_project_runs(tmp_path: Path) -> None:
    done = run("new", "api", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == ["Now run:", "  pyrs api/project.pyrs"]
    with serving("api/project.pyrs", "--bind", "127.0.0.1:0", cwd=tmp_path) as server:
        assert server.lines.count("Api module is initialized") == 3
        assert server.ask("POST", "/echo", "some text") == (200, "some text")
        assert server.ask("GET", "/hello") == (200, "world")
        assert server.ask("GET", "/a/b/c")[0] == 404


def test_a_new_project_passes_its_check(tmp_path: Path) -> None:
    run("new", "api", cwd=tmp_path)
    done = run("check", "api/project.pyrs", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[3:] == [
        "/echo   all methods  main.Api.echo_request",
        "/hello  all methods  main.Api.hello_request",
        "/*      all methods  main.Api.default_request",
        "api/project.pyrs: 3 routes, no fault",
    ]


def test_a_new_project_holds_the_template_and_its_schema(tmp_path: Path) -> None:
    repository = Path(__file__).parents[2]
    run("new", "deep/api", cwd=tmp_path)
    made = {path.name: path.read_text() for path in (tmp_path / "deep/api").iterdir()}
    template = repository / "project_template"
    assert made == {
        path.name: path.read_text() for path in template.iterdir() if path.is_file()
    }
    assert '"$schema": "./project.schema.json"' in made["project.pyrs"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert run("new", ".", cwd=tmp_path).returncode == 0
    assert (tmp_path / "main.py").is_file()


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = run("new", ".", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "pyrs: .: the folder is not empty, expected a new one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_is_no_new_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = run("new", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "pyrs: mine: found a file, expected a new folder\n"
