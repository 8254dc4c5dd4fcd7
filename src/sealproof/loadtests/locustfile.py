"""Users that read tenants' secrets over HTTP and look into every answer.

Only locust's own process imports this: `python -m locust -f …/locustfile.py --headless --expected FILE
--tally FILE …`. Each user walks over all tenants in an order of its own, without a pause, so that
different tenants' requests are in flight at any moment.
"""

from __future__ import annotations

from secrets import SystemRandom
from typing import TYPE_CHECKING, Any, ClassVar

from gevent import get_hub
from locust import FastHttpUser, events, task

from sealproof.loadtests.expected import Expected, Verdict
from sealproof.loadtests.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment


class SecretReader(FastHttpUser):
    """Asks for one secret after the other, and for each checks that it is the tenant's own."""

    connection_timeout = 5.0  # seconds
    network_timeout = 5.0  # seconds
    expected: ClassVar[Expected]
    tally: ClassVar[Tally]

    def on_start(self) -> None:
        """Choose where to begin."""
        self._route = self._walk()

    @task
    def read(self) -> None:
        """Read one secret. A request that is still open when the run is cut counts as an error."""
        tenant, name = next(self._route)
        verdict = Verdict.ERROR
        begun = answered = self.tally.now()
        try:
            path = f"/tenants/{tenant}/secrets/{name}"
            with self.client.get(path, name=tenant, catch_response=True) as response:
                answered = self.tally.now()
                verdict = self.expected.judge(
                    tenant,
                    name,
                    status=response.status_code,
                    headers=str(response.headers or ""),
                    body=response.text or "",
                )
                if verdict is Verdict.OWN:
                    response.success()
                else:
                    response.failure(verdict.value)
        finally:
            self.tally.note(tenant, verdict, begun=begun, answered=answered)

    def _walk(self) -> Iterator[tuple[str, str]]:
        secrets = self.expected.secrets
        while True:
            SystemRandom().shuffle(secrets)
            yield from secrets


def add_options(parser: LocustArgumentParser) -> None:
    """Add this file's own options to locust's."""
    parser.add_argument("--expected", metavar="FILE", required=True, help="keyed digests of the canaries, in JSON")
    parser.add_argument("--tally", metavar="FILE", required=True, help="where the counts of the run go, in JSON")


def prepare(environment: Environment, **_: object) -> None:
    """Read what is expected, and tie the tally to the run's phases."""
    chosen = environment.parsed_options
    if chosen is None:
        message = "this file is for locust's command line"
        raise RuntimeError(message)
    tally = Tally()
    SecretReader.expected, SecretReader.tally = Expected.read(chosen.expected), tally

    def write(**_: object) -> None:
        with open(chosen.tally, "w", encoding="ascii") as file:
            file.write(tally.to_json())

    # Timers count from when the loop last looked at the clock: without this, importing eats into the run's time.
    get_hub().loop.update_now()
    phases: Any = environment.events
    phases.spawning_complete.add_listener(lambda user_count, **_: tally.begin(user_count))
    phases.test_stopping.add_listener(lambda **_: tally.end())
    phases.quitting.add_listener(write)


_hooks: Any = events  # locust declares no types for them
_hooks.init_command_line_parser.add_listener(add_options)
_hooks.init.add_listener(prepare)
