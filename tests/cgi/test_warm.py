"""Warm scripts through a server: what a client gets is what a cold script answers.

The first requests of a template's first line are answered cold, while it starts; so a
test waits until a script says that it is warm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import PATIENCE, RunningServer, get, is_there, post, wait_until

from .cgi_kit import cgi_server, templates_stay, write_programs

PROGRAMS = {
    "hello.py": """
        #!/usr/bin/env python3
        from pyserve import http
        print(f"Hi! {http.GET['name']}")
    """,
    "who.py": """
        #!/usr/bin/env python3
        import os, sys
        from pyrs.cgi import http
        with open("/proc/self/cmdline", "rb") as file:
            is_warm = b"cgi_template" in file.read()
        print(os.getpid(), os.getppid(), is_warm, sys.flags.dont_write_bytecode)
    """,
    "who-else.py": """
        #!/usr/bin/env -S python3 -B
        import os, sys
        from pyrs.cgi import http
        with open("/proc/self/cmdline", "rb") as file:
            is_warm = b"cgi_template" in file.read()
        print(os.getpid(), os.getppid(), is_warm, sys.flags.dont_write_bytecode)
    """,
    "upload.py": """
        #!/usr/bin/env python3
        import hashlib
        from pyrs.cgi import http
        (text,), (file,) = http.POST["text"], http.POST["file"]
        print(text, file.filename, hashlib.sha256(file.read()).hexdigest())
    """,
    "echo.py": """
        #!/usr/bin/env python3
        import sys
        from pyrs.cgi import http
        http.HEADER["Content-Type"] = "application/octet-stream"
        sys.stdout.buffer.write(http.BODY)
    """,
    "fails.py": """
        #!/usr/bin/env python3
        from pyrs.cgi import http
        print("half done")
        raise RuntimeError("it fails")
    """,
    "large.py": """
        #!/usr/bin/env python3
        from pyrs.cgi import http
        for number in range(20_000):
            print(f"{number:099d}")
    """,
    "plain.py": """
        #!/usr/bin/env python3
        print("Status: 202 Accepted\\nContent-Type: a/b\\n\\nplain")
    """,
    "shell": "printf 'Content-Type: a/b\\n\\nshell'",
    "sleeps.py": """
        #!/usr/bin/env python3
        import os, subprocess, time
        child = subprocess.Popen(["sleep", "1000"])
        with open("sleeps.pid", "w") as file:
            file.write(f"{os.getpid()} {child.pid}\\n")
        time.sleep(1000)
    """,
}


def ask(server: RunningServer, name: str, query: str = "") -> bytes:
    response = server.ask(get(f"/cgi-bin/{name}{query}"))
    assert response.status == 200
    return response.body


def who(server: RunningServer, name: str = "who.py") -> list[str]:
    return ask(server, name).decode().split()


def warm_up(server: RunningServer, name: str = "who.py") -> int:
    """Waits until scripts of this first line are warm; gives the template's process."""
    told = wait_until(
        lambda: (words := who(server, name))[2] == "True" and words, "warm"
    )
    return int(told[1])


