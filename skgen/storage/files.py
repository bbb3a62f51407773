"""Files on disk, written completely or not at all."""

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from skgen.storage.errors import FileFormatError
from skgen.storage.format import dumps, loads_with_objects

fcntl: Any
try:
    import fcntl
except ImportError:
    # Windows does not delete files that are open, and needs no locks.
    fcntl = None

# Bytes of a file's name that the names of its temporary files repeat.
LONGEST_KEPT = 100
BINARY = getattr(os, "O_BINARY", 0)


def write(path: str | os.PathLike, value: Any, kind: str) -> None:
    """Write a file, completely or not at all.

    The bytes go to a temporary file in the same folder, which replaces the old file once they are
    on disk: whatever happens meanwhile, either the old file or the new one exists. The new one has
    the permissions of the old one and, where the system allows it, its owner. Temporary files that
    killed processes have left there under this name are deleted.

    Parameters
    ----------
    path : str or path
        Where to write; a symbolic link is followed.
    value : object
        What to write.
    kind : str
        What it is.

    Raises
    ------
    OSError
        If nothing can be written there, or if what is there is no regular file.
    """
    target, before = _target(path)
    data = dumps(value, kind)
    remove_leftovers(target)
    part, file = _new_part(target, before)
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()
            # While it is open it is locked, so that no other process deletes it as a leftover.
            os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        # The new name is on disk once its folder has been written.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _target(path: str | os.PathLike) -> tuple[Path, os.stat_result | None]:
    """Return the path to write, links followed, and the file there; raise if it must stay."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"Cannot write {str(path)!r}: there is no folder {target.parent}.")
    try:
        # Of the path as it was given: what lies behind /dev/stdout has no name of its own.
        before = os.stat(path)
    except FileNotFoundError:
        return target, None
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder; name a file in it.")
    whole = stat.S_ISREG(before.st_mode) and not _names_open_file(path)
    if not whole or not target.exists() or not os.path.samestat(before, os.stat(target)):
        raise OSError(
            f"Cannot write {str(path)!r}: it is a device, a pipe, a socket or the like, and stays "
            "what it is; name a file, or a new one."
        )
    return target, before


def _names_open_file(path: str | os.PathLike) -> bool:
    """Return whether a path leads to a file through what a process has open, as /dev/stdout does.

    A new file would take the place of one that others still write to.
    """
    step = os.path.abspath(path)
    while os.path.islink(step):
        if step.startswith(("/dev/", "/proc/")):
            return True
        step = os.path.join(os.path.dirname(step), os.readlink(step))
    return False


def _new_part(target: Path, before: os.stat_result | None) -> tuple[Path, Any]:
    """Return the path of a new temporary file, and the file itself, open and locked."""
    while True:
        part = target.with_name(f"{_part_prefix(target)}{secrets.token_hex(8)}.part")
        # Nobody may read it who could not read the file that it replaces.
        mode = 0o666 if before is None else 0o600
        try:
            number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY, mode)
        except OSError as error:
            # In the name that was given, not in that of the temporary file.
            raise OSError(error.errno, error.strerror, str(target)) from None
        file = os.fdopen(number, "wb")
        _lock(file)
        if before is not None and os.name == "posix":
            _take_over(file.fileno(), before)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(part), os.fstat(file.fileno())):
                return part, file
        # Another process deleted it as a leftover just before it was locked.
        file.close()


def _take_over(number: int, before: os.stat_result) -> None:
    """Give an open file the owner, the group and the permissions of another."""
    for uid, gid in ((before.st_uid, -1), (-1, before.st_gid)):
        # Only root gives files away, and others to groups of their own.
        with contextlib.suppress(OSError):
            os.fchown(number, uid, gid)
    permissions = before.st_mode & 0o777
    if os.fstat(number).st_gid != before.st_gid:
        # What one group was allowed is not given to another.
        permissions &= ~0o070
    with contextlib.suppress(OSError):
        os.fchmod(number, permissions)


def _lock(file: Any) -> bool:
    """Lock an open file until it is closed; return whether no other process has locked it."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Or the file system has no locks.
            return False
    return True


def _part_prefix(target: Path) -> str:
    """Return how the names of a file's temporary files begin."""
    name = os.fsencode(target.name)
    if len(name) <= LONGEST_KEPT:
        return f".{target.name}."
    # File names may have 143 to 255 bytes at most, and those of temporary files are longer.
    return f".{hashlib.sha256(name).hexdigest()[:32]}."


def leftovers(path: str | os.PathLike) -> list[Path]:
    """List the temporary files that a process killed while writing has left."""
    target = Path(os.path.realpath(path))
    start = _part_prefix(target)
    try:
        names = [name for name in os.listdir(target.parent) if name.startswith(start)]
    except OSError:
        # A folder that can be written to, but not listed.
        return []
    return [
        target.with_name(name)
        for name in names
        if name.endswith(".part") and len(name) == len(start) + 21
    ]


def remove_leftovers(path: str | os.PathLike) -> None:
    """Delete the temporary files of writes to a path, but for those that are being written."""
    for part in leftovers(path):
        with contextlib.suppress(OSError), open(part, "rb") as file:
            if _lock(file):
                part.unlink()


def read(path: str | os.PathLike, kind: str) -> Any:
    """Read a file that `write` wrote, as `read_with_objects` does, without the list of objects."""
    return read_with_objects(path, kind)[0]


def read_with_objects(path: str | os.PathLike, kind: str) -> tuple[Any, list[Any]]:
    """Read a file that `write` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    kind : str
        What it should be.

    Returns
    -------
    value : object
        What it holds.
    objects : list
        The instances of registered classes in it, however deep.

    Raises
    ------
    FileFormatError
        If it is not such a file; the message names it and says what is wrong.
    """
    data = Path(path).read_bytes()
    try:
        return loads_with_objects(data, kind)
    except FileFormatError as error:
        raise FileFormatError(f"Cannot load {os.fspath(path)!r}: {error}") from error.__cause__
