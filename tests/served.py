"""The studio in a process of its own, for a browser to visit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

PATIENCE = 120


class Studio:
    """`eligen ui` in a process of its own."""

    def __init__(self, log: Path, steps: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [Path(sys.executable).with_name("eligen"), "ui", "--no-browser", "--no-critic", "--port", self.port]
        self.log, self.began = log, time.monotonic()
        environment = os.environ | {"STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true"}
        arguments = [*map(str, command), "--steps", str(steps), "--seed", "3"]
        with log.open("w") as out:
            self.process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT, env=environment)
        self.address = f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Return when it serves; AssertionError with its log when it ends or takes too long."""
        while not self.serves():
            assert time.monotonic() - self.began < PATIENCE, self.log.read_text()
            time.sleep(0.1)

    def serves(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def listens_on(self) -> set[str]:
        """Return the addresses that the process listens on."""
        connections = psutil.Process(self.process.pid).net_connections("inet")
        return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