@pytest.fixture(scope="module", params=["cold", "warm"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """The same programs, run by either."""
    is_warm = request.param == "warm"
    folder = tmp_path_factory.mktemp(request.param)
    with cgi_server(folder, PROGRAMS, warm=is_warm) as server:
        if is_warm:
            warm_up(server)
            templates_stay(server, 1)
        yield server


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("templates")
    with cgi_server(folder, PROGRAMS, warm=True) as server:
        warm_up(server)
        warm_up(server, "who-else.py")
        templates_stay(server, 2)
        yield server


# ---- both ways ----


def test_a_script_of_pyserves_tutorial_answers(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/hello.py?name=Meir"))
    assert (response.status, response.body) == (200, b"Hi! ['Meir']\n")
    assert response["Content-Type"] == "text/html; charset=utf-8"


def test_a_script_without_pyrs_answers(server: RunningServer) -> None:
    response = server.ask(get("/cgi-bin/plain.py"))
    assert (response.status, response["Content-Type"]) == (202, "a/b")
    assert response.body == b"plain\n"


def test_a_program_that_is_no_script_of_python_answers(server: RunningServer) -> None:
    assert ask(server, "shell") == b"shell"


def test_a_file_is_uploaded_by_curl(server: RunningServer, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    assert curl, "tools/system_packages.sh installs it"
    content = os.urandom(3 * 1024 * 1024)
    (tmp_path / "a.bin").write_bytes(content)
    done = subprocess.run(
        [
            *(curl, "--silent", "--show-error", "--max-time", str(PATIENCE)),
            *("--form", "text=some text", "--form", f"file=@{tmp_path / 'a.bin'}"),
            f"{server.url}/cgi-bin/upload.py",
        ],
        check=True,
        capture_output=True,
    )
    digest = hashlib.sha256(content).hexdigest()
    assert done.stdout.decode() == f"some text a.bin {digest}\n"


def test_a_body_is_read_whole(server: RunningServer) -> None:
    body = os.urandom(300_000)
    response = server.ask(post("/cgi-bin/echo.py", body))
    assert (response.status, response.body) == (200, body)


def test_a_large_output_arrives(server: RunningServer) -> None:
    expected = b"".join(b"%099d\n" % number for number in range(20_000))
    assert ask(server, "large.py") == expected


def test_an_exception_is_a_500_and_its_traceback_is_logged(
    server: RunningServer,
) -> None:
    response = server.ask(get("/cgi-bin/fails.py"))
    assert (response.status, response.body) == (500, b"500 Internal Server Error\n")
    server.expect_log(r"WARNING .*/fails\.py: RuntimeError: it fails")
    server.allow_log(r"WARNING .*/fails\.py: ")


def test_a_script_ends_when_its_client_leaves(server: RunningServer) -> None:
    file = server.folder / "cgi-bin" / "sleeps.pid"
    file.unlink(missing_ok=True)
    with server.connect() as client:
        client.send(get("/cgi-bin/sleeps.py"))
        text = wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
        assert text
        pids = [int(word) for word in file.read_text().split()]
        assert all(map(is_there, pids))
        client.abort()
    wait_until(lambda: not any(map(is_there, pids)), "both ended")


# ---- templates ----


def test_each_request_has_a_process_of_its_own(warm: RunningServer) -> None:
    told = [who(warm) for _ in range(3)]
    assert len({pid for pid, *_ in told}) == 3
    assert {parent for _, parent, *_ in told} == {told[0][1]}


def test_a_first_line_has_a_template_of_its_own(warm: RunningServer) -> None:
    """With the flags that it names."""
    here, there = who(warm), who(warm, "who-else.py")
    assert here[2:] == ["True", "0"]
    assert there[2:] == ["True", "1"]
    assert here[1] != there[1]


def test_a_changed_script_is_answered_at_once(warm: RunningServer) -> None:
    for number in range(5):
        script = f"#!/usr/bin/env python3\nimport pyrs.cgi\nprint({number})\n"
        write_programs(warm.folder / "cgi-bin", {"changes.py": script})
        assert ask(warm, "changes.py") == b"%d\n" % number


def test_a_template_has_nothing_of_the_server(warm: RunningServer) -> None:
    """But a socket between both, and where it writes; no listener, no connection. It
    is told to look for functions at once, which its scripts are not."""
    template = int(who(warm)[1])
    folder = Path(f"/proc/{template}/fd")
    open_there = {int(link.name): str(link.readlink()) for link in folder.iterdir()}
    kinds = {number: kind.split(":")[0] for number, kind in open_there.items()}
    own = {number: kind for number, kind in kinds.items() if number > 2}
    assert {number: kinds[number] for number in (0, 1, 2)} == {
        0: "socket",
        1: "pipe",
        2: "pipe",
    }
    assert set(own.values()) <= {"pipe"}  # by which it wakes itself
    environment = Path(f"/proc/{template}/environ").read_bytes().split(b"\0")
    names = {entry.partition(b"=")[0] for entry in environment if entry}
    assert names == {b"PATH", b"LD_BIND_NOW"}


def test_a_template_that_is_killed_is_started_again(warm: RunningServer) -> None:
    """Until then its scripts are run cold. What ran ends with it."""
    file = warm.folder / "cgi-bin" / "sleeps.pid"
    file.unlink(missing_ok=True)
    first = warm_up(warm)
    with warm.connect() as client:
        client.send(get("/cgi-bin/sleeps.py"))
        wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
        pids = [int(word) for word in file.read_text().split()]
        os.kill(first, signal.SIGKILL)
        assert client.response().status == 502
    wait_until(lambda: not any(map(is_there, pids)), "both ended")
    assert who(warm)[2] in ("True", "False")
    assert warm_up(warm) != first
    warm.expect_log(
        "ERROR cgi template for #!/usr/bin/env python3: ended by signal 9; "
        "started again in 1 s",
        r"ERROR .*/sleeps\.py: malformed output",
    )


def test_templates_end_with_the_server(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS, warm=True) as server:
        template = warm_up(server)
        templates_stay(server, 1)
        server.stop()
        assert not is_there(template)


def test_a_script_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with cgi_server(tmp_path, PROGRAMS, warm=True, timeout=6) as server:
        warm_up(server)
        templates_stay(server, 1)
        assert server.ask(get("/cgi-bin/sleeps.py")).status == 504
        told = (tmp_path / "cgi-bin" / "sleeps.pid").read_text()
        pids = [int(word) for word in told.split()]
        wait_until(lambda: not any(map(is_there, pids)), "both ended")
        server.allow_log("sleeps.py")


def test_modules_may_be_preloaded(tmp_path: Path) -> None:
    programs = {
        **PROGRAMS,
        "loaded.py": """
            #!/usr/bin/env python3
            import sys
            print("Content-Type: a/b\\n")
            print("wave" in sys.modules)
        """,
    }
    with cgi_server(tmp_path, programs, warm=True, preload=["wave"]) as server:
        warm_up(server)
        templates_stay(server, 1)
        assert ask(server, "loaded.py") == b"True\n"


def test_a_module_that_cannot_be_preloaded_is_logged(tmp_path: Path) -> None:
    """And the scripts are run cold."""
    with cgi_server(
        tmp_path, PROGRAMS, warm=True, preload=["no_such_module"]
    ) as server:
        assert who(server)[2] == "False"
        server.expect_log(
            "WARNING cgi template: .*ModuleNotFoundError: .*no_such_module",
            "ERROR cgi template for #!/usr/bin/env python3: ended with status 1",
        )
        server.allow_log("WARNING cgi template: ")
        assert who(server)[2] == "False"


def test_what_is_written_to_a_preloaded_file_is_kept(tmp_path: Path) -> None:
    """Once: what was written to it before is the template's."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "notes.py").write_text(
        f"file = open({str(tmp_path / 'notes')!r}, 'a')\nfile.write('opened ')\n"
    )
    script = (
        "#!/usr/bin/env python3\nimport notes, pyrs.cgi\nnotes.file.write('noted ')"
    )
    with cgi_server(
        tmp_path,
        {**PROGRAMS, "note.py": script},
        warm=True,
        preload=["notes"],
        env=[f"PYTHONPATH={tmp_path / 'modules'}"],
    ) as server:
        warm_up(server)
        templates_stay(server, 1)
        written = (tmp_path / "notes").read_text()
        assert set(written.split()) == {"opened"}
        for _ in range(2):
            assert ask(server, "note.py") == b""
    assert (tmp_path / "notes").read_text() == written + "noted noted "


def test_what_a_preloaded_module_prints_is_in_no_response(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "talks.py").write_text("print('loading')\n")
    paths = [f"PYTHONPATH={tmp_path / 'modules'}", "PYTHONUNBUFFERED="]
    with cgi_server(
        tmp_path, PROGRAMS, warm=True, preload=["talks"], env=paths
    ) as server:
        server.allow_log("loading")
        warm_up(server)
        templates_stay(server, 1)
        assert ask(server, "hello.py", "?name=you") == b"Hi! ['you']\n"


def test_a_script_that_may_not_be_executed_is_not_run_warm(
    warm: RunningServer,
) -> None:
    path = warm.folder / "cgi-bin" / "who.py"
    path.chmod(0o644)
    try:
        assert warm.ask(get("/cgi-bin/who.py")).status == 403
    finally:
        path.chmod(0o755)
