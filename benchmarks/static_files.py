"""Measures static files beside nginx: the same files, one worker each, same rounds.

    python benchmarks/static_files.py [--rounds 5] [--seconds 3] [--only "34 bytes"]

CPU time of the server per request and requests per second, 64 connections; the medians
of the rounds, and of the rounds' ratios. nginx has sendfile and open_file_cache on, no
access log, and tcp_nopush, without which it takes more than twice as long for pipelined
requests (26 µs each instead of 10, 16 deep) and as long for others. The table is stored
in results/static-files.md.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from measure import CONNECTIONS, Failed, Load, Measurement, measure
from run import free_port
from servers import HERE, Server, running

RESULT = HERE / "results" / "static-files.md"
LARGE_BYTES = 954_824  # these two are the public http-test-suite's
SMALL = b"<html>Directory index file</html>\n"
MANY = 1000
MANY_BYTES = 10_000

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=2000 inactive=60s;
    open_file_cache_valid 60s;
    types {{ text/html html; }}
    default_type application/octet-stream;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {site};
    }}
}}
"""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", default="", help="loads whose name contains this")
    options = parser.parse_args(argv)
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if not nginx:
        print("nginx is not there: tools/system_packages.sh python3 nginx")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # nginx's worker is another user
        loads = make_files(Path(folder) / "site")
        chosen = [load for load in loads if options.only in load.name]
        rows = [
            row(load, nginx, Path(folder), options.rounds, options.seconds)
            for load in chosen
        ]
    page = table(rows, options.rounds, options.seconds)
    print(page)
    if chosen == loads:
        RESULT.write_text(page, encoding="utf-8")
    return 0


def make_files(site: Path) -> list[Load]:
    """What is asked for."""
    (site / "many").mkdir(parents=True)
    large = bytes(at * 7 % 251 for at in range(LARGE_BYTES))
    many = large[:MANY_BYTES]
    (site / "small.html").write_bytes(SMALL)
    (site / "large.bin").write_bytes(large)
    for number in range(MANY):
        (site / "many" / str(number)).write_bytes(many)
    old = time.time() - 3600
    for file in site.rglob("*"):
        os.utime(file, (old, old))
    return [
        Load("34 bytes", "/small.html", 1, content=SMALL),
        Load("34 bytes, 16 deep", "/small.html", 16, content=SMALL),
        Load("954,824 bytes", "/large.bin", 1, content=large),
        Load("1,000 files of 10 KB", "/many/0", 1, content=many, files=MANY),
    ]


def servers(nginx: str, folder: Path, port: int) -> list[Server]:
    settings = NGINX.format(folder=folder, port=port, site=folder / "site")
    (folder / "nginx.conf").write_text(settings)
    project = '{"thread_count": 1, "modules": [{"path": "/", "static": "site"}]}'
    (folder / "project.pyrs").write_text(project)
    on = ("--host", "127.0.0.1", "--port", str(port), "--no-access-log")
    return [
        Server("nginx", "nginx", (nginx, "-c", str(folder / "nginx.conf"))),
        Server(
            "pyrs",
            "pyrs",
            (sys.executable, "-m", "pyrs", str(folder / "project.pyrs"), *on),
        ),
    ]


def row(load: Load, nginx: str, folder: Path, rounds: int, seconds: int) -> list[str]:
    """A line of the table. Failed if a measurement does not count."""
    found: dict[str, list[Measurement]] = {"nginx": [], "pyrs": []}
    for round_ in range(rounds):
        port = free_port()
        for server in servers(nginx, folder, port):
            with running(server, port, 0, folder / "log") as process:
                try:
                    one = measure(process, port, load, seconds)
                except Failed as error:
                    log = (folder / "log").read_text(errors="replace")[-500:]
                    raise Failed(
                        f"{server.label}, {load.name}: {error}\n{log}"
                    ) from None
            found[server.name].append(one)
            say = f"round {round_ + 1}, {load.name:21} {server.label:6}"
            rate = f"{one.requests_per_second:9,.0f}/s"
            print(f"{say} {one.cpu_us:8.2f} µs {rate}", flush=True)
    cells = [load.name]
    for name in ("cpu_us", "requests_per_second"):
        sides = [[getattr(one, name) for one in found[side]] for side in found]
        ratios = [ours / theirs for theirs, ours in zip(*sides, strict=True)]
        digits = 2 if name == "cpu_us" else 0
        cells += [f"{median(side):,.{digits}f}" for side in sides]
        cells.append(f"**{median(ratios):.2f}**")
    return cells


def table(rows: list[list[str]], rounds: int, seconds: int) -> str:
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return f"""\
# Static files, beside nginx

{time.strftime("%Y-%m-%d")}, Linux {platform.release()}, {os.cpu_count()} processors,
CPython {platform.python_version()}; medians of {rounds} rounds of {seconds} s,
{CONNECTIONS} connections, one worker each, answers checked.
`python benchmarks/static_files.py`

| | nginx: µs of CPU | pyrs | ratio | nginx: requests/s | pyrs | ratio |
|---|---|---|---|---|---|---|
{lines}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
