"""A real OpenSSH server in a process of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.s3 import free_port, wait_for

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def start_sshd(folder: Path) -> Iterator[str]:
    """Give the address `sftp://user@host:port` of a server that lets this user in by a key in HOME."""
    assert SSHD
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for key in (folder / "host", home / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = home / ".ssh" / "authorized_keys"
    allowed.write_text((home / ".ssh" / "id_ed25519.pub").read_text())
    allowed.chmod(0o600)
    port = free_port()
    settings = [
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}", f"AuthorizedKeysFile {allowed}", "StrictModes no",
        "PasswordAuthentication no", "PermitRootLogin yes", "UsePAM no", "Subsystem sftp internal-sftp", f"PidFile {folder / 'pid'}",
    ]  # fmt: skip
    (folder / "config").write_text("\n".join(settings) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(home)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stdout=log, stderr=log)
        try:
            wait_for(port, process)
            user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
            yield f"sftp://{user}@127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)
            os.environ.pop("HOME") if before is None else os.environ.update(HOME=before)
