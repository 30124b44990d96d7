"""Measures pyrs beside a yardstick and its peers; see README.md.

    python benchmarks/run.py [--rounds 5] [--seconds 3] [--only pyrs,granian] ...

Each round runs every server under every load, one after the other on one port. The exit
status is 1 if pyrs could not be measured.
"""

import argparse
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from measure import Failed, Load, Measurement, loads, measure
from report import Results, context, markdown, store
from servers import HERE, ROOT, Server, Unavailable, all_servers, build, running

# Neighbours at work show in the figures: past this load average it is said.
QUIET_LOAD_AVERAGE = 0.5


def main(argv: list[str]) -> int:
    options = parse(argv)
    if shutil.which("wrk") is None:
        print("wrk is not installed (apt install wrk)", file=sys.stderr)
        return 1
    build()
    servers = all_servers(options.python, options.peers_python)
    unknown = options.only - {server.name for server in servers}
    if unknown:
        print(f"no such server: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if options.only:
        servers = [one for one in servers if one.name in options.only | {"yardstick"}]
    results = Results(
        servers=servers,
        loads=loads(options.depths, options.echo),
        context=context(options.python, options.rounds, options.seconds),
    )
    if results.context["load_average_at_start"] > QUIET_LOAD_AVERAGE:
        average = results.context["load_average_at_start"]
        results.remark(f"the machine was not quiet: load average {average:.1f}")
    run(results, options)
    print("\n" + markdown(results, options.rounds))
    for path in store(results, options.rounds, options.results):
        print(f"stored {path}")
    wanted = [one.name for one in servers if one.name.startswith("pyrs")]
    return int(not all(was_measured(results, name) for name in wanted))


def parse(argv: list[str]) -> argparse.Namespace:
    peers = ROOT / ".venv-peers" / "bin" / "python"
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--rounds", type=int, default=5)
    add("--seconds", type=int, default=3, help="of each measurement (3)")
    add(
        "--depths", type=numbers, default=[1, 16, 64], help="requests at once (1,16,64)"
    )
    add("--no-echo", dest="echo", action="store_false", help="leave out the POST")
    add("--only", type=names, default=set(), help="servers, separated by commas")
    add("--python", default=sys.executable, help="the interpreter that has pyrs")
    add(
        "--peers-python",
        default=str(peers if peers.exists() else sys.executable),
        help="the interpreter that has the peers (.venv-peers, else this one)",
    )
    add("--port", type=int, default=0, help="one that is free, unless given")
    add("--results", type=Path, default=HERE / "results", help="where to store them")
    return parser.parse_args(argv)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def names(text: str) -> set[str]:
    return set(text.split(","))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def run(results: Results, options: argparse.Namespace) -> None:
    port = options.port or free_port()
    available = [server for server in results.servers if is_available(server, results)]
    for round_ in range(options.rounds):
        for load in results.loads:
            for server in available:
                say = f"round {round_ + 1}, {load.name:17} {server.label:32}"
                print(say, end=" ", flush=True)
                one = attempt(results, server, load, port, options.seconds)
                results.add(load, server, one)
                print(summary(one), flush=True)


def is_available(server: Server, results: Results) -> bool:
    try:
        server.check()
    except Unavailable as reason:
        results.remark(f"{server.label}: not measured: {reason}")
        return False
    return True


def attempt(
    results: Results, server: Server, load: Load, port: int, seconds: int
) -> Measurement | None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        try:
            with running(server, port, load.body_bytes, log) as process:
                return measure(process, port, load, seconds)
        except (Failed, OSError) as reason:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            said = f' It said: "{last[0][:200]}"' if last else ""
            results.remark(f"{server.label}, {load.name}: {reason}.{said}")
            return None


def summary(one: Measurement | None) -> str:
    if one is None:
        return "does not count"
    return f"{one.requests_per_second:12,.0f} req/s {one.cpu_us:8.2f} µs"


def was_measured(results: Results, name: str) -> bool:
    return all(
        any(results.measured.get(load.name, {}).get(name, [])) for load in results.loads
    )


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
