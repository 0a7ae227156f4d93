"""What a folder of weights holds: checksums of shipped files, parts and sizes of a diffusers folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from eligen.tools.errors import UserError

MANIFEST = "manifest.json"
REINSTALL = "reinstall the package, or fetch the file again"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, side: int | None = None) -> None:
    """Write the checksums of every file under a folder, and the side its pictures have, to its manifest.json."""
    files = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }
    said = {"side": side} if side else {}
    (folder / MANIFEST).write_text(json.dumps(said | {"files": files}, indent=2) + "\n")


def picture_side(folder: Path) -> int | None:
    """Return the side in pixels of the pictures a folder was trained to paint; None when no manifest says it."""
    try:
        side = json.loads((folder / MANIFEST).read_text())["side"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return side if isinstance(side, int) else None


def verify_manifest(folder: Path) -> None:
    """Compare the files of a folder with its manifest.json; UserError names the first that is missing or altered."""
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"weights missing: no {MANIFEST} in {folder}; {REINSTALL}")
    try:
        expected: dict[str, str] = json.loads(path.read_text())["files"]
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} is corrupted; {REINSTALL}") from error
    for name, digest in expected.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"weights missing: {file}; {REINSTALL}")
        if sha256_of(file) != digest:
            raise UserError(f"weights corrupted: {file} does not match its sha256; {REINSTALL}")


def check_folder(folder: Path) -> None:
    """Raise UserError when a diffusers pipeline folder lacks a part that its model_index.json names."""
    index = folder / "model_index.json"
    if not index.is_file():
        raise UserError(f"weights missing: {folder} is no diffusers folder (no model_index.json)")
    for part in _parts(index):
        present = folder / part
        if not present.is_dir():
            raise UserError(f"weights missing: {folder} has no {part}/ folder")
        for shards in present.glob("*.index.json"):
            for name in sorted(set(json.loads(shards.read_text())["weight_map"].values())):
                if not (present / name).is_file():
                    raise UserError(f"weights missing: {present / name}")


def component_bytes(folder: Path) -> dict[str, int]:
    """Return how many bytes of safetensors each part of a diffusers folder holds."""
    sizes = {part: _weight_bytes(folder / part) for part in _parts(folder / "model_index.json")}
    return {part: size for part, size in sizes.items() if size}


def identity(folder: Path) -> str:
    """Return a digest that names the weights of a folder: of its manifest, or else of its configs and file sizes."""
    manifest = folder / MANIFEST
    if manifest.is_file():
        return f"sha256:{sha256_of(manifest)}"
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.json")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}".encode())
    return f"listing:{digest.hexdigest()}"


def _parts(index: Path) -> Iterator[str]:
    for name, value in json.loads(index.read_text()).items():
        if not name.startswith("_") and isinstance(value, list) and value[0] is not None:
            yield name


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
