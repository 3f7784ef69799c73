"""One store: a folder on any fsspec file system, with whole reads and all-or-nothing writes."""

import errno
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from tasks.errors import StoreError, usage
from tasks.store.points import reach

FRESH: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
PAYS = "DARTBOARD_REQUESTER_PAYS"
"""Environment variable with the names of S3 buckets whose reading the user pays for, parted by commas."""
UNLISTED = frozenset({"sftp", "ssh", "smb"})
"""Stores that keep no listings and take no option for it; a thread keeps its connection."""
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "r2", "memory"})
"""Stores that show an object only when its upload has ended."""

REPLACING = frozenset({"sftp", "ssh"})
"""Stores whose moves replace what is there in one step; elsewhere it is taken away before."""

_REASONS = {
    errno.ENOSPC: "there is no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "it is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENAMETOOLONG: "the name is too long for it",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
}


@contextmanager
def plainly(doing: str, url: str) -> Iterator[None]:
    """Turn a store's own errors into one sentence that says where, what and why."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        why = _REASONS.get(error.errno or 0) or f"{type(error).__name__}: {error}"
        raise StoreError(f"{url}: {doing} failed: {why}. Free or choose another place and run again.") from error
    except Exception as error:
        if "No space left" in str(error):
            raise StoreError(f"{url}: {doing} failed: there is no space left. Free some and run again.") from error
        if type(error).__module__.partition(".")[0] in {"botocore", "aiobotocore", "azure", "gcsfs", "paramiko"}:
            raise StoreError(f"{url}: {doing} failed: {type(error).__name__}: {error}") from error
        raise


def opened(url: str) -> tuple[Any, str]:
    """Give the file system of an address and the path in it; RecipeError where none speaks it.

    Buckets whose reader pays are read only where PAYS names them.
    """
    scheme, _, rest = url.partition("://")
    options = {} if scheme in UNLISTED else dict(FRESH)
    if scheme == "s3" and rest.partition("/")[0] in os.environ.get(PAYS, "").split(","):
        options["requester_pays"] = True
    try:
        fs, path = fsspec.core.url_to_fs(url, **options)
    except (ValueError, ImportError) as error:
        raise usage(f"no store speaks this address ({error})", "Install its extra, or correct it.", value=url) from error
    return fs, str(path)


@dataclass(frozen=True)
class Place:
    """A folder of a store.

    `put` and `put_bytes` make a whole file appear at once: on local disks by a synced temporary
    file and a rename, on object stores by one upload, elsewhere by a temporary name and a move.
    """

    url: str
    fs: Any
    root: str

    @classmethod
    def at(cls, url: str) -> "Place":
        """Open the folder at `url`; nothing is created yet. A process opens each address once."""
        return _opened(url)

    @classmethod
    def _open(cls, url: str) -> "Place":
        refuse_secrets(url)
        fs, root = opened(url)
        return cls(url.rstrip("/"), fs, root.rstrip("/"))

    @property
    def protocol(self) -> str:
        """The name of the file system, as in `file` or `s3`."""
        names = self.fs.protocol
        return names if isinstance(names, str) else str(names[0])

    @property
    def local(self) -> bool:
        """Whether the store is a local disk."""
        return self.protocol in ("file", "local")

    def full(self, path: str) -> str:
        """Give the store's own name of `path`."""
        return f"{self.root}/{path}" if path else self.root

    def address(self, path: str) -> str:
        """Give the URL of `path`."""
        return f"{self.url}/{path}"

    def size(self, path: str) -> int | None:
        """Give a file's bytes, or None where there is none."""
        with plainly("looking", self.address(path)):
            try:
                info = self.fs.info(self.full(path))
            except FileNotFoundError:
                return None
        return int(info["size"]) if info["type"] == "file" else None

    def read_bytes(self, path: str) -> bytes:
        """Read a small file whole; FileNotFoundError where there is none."""
        with plainly("reading", self.address(path)):
            return bytes(self.fs.cat_file(self.full(path)))

    def names(self, path: str = "") -> list[str]:
        """List all files below `path`, relative to the place, sorted."""
        with plainly("listing", self.address(path)):
            found = self.fs.find(self.full(path))
        prefix = len(self.root) + 1
        return sorted(str(name)[prefix:] for name in found)

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """Give a local file with the bytes of `path`: the file itself, or a temporary copy."""
        if self.local:
            yield Path(self.full(path))
            return
        with tempfile.TemporaryDirectory(prefix="dartboard-") as folder:
            target = Path(folder) / "copy"
            with plainly("reading", self.address(path)):
                self.fs.get_file(self.full(path), str(target))
            yield target

    def put_bytes(self, path: str, data: bytes) -> None:
        """Make a small file appear whole."""
        with tempfile.TemporaryDirectory(prefix="dartboard-") as folder:
            source = Path(folder) / "data"
            source.write_bytes(data)
            self.put(path, source)

    def put(self, path: str, source: Path, *, ours: bool = False) -> None:
        """Make the local file `source` appear whole at `path`.

        It is copied, or linked where it is `ours`: nobody will write to it again.
        """
        reach(f"before {path}")
        with plainly("writing", self.address(path)):
            if self.local:
                self._put_local(Path(self.full(path)), source, ours=ours)
            elif self.protocol in OBJECT_STORES:
                self.fs.put_file(str(source), self.full(path))
            else:
                self._put_moved(path, source)
        reach(f"after {path}")

    def remove(self, path: str) -> None:
        """Take a file away."""
        with plainly("removing", self.address(path)):
            self.fs.rm_file(self.full(path))

    def free_bytes(self) -> int | None:
        """Give the free space of a local store; None where it cannot be known."""
        if not self.local:
            return None
        folder = Path(self.root)
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _put_local(self, target: Path, source: Path, *, ours: bool) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".tmp-{uuid.uuid4().hex}")
        try:
            if not (ours and _linked(source, temporary)):
                shutil.copyfile(source, temporary)
            _sync(temporary)
            reach(f"copied {target.name}")
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        if os.name == "posix":
            _sync(target.parent)

    def _put_moved(self, path: str, source: Path) -> None:
        full = self.full(path)
        folder = full.rpartition("/")[0]
        temporary = f"{folder}/.tmp-{uuid.uuid4().hex}"
        self.fs.makedirs(folder, exist_ok=True)
        self.fs.put_file(str(source), temporary)
        reach(f"copied {full.rpartition('/')[2]}")
        if self.protocol not in REPLACING and self.fs.exists(full):
            self.fs.rm_file(full)
        self.fs.mv(temporary, full)


@functools.lru_cache(maxsize=64)
def _opened(url: str) -> Place:
    return Place._open(url)  # noqa: SLF001  the cached half of `Place.at`


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name, where both lie on one disk that can."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_secrets(url: str) -> None:
    """Refuse an address that carries a password or a chain of file systems."""
    head, _, rest = url.partition("://")
    user = rest.partition("/")[0].rpartition("@")[0]
    if rest and ":" in user:
        raise usage("an address must not carry a password", "Give it by the environment of the store's library.", value=f"{head}://…")
    if "::" in url:
        raise usage("chained addresses are not followed", "Name the files themselves.", value=url)
