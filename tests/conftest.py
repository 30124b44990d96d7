"""What holds for all tests."""

import signal

from hypothesis import HealthCheck, settings

# A busy machine is no fault of what is tested.
settings.register_profile(
    "pyrs", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pyrs")

# Those who are started in the background (nohup, a script's "&") ignore these, and so
# would the servers that the tests start.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
