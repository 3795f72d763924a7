"""``ratedist explore`` as it is installed: it serves its pages to this machine, and ends on Ctrl-C."""

import pathlib
import re
import signal
import socket
import subprocess
import sysconfig
import urllib.error
import urllib.request

import pytest

from ratedist.cli import main

RATEDIST = pathlib.Path(sysconfig.get_path("scripts")) / "ratedist"


def test_pages_are_served_until_interrupted() -> None:
    process = subprocess.Popen(
        [RATEDIST, "explore", "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", first)
        assert address, first
        with urllib.request.urlopen(address[0], timeout=120) as answer:
            page = answer.read().decode()
        assert "<main" in page
        assert pathlib.Path(second.removeprefix("its files: ").strip()).read_text() == page
        for name in re.findall(r'(?:src|href)="(\w+\.\w+)"', page):
            with urllib.request.urlopen(address[0] + name, timeout=120) as answer:
                assert answer.status == 200
                assert answer.headers["Content-Type"].split(";")[0] in {"text/css", "text/javascript"}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address[0] + "../server.py", timeout=120)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out, err) == (130, "", "ratedist: interrupted, nothing was written\n")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_ports_that_are_none(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--no-browser", "--port", port]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "port must be" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["explore", "--no-browser", "--port", str(port)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"port {port} cannot be served" in said.err
