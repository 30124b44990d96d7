"""What the log says of a handler that failed: what pyrs._bridge calls then."""

from traceback import format_exception

# A traceback repeats itself in a deep recursion; what matters is at its ends, and the
# log takes 64 KiB.
_LINES_MAX = 400


def describe_exception(handler: str, what: str, exception: BaseException) -> str:
    """ "api.Api.hello raised:" with the traceback below; one line if there is none."""
    if exception.__traceback__ is None:
        return f"{handler} {what}: {type(exception).__name__}: {exception}"
    lines = "".join(format_exception(exception)).splitlines()
    if len(lines) > _LINES_MAX:
        half = _LINES_MAX // 2
        lines[half:-half] = [f"  ... {len(lines) - _LINES_MAX} lines ..."]
    return "\n".join([f"{handler} {what}:", *lines])
