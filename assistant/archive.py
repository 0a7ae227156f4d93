"""A whole session as one .zip, and back. What comes in is checked before anything of it is kept."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from eligen.assistant.history import History
from eligen.assistant.opening import written_settings
from eligen.assistant.pictures import Pictures, images, mentioned
from eligen.assistant.routing import Settings
from eligen.assistant.store import Store, session_folder
from eligen.assistant.turns import Turn
from eligen.tools.errors import UserError
from eligen.tools.imagefiles import open_image
from eligen.tools.layout import Value
from eligen.tools.userinput import check_replaceable, printable, reason

RECORD = "session.json"
PICTURE = re.compile(r"pictures/([0-9a-f]{64})\.png")
BROKEN = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)  # what zipfile raises
MOST_BYTES = 4 * 10**9
MOST_RECORD_BYTES = 50 * 10**6
MOST_PICTURE_BYTES = 200 * 10**6
MOST_FILES = 100_000


class Archive(Value):
    """What `session.json` holds; image fields are the names of files in `pictures/`."""

    format: Literal["eligen-session"] = "eligen-session"
    schema_version: int = Field(default=1, ge=1, le=1)
    name: str
    settings: Settings
    history: History
    turns: tuple[Turn, ...]


def export_session(store: Store, path: Path) -> None:
    """Write a session with everything it has into a .zip; UserError when it cannot be written."""
    name, settings = store.folder.name, written_settings(store)
    if settings is None:
        raise UserError(f"session {name!r} has no settings yet: open it once with `eligen chat --session {name}`")
    archive = Archive(name=name, settings=settings, history=store.history, turns=store.turns)
    record = archive.model_dump_json(exclude_none=True, indent=1)
    try:
        check_replaceable(path)
        part = path.with_name(f".{path.name}.part")
        try:
            with zipfile.ZipFile(part, "w") as target:
                target.writestr(zipfile.ZipInfo(RECORD), record, zipfile.ZIP_DEFLATED)
                for picture in sorted(mentioned(record)):
                    if (source := store.pictures.path(picture)).is_file():
                        target.writestr(zipfile.ZipInfo(f"pictures/{picture}.png"), source.read_bytes())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def import_session(path: Path, name: str | None = None) -> str:
    """Make a new session of a .zip that `export_session` wrote; return its name, by default the one it had.

    Raises UserError, with nothing kept, when a session of that name is there, or when the file holds anything but
    whole pictures under their own hashes and a valid record that mentions nothing outside the file.
    """
    try:
        with zipfile.ZipFile(path) as source:
            archive = _record(source)
            folder = session_folder(name or archive.name)
            if folder.exists():
                raise UserError(f"there is a session {folder.name!r} already: give the import another name")
            _unpack(source, archive, folder)
    except FileNotFoundError:
        raise UserError(f"no file at {path}") from None
    except BROKEN as error:
        raise UserError(f"{path.name} is not a session that can be read: {error}") from error
    return folder.name


def _record(source: zipfile.ZipFile) -> Archive:
    """Return the record of an archive whose list of files is as it should be."""
    files = source.infolist()
    names = [file.filename for file in files]
    if len(names) > MOST_FILES or sum(file.file_size for file in files) > MOST_BYTES:
        raise UserError(f"the archive is too large: at most {MOST_FILES} files and {MOST_BYTES / 10**9:g} GB")
    if len(set(names)) < len(names):
        raise UserError("the archive holds a file twice")
    for file in files:
        if file.filename != RECORD and not PICTURE.fullmatch(file.filename):
            raise UserError(f"the archive holds {file.filename[:80]!r}, which no session has")
        if stat.S_ISLNK(file.external_attr >> 16):
            raise UserError(f"the archive holds a link, {file.filename!r}")
    if RECORD not in names:
        raise UserError(f"the archive has no {RECORD}: it is not a session")
    try:
        archive = Archive.model_validate_json(_content(source, RECORD, MOST_RECORD_BYTES))
    except ValidationError as error:
        raise UserError(f"{RECORD}: {reason(error)}") from None
    _check(archive, {match[1] for name in names if (match := PICTURE.fullmatch(name))})
    return archive


def _check(archive: Archive, there: set[str]) -> None:
    """Raise UserError when a turn leads nowhere, or a picture is not there: no path may lead out of a session."""
    pictures = {version.picture for version in archive.history.versions if version.picture}
    pictures |= {picture for turn in archive.turns for picture in turn.attachments}
    pictures |= set(images(archive.model_dump(mode="json")))
    if missing := sorted(pictures - there):
        raise UserError(f"the archive lacks the picture {printable(missing[0])[:80]!r}")
    if [turn.number for turn in archive.turns] != list(range(1, len(archive.turns) + 1)):
        raise UserError("the archive's turns are not numbered from 1 without gaps")
    if wrong := [turn.version for turn in archive.turns if turn.version > len(archive.history.versions)]:
        raise UserError(f"the archive's turns lead to no version {wrong[0]}")


def _unpack(source: zipfile.ZipFile, archive: Archive, folder: Path) -> None:
    """Fill a new folder beside the session's and give it the session's name when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".import-"))
    try:
        with Store(part) as store:
            for picture, content in _pictures(source):
                _keep(store.pictures, picture, content)
            store.record(archive.history, *archive.turns, settings=archive.settings.model_dump_json())
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part)
        raise


def _pictures(source: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for name in source.namelist():
        if match := PICTURE.fullmatch(name):
            yield match[1], _content(source, name, MOST_PICTURE_BYTES)


def _keep(pictures: Pictures, picture: str, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != picture:
        raise UserError(f"the archive's picture {picture} has been changed")
    pictures.put_bytes(content)
    open_image(pictures.path(picture))


def _content(source: zipfile.ZipFile, name: str, most: int) -> bytes:
    with source.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"the archive's {name} is larger than {most / 10**6:g} MB")
    return content
