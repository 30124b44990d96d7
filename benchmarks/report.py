"""From measurements to what is kept: a table, the same as JSON, and a plot."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from measure import CONNECTIONS, Load, Measurement
from servers import ROOT, Server


@dataclass
class Results:
    """`measured[load][server]` has a measurement per round, None where it failed."""

    servers: list[Server]
    loads: list[Load]
    context: dict[str, Any]
    measured: dict[str, dict[str, list[Measurement | None]]] = field(
        default_factory=dict
    )
    remarks: list[str] = field(default_factory=list)  # what did not count, and why

    def add(self, load: Load, server: Server, measurement: Measurement | None) -> None:
        of_load = self.measured.setdefault(load.name, {})
        of_load.setdefault(server.name, []).append(measurement)

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


@dataclass(frozen=True)
class Row:
    """Medians over the rounds."""

    server: str
    rounds: int  # that count
    requests_per_second: float
    p50_us: float | None
    p99_us: float | None
    cpu_us: float
    ratio: float | None  # of cpu_us to the yardstick's, round by round


def rows(results: Results, load: Load) -> list[Row]:
    of_load = results.measured.get(load.name, {})
    yardstick = of_load.get("yardstick", [])
    found = []
    for server in results.servers:
        every = of_load.get(server.name, [])
        counted = [one for one in every if one is not None]
        if not counted:
            continue
        ratios = [
            one.cpu_us / base.cpu_us
            for one, base in zip(every, yardstick, strict=False)
            if one is not None and base is not None and base.cpu_us > 0
        ]
        found.append(
            Row(
                server=server.label,
                rounds=len(counted),
                requests_per_second=median(one.requests_per_second for one in counted),
                p50_us=median_of_known([one.p50_us for one in counted]),
                p99_us=median_of_known([one.p99_us for one in counted]),
                cpu_us=median(one.cpu_us for one in counted),
                ratio=median(ratios) if ratios else None,
            )
        )
    return found


def median_of_known(values: list[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


# ---- where and when ----


def context(python: str, rounds: int, seconds: int) -> dict[str, Any]:
    version = "import platform as p; print(p.python_implementation(), "
    version += "p.python_version())"
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": output_of(python, "-c", version),
        "pyrs": output_of("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "load": f"wrk -t1 -c{CONNECTIONS}, {seconds} s, {rounds} rounds",
        "load_average_at_start": os.getloadavg()[0],
    }


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


# ---- text ----

HEADINGS = ["server", "req/s", "p50 µs", "p99 µs", "CPU µs/request", "to yardstick"]


def cells(row: Row, rounds: int) -> list[str]:
    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:,.{digits}f}"

    short = f" ({row.rounds} of {rounds} rounds)" if row.rounds < rounds else ""
    return [
        row.server + short,
        number(row.requests_per_second, 0),
        number(row.p50_us, 0),
        number(row.p99_us, 0),
        number(row.cpu_us, 2),
        number(row.ratio, 2),
    ]


def table(lines: list[list[str]]) -> str:
    """Markdown that reads well as it is."""
    lines = [HEADINGS, *lines]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADINGS))]

    def text(line: list[str]) -> str:
        padded = [
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = [
        "-" * width if at == 0 else "-" * (width - 1) + ":"
        for at, width in enumerate(widths)
    ]
    return "\n".join([text(lines[0]), text(rule), *map(text, lines[1:])])


def markdown(results: Results, rounds: int) -> str:
    about = results.context
    parts = [
        f"# {about['date']}, {about['python']}",
        f"{about['cpu']}, {about['cpus']} CPUs, {about['kernel']}, pyrs "
        f"{about['pyrs']}. {about['load']}; medians over the rounds. How figures are "
        "made: [benchmarks/README.md](../README.md).",
    ]
    for load in results.loads:
        lines = [cells(row, rounds) for row in rows(results, load)]
        parts += [f"## {load.name}", table(lines) if lines else "Nothing was measured."]
    if results.remarks:
        parts += ["## Does not count"]
        parts += ["\n".join(f"- {remark}" for remark in results.remarks)]
    return "\n\n".join(parts) + "\n"


# ---- files ----


def store(results: Results, rounds: int, folder: Path) -> list[Path]:
    """Writes NAME.md, NAME.json and, if matplotlib is installed, NAME.svg."""
    about = results.context
    name = f"{about['date']}-{about['python'].lower().replace(' ', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / f"{name}.md"
    text.write_text(markdown(results, rounds))
    data = folder / f"{name}.json"
    data.write_text(json.dumps(as_json(results), indent=1) + "\n")
    picture = folder / f"{name}.svg"
    return [text, data, *([picture] if plot(results, picture) else [])]


def as_json(results: Results) -> dict[str, Any]:
    return {
        **results.context,
        "medians": {
            load.name: [asdict(row) for row in rows(results, load)]
            for load in results.loads
        },
        "rounds": {
            load: {
                server: [one and asdict(one) for one in every]
                for server, every in of_load.items()
            }
            for load, of_load in results.measured.items()
        },
        "remarks": results.remarks,
    }


def plot(results: Results, path: Path) -> bool:
    """Bars of CPU time per request, a panel for each load."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pyrs"})
    from matplotlib import pyplot

    panels = [(load, rows(results, load)) for load in results.loads]
    panels = [(load, found) for load, found in panels if found]
    if not panels:
        return False
    figure, axes = pyplot.subplots(
        len(panels),
        squeeze=False,
        layout="constrained",
        figsize=(8, sum(0.3 * len(found) + 0.7 for _, found in panels)),
        height_ratios=[len(found) + 1 for _, found in panels],
    )
    for axis, (load, found) in zip(axes[:, 0], panels, strict=True):
        names = [row.server for row in found]
        colors = [color(name) for name in names]
        bars = axis.barh(names, [row.cpu_us for row in found], color=colors)
        axis.bar_label(bars, fmt="%.2f", padding=3)
        axis.set_title(f"CPU µs per request, {load.name}", loc="left", fontsize=10)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def color(label: str) -> str:
    if label.startswith("yardstick"):
        return "#9a9a9a"
    return "#2f6db5" if label.startswith("pyrs") else "#d2a24c"
