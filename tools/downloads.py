"""Fetching published models: once, with a progress bar, and one plain line for whatever stands in the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import DryRunFileInfo, HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import tqdm

from eligen.tools.errors import UserError
from eligen.tools.manifest import check_folder
from eligen.tools.profiles import HubFiles

Say = Callable[[str], None]

_SPARE_DISK = 10**9


def fetch(files: HubFiles, say: Say, *, cache_dir: Path | None = None) -> Path:
    """Return the folder that holds the files, downloading what the Hugging Face cache lacks.

    Access and free disk are checked before anything large moves. Raises UserError with what to do.
    """
    cached = _cached(files, cache_dir)
    if cached is not None:
        return cached
    try:
        HfApi(endpoint=files.endpoint).auth_check(files.repository)
        size = sum(file.file_size or 0 for file in _missing(files, cache_dir))
        _check_disk(files, size, Path(cache_dir or constants.HF_HUB_CACHE))
        say(f"downloading {files.repository} ({size / 10**9:.1f} GB; run again to resume if it is interrupted)")
        return Path(snapshot_download(**_where(files, cache_dir)))
    except (HTTPError, OSError) as error:
        raise UserError(_explanation(files, error)) from error


def fetch_file(files: HubFiles, say: Say, *, cache_dir: Path | None = None) -> Path:
    """Return the one file that `files` names, from its mirror where Hugging Face does not answer."""
    (name,) = files.patterns
    if files.mirror is None:
        return fetch(files, say, cache_dir=cache_dir) / name
    mirrored = Path(cache_dir or constants.HF_HUB_CACHE) / "eligen" / files.repository.replace("/", "--") / name
    if mirrored.is_file():
        return mirrored
    try:
        return fetch(files, say, cache_dir=cache_dir) / name
    except UserError as refused:
        say(f"{refused}; trying {files.mirror}")
        mirrored.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(files.mirror, str(mirrored))
        except OSError as error:
            raise UserError(f"{refused}; {files.mirror} does not answer either ({error})") from error
        return mirrored


class _Hidden(tqdm):
    """The bars of what is only looked up."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"disable": True})


def _cached(files: HubFiles, cache_dir: Path | None) -> Path | None:
    """Return the folder in the cache; None when a file is missing from it, as after an interrupted download."""
    try:
        folder = Path(snapshot_download(local_files_only=True, **_where(files, cache_dir)))
    except LocalEntryNotFoundError:
        return None
    return folder if _is_whole(folder, files, cache_dir) else None


def _is_whole(folder: Path, files: HubFiles, cache_dir: Path | None) -> bool:
    """Return whether a folder has all that the patterns stand for: one file each, or with * a diffusers folder's."""
    if not all(any(folder.glob(pattern)) for pattern in files.patterns):
        return False
    if not any("*" in pattern for pattern in files.patterns):
        return True
    try:
        check_folder(folder)
        return not _missing(replace(files, revision=folder.name), cache_dir)
    except UserError:
        return False
    except (HTTPError, OSError):  # the hub does not answer
        return True


def _missing(files: HubFiles, cache_dir: Path | None) -> list[DryRunFileInfo]:
    """Return those of the files that are not in the cache."""
    listing = snapshot_download(dry_run=True, tqdm_class=_Hidden, **_where(files, cache_dir))
    return [file for file in listing if file.will_download]


def _where(files: HubFiles, cache_dir: Path | None) -> dict:
    return {
        "repo_id": files.repository,
        "revision": files.revision,
        "allow_patterns": list(files.patterns),
        "endpoint": files.endpoint,
        "cache_dir": cache_dir,
    }


def _check_disk(files: HubFiles, size: int, cache: Path) -> None:
    existing = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if size + _SPARE_DISK > free:
        raise UserError(
            f"not enough disk for {files.repository}: {size / 10**9:.1f} GB needed, {free / 10**9:.1f} GB free in "
            f"{cache}; free some, or point HF_HOME at a larger disk"
        )


def _explanation(files: HubFiles, error: Exception) -> str:
    if isinstance(error, GatedRepoError):
        return (
            f"{files.repository} is gated: accept its licence at https://huggingface.co/{files.repository}, then run "
            "`hf auth login` or set HF_TOKEN"
        )
    if isinstance(error, RepositoryNotFoundError):
        return f"{files.repository} is not to be found or your Hugging Face token is refused: run `hf auth login`"
    if isinstance(error, OfflineModeIsEnabled):
        return f"{files.repository} is not on this machine and HF_HUB_OFFLINE forbids fetching it: unset it"
    first_line = str(error).partition("\n")[0]
    return (
        f"cannot download {files.repository} ({type(error).__name__}: {first_line}): check the network and run again, "
        "or give local files with --model-dir and --lora-file"
    )
