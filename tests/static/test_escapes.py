"""Nothing outside the folder is ever served, and nothing hangs.

hostile_paths.txt lists what is tried. Everything is tried twice: with the system's own
confinement and with the walk that stands in for it.
"""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import RunningServer, Serve, get
from tests.kit.folder_page import read_folder_page

Site = tuple[RunningServer, Path]

SECRET = b"nobody may read this"
LINKS = {
    "link-to-secret": "../secret.txt",
    "link-to-root-itself": "../root-secret/../root-secret",
    "link-to-parent": "..",
    "link-to-sibling": "../root-secret",
    "link-to-etc": "/etc",
    "link-absolute": "/etc/passwd",
    "link-to-link-out": "link-to-secret",
    "link-out-and-back": "../root/file.txt",
    "sub/link-up": "../..",
    "sub/link-up-twice": "../../secret.txt",
    "link-to-nothing": "nothing",
    "link-loop": "link-loop",
    "link-ping": "link-pong",
    "link-pong": "link-ping",
    "link-chain": "sub/link-up",
    "link-to-proc": "/proc/self",
    "link-to-stdin": "/proc/self/fd/0",
    "link-to-device": "/dev/zero",
    "link-to-fifo": "fifo",
    # These stay inside.
    "inside": "sub/file.txt",
    "sub/inside": "../file.txt",
    "inside-folder": "./sub//../sub",
    "inside-twice": "inside",
    "inside-by-name": "inside-folder/inside",
    ".hidden-link": "../secret.txt",
}


def hostile_paths() -> list[tuple[int, str]]:
    text = Path(__file__).with_name("hostile_paths.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(int(line[:3]), line[4:]) for line in lines]


@pytest.fixture(scope="module")
def escapes(site: Site) -> Iterator[Site]:
    """A folder full of ways out."""
    server, root = site
    folder = root.parent
    for name in ("sub", ".git", ".well-known", "../root-secret"):
        (root / name).mkdir()
    for name in ("file.txt", "sub/file.txt", ".well-known/file.txt"):
        (root / name).write_text(f"this is {name}")
    for name in (
        *(".hidden", ".git/config", "sub/.env", ".well-known/.hidden"),
        *("../secret.txt", "../root-secret/secret.txt"),
    ):
        (root / name).write_bytes(SECRET)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    (root / "link-absolute-inside").symlink_to(root / "file.txt")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(".", os.O_RDONLY)  # the path may be too long for an address
        try:
            os.chdir(root)
            listener.bind("socket")
        finally:
            os.fchdir(here)
            os.close(here)
        listener.listen()
        yield server, root
    assert folder.is_dir()


def filled_in(path: str, root: Path) -> str:
    return path.format(
        folder=root.parent,
        root=root,
        name255="n" * 255,
        name256="n" * 256,
        name4000="n" * 4000,
        deep="/".join(["d"] * 1500),
        dots="/".join([".", "sub", ".."] * 300) + "/none",
    )


def test_the_list_is_long_enough() -> None:
    paths = [path for _, path in hostile_paths()]
    assert len(paths) == len(set(paths)) >= 100


def test_no_hostile_path_leads_anywhere(escapes: Site) -> None:
    server, root = escapes
    wrong = []
    for status, path in hostile_paths():
        with server.connect() as client:
            # One that begins with no slash is no legal target.
            expected = status if path[0] in "/{" else 400
            sent = filled_in(path, root).replace(" ", "%20")
            client.send(get(sent) + get("/file.txt", "Connection: close"))
            answer = client.response()
            if answer.status != expected or SECRET in answer.body:
                wrong.append((answer.status, path))
            elif expected == 404:
                assert client.response().body == b"this is file.txt"
    assert wrong == []


def test_a_device_in_the_folder_is_no_file(escapes: Site) -> None:
    server, root = escapes
    try:
        os.mknod(root / "device", 0o20666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("whoever runs this may not make device files")
    (root / "link-to-device-inside").symlink_to("device")
    for path in ("/device", "/device/", "/link-to-device-inside"):
        assert server.ask(get(path)).status == 404


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/inside", "sub/file.txt"),
        ("/sub/inside", "file.txt"),
        ("/inside-folder/file.txt", "sub/file.txt"),
        ("/inside-twice", "sub/file.txt"),
        ("/inside-by-name", "file.txt"),
        ("/.well-known/file.txt", ".well-known/file.txt"),
        ("/sub/../file.txt", "file.txt"),
        ("/%66ile.txt", "file.txt"),
    ],
)
def test_what_stays_inside_is_served(escapes: Site, path: str, name: str) -> None:
    server, _ = escapes
    assert server.ask(get(path)).body == f"this is {name}".encode()


def test_a_redirect_leads_to_this_server_whatever_the_name(escapes: Site) -> None:
    server, root = escapes
    for name in ("evil.example", "\\evil.example", "a b", "ä", "a?b#c", "@evil"):
        (root / name).mkdir()
        sent = "".join(f"%{byte:02x}" for byte in name.encode())
        for path in (f"/{sent}", f"//{sent}", f"/sub/..//{sent}", f"///{sent}"):
            answer = server.ask(get(path))
            location = answer["Location"]
            assert answer.status == 301
            assert re.fullmatch(r"/[A-Za-z0-9%._~-]+/", location), location
            assert server.ask(get(location)).status == 404  # it has no index


def test_links_that_lead_out_are_followed_where_that_is_asked_for(
    serve: Serve, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("outside")
    (root / "out").symlink_to("../outside.txt")
    (root / "absolute").symlink_to(tmp_path / "outside.txt")
    (root / "sub/up").symlink_to("../..")
    (root / "loop").symlink_to("loop")
    (root / ".hidden").symlink_to("../outside.txt")
    server = serve("", {"/": {"static": str(root), "follow_symlinks": True}})
    for path in ("/out", "/absolute", "/sub/up/outside.txt"):
        assert server.ask(get(path)).body == b"outside"
    for path, status in {
        "/loop": 404,
        "/.hidden": 404,
        "/../outside.txt": 400,
        "/..%2foutside.txt": 404,
    }.items():
        assert server.ask(get(path)).status == status


@pytest.mark.parametrize("device", ["null", "zero", "full", "urandom", "ptmx"])
def test_a_device_that_a_followed_link_leads_to_is_no_file(
    serve: Serve, tmp_path: Path, device: str
) -> None:
    """It needs no rights to lead there: the server itself has to look at what it is."""
    path = Path("/dev", device)
    if not path.is_char_device():
        pytest.skip(f"there is no device {path} here")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(path)
    (tmp_path / "root/null.txt").symlink_to("link")
    (tmp_path / "root/dev").symlink_to("/dev")
    (tmp_path / "root/file").write_text("a file")
    root = str(tmp_path / "root")
    entry = {"static": root, "follow_symlinks": True, "listing": True}
    server = serve("", {"/": entry})
    with server.connect() as client:
        for name in ("link", "null.txt", f"dev/{device}"):
            for method in ("GET", "HEAD"):
                assert client.ask(get(f"/{name}", method=method)).status == 404
        page = read_folder_page(client.ask(get("/")).body)
        assert page.names == [b"dev", b"file"]
        assert client.ask(get("/file")).body == b"a file"
