"""Profiles, weight folders, memory and downloads: what is missing is said in one line."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, hf_hub_download

from eligen.tools.downloads import fetch, fetch_file
from eligen.tools.errors import UserError
from eligen.tools.hardware import Memory, Quantization, plan_device, verdict
from eligen.tools.manifest import check_folder, component_bytes, identity, picture_side, verify_manifest, write_manifest
from eligen.tools.profiles import FLUX_DEV, MINI, PROFILES, HubFiles, get_profile

GB = 10**9
FLUX_SIZES = dict(FLUX_DEV.component_bytes)
LAPTOP, WORKSTATION, SERVER = Memory(12 * GB, None), Memory(60 * GB, 23 * GB), Memory(120 * GB, 140 * GB)


# -- choosing


def test_the_known_profiles() -> None:
    assert get_profile() is MINI
    assert get_profile("flux-dev", environ={}) is FLUX_DEV
    for profile in PROFILES.values():
        assert profile.width % 16 == profile.height % 16 == 0
        assert profile.licence


@pytest.mark.parametrize(
    ("name", "hint"), [("flux", "did you mean 'flux-dev'"), ("minni", "did you mean 'mini'"), ("sdxl", "")]
)
def test_unknown_profile(name: str, hint: str) -> None:
    with pytest.raises(UserError, match=f"unknown profile '{name}': known are mini, flux-dev") as error:
        get_profile(name)
    assert str(error.value).endswith("flux-dev") if not hint else hint in str(error.value)


def test_local_files_are_chosen_explicitly(tmp_path: Path) -> None:
    lora = tmp_path / "lora.safetensors"
    lora.touch()
    environ = {"ELIGEN_FLUX_DIR": str(tmp_path), "ELIGEN_LORA_FILE": str(lora)}
    profile = get_profile("flux-dev", environ=environ)
    assert (profile.folder, profile.lora_file) == (tmp_path, lora)
    assert get_profile("flux-dev", model_dir=tmp_path, lora_file=lora, environ={}) == profile
    assert get_profile("mini", environ=environ) is MINI
    beside = tmp_path / "eligen_lora.safetensors"
    beside.touch()
    assert get_profile("flux-dev", model_dir=tmp_path, environ={}).lora_file == beside


@pytest.mark.parametrize("option", ["model_dir", "lora_file"])
def test_local_files_that_are_missing(tmp_path: Path, option: str) -> None:
    with pytest.raises(UserError, match=r"^no (model folder|LoRA file) at .*/nowhere$"):
        get_profile("flux-dev", environ={}, **{option: tmp_path / "nowhere"})


# -- weight folders


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder of a pipeline's form with a few bytes for weights."""
    index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "X"], "vae": ["diffusers", "Y"]}
    index |= {"image_encoder": [None, None]}
    for part in ("transformer", "vae"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text("{}")
    shards = {"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}
    (tmp_path / "transformer" / "model.safetensors.index.json").write_text(json.dumps(shards))
    for name, size in (("transformer/part-1", 10), ("transformer/part-2", 20), ("vae/model", 5)):
        (tmp_path / f"{name}.safetensors").write_bytes(b"x" * size)
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    write_manifest(tmp_path)
    return tmp_path


def test_a_whole_folder(weights: Path) -> None:
    verify_manifest(weights)
    check_folder(weights)
    assert component_bytes(weights) == {"transformer": 30, "vae": 5}
    assert identity(weights).startswith("sha256:")


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def damage(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"y" * 5)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (remove("manifest.json"), "weights missing: no manifest.json"),
        (damage("manifest.json"), "manifest.json is corrupted"),
        (remove("vae/model.safetensors"), "weights missing: .*vae/model.safetensors"),
        (damage("vae/model.safetensors"), "weights corrupted: .*vae/model.safetensors"),
        (damage("transformer/config.json"), "weights corrupted: .*config.json"),
    ],
)
def test_a_harmed_manifest_folder(weights: Path, harm: Callable[[Path], None], line: str) -> None:
    harm(weights)
    with pytest.raises(UserError, match=f"{line}.*; reinstall the package") as error:
        verify_manifest(weights)
    assert "\n" not in str(error.value)


def test_a_folder_without_all_parts(weights: Path) -> None:
    (weights / "transformer" / "part-2.safetensors").unlink()
    with pytest.raises(UserError, match=r"weights missing: .*part-2\.safetensors"):
        check_folder(weights)
    (weights / "vae").rename(weights / "elsewhere")
    (weights / "transformer" / "model.safetensors.index.json").unlink()
    with pytest.raises(UserError, match="has no vae/ folder"):
        check_folder(weights)
    with pytest.raises(UserError, match=r"no model_index\.json"):
        check_folder(weights / "elsewhere")


def test_a_folder_says_the_side_of_its_pictures(weights: Path) -> None:
    assert get_profile("mini", model_dir=weights).width == MINI.width
    write_manifest(weights, side=256)
    verify_manifest(weights)
    profile = get_profile("mini", model_dir=weights)
    assert (profile.width, profile.height) == (256, 256)
    damage("manifest.json")(weights)
    assert picture_side(weights) is None


def test_identity_follows_the_weights(weights: Path) -> None:
    before = identity(weights)
    damage("vae/config.json")(weights)
    write_manifest(weights)
    assert identity(weights) != before
    (weights / "manifest.json").unlink()
    listed = identity(weights)
    assert listed.startswith("listing:")
    (weights / "vae" / "model.safetensors").write_bytes(b"longer weights")
    assert identity(weights) != listed


# -- devices and memory


@pytest.mark.parametrize(
    ("memory", "options", "device"),
    [
        (LAPTOP, {"sizes": {"transformer": 23_000_000}, "dtype": "float32"}, "cpu"),
        (SERVER, {}, "cuda"),
        (SERVER, {"device": "cpu"}, "cpu"),
        (WORKSTATION, {"quantization": "int8"}, "cuda"),
        (WORKSTATION, {"quantization": "fp8-storage", "offload": "model"}, "cuda"),
        (WORKSTATION, {"offload": "group"}, "cuda"),
        (replace(WORKSTATION, gpus=2), {"offload": "sequential", "device": "cuda:1"}, "cuda:1"),
        (Memory(40 * GB, 30 * GB), {"offload": "model"}, "cuda"),
        (Memory(12 * GB, 14 * GB), {"quantization": "nf4"}, "cuda"),
    ],
)
def test_where_models_fit(memory: Memory, options: dict[str, Any], device: str) -> None:
    assert plan_device(**{"sizes": FLUX_SIZES, "memory": memory, "dtype": "bfloat16"} | options) == device


@pytest.mark.parametrize(
    ("memory", "options", "line"),
    [
        (LAPTOP, {}, "no GPU found, and a model of 33.7 GB takes hours .*: use --profile mini, or insist"),
        (LAPTOP, {"device": "cpu"}, "not enough main memory: 37.1 GB needed, 12.0 GB free; use --quant"),
        (LAPTOP, {"device": "cuda"}, "no GPU found for --device cuda"),
        (LAPTOP, {"device": "foo"}, "unknown --device 'foo': known are cpu, cuda"),
        (SERVER, {"device": "cuda:one"}, "unknown --device 'cuda:one'"),
        (SERVER, {"device": "cuda:1"}, "no GPU found for --device cuda:1: the last is cuda:0"),
        (LAPTOP, {"device": "cpu", "offload": "model"}, "--offload model moves models"),
        (LAPTOP, {"device": "cpu", "quantization": "nf4"}, "nf4 needs a GPU"),
        (WORKSTATION, {}, "not enough GPU memory: 36.7 GB needed, 23.0 GB free; use --offload group"),
        (Memory(60 * GB, 32 * GB), {}, "not enough GPU memory.*use --offload model"),
        (Memory(60 * GB, 23 * GB), {"offload": "model"}, "not enough GPU memory: 26.8 GB .*--offload sequential"),
        (Memory(20 * GB, 23 * GB), {"offload": "group"}, "not enough main memory: 33.7 GB needed"),
        (SERVER, {"offload": "disk"}, "unknown --offload 'disk': known are model, group, sequential"),
        (SERVER, {"quantization": "int3"}, "unknown --quantization 'int3': known are int8, fp8, nf4"),
    ],
)
def test_where_models_do_not_fit(memory: Memory, options: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError, match=line) as error:
        plan_device(**{"sizes": FLUX_SIZES, "memory": memory, "dtype": "bfloat16"} | options)
    assert "\n" not in str(error.value)


# -- downloads

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LORA_BYTES = b"a LoRA"
FILES = {
    "lora.safetensors": LORA_BYTES,
    "model_index.json": b'{"vae": ["diffusers", "AutoencoderKL"]}',
    "vae/config.json": b"{}",
    "vae/model.safetensors": b"weights",
}
FOLDER = ("model_index.json", "vae/*")


class Hub(BaseHTTPRequestHandler):
    """Answers as Hugging Face does, and as a mirror: which way is the first part of the path."""

    def do_GET(self) -> None:
        way, _, rest = self.path.removeprefix("/").partition("/")
        if way == "gated":
            self._answer(403, b"", {"X-Error-Code": "GatedRepo"})
        elif way == "missing":
            self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif way == "mirror":
            self._answer(200, LORA_BYTES)
        elif rest.startswith(f"api/models/someone/model/tree/{COMMIT}"):
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": name} for name, content in FILES.items()
            ]
            self._answer(200, json.dumps(entries).encode(), {"Content-Type": "application/json"})
        elif rest.startswith("api/models/someone/model"):
            self._answer(200, json.dumps({"id": "someone/model", "sha": COMMIT}).encode())
        else:
            name = rest.partition(f"/{COMMIT}/")[2]
            size, etag = 10**18 if way == "huge" else len(FILES[name]), name.replace("/", "-")
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "X-Linked-Size": str(size)}
            self._answer(200, FILES[name], headers)

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def files(endpoint: str, mirror: str | None = None) -> HubFiles:
    return HubFiles(
        repository="someone/model", revision=COMMIT, patterns=("lora.safetensors",), endpoint=endpoint, mirror=mirror
    )


@pytest.mark.parametrize(
    ("way", "line"),
    [
        ("gated", "someone/model is gated: accept its licence at .*, then run `hf auth login` or set HF_TOKEN"),
        ("missing", "someone/model is not to be found or your Hugging Face token is refused"),
        ("huge", r"not enough disk for someone/model: 1000000000.0 GB needed, .* point HF_HOME"),
    ],
)
def test_what_stands_in_the_way_of_a_download(hub: str, tmp_path: Path, way: str, line: str) -> None:
    with pytest.raises(UserError, match=line) as error:
        fetch(files(f"{hub}/{way}"), lambda line: None, cache_dir=tmp_path)
    assert "\n" not in str(error.value)


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot download someone/model .*check the network.*--model-dir") as error:
        fetch(files("http://127.0.0.1:9"), lambda line: None, cache_dir=tmp_path)
    assert "\n" not in str(error.value)


def test_downloads_once(hub: str, tmp_path: Path) -> None:
    said: list[str] = []
    for endpoint in (f"{hub}/fine", "http://127.0.0.1:9"):
        folder = fetch(files(endpoint), said.append, cache_dir=tmp_path)
        assert (folder / "lora.safetensors").read_bytes() == LORA_BYTES
    assert len(said) == 1
    assert said[0].startswith("downloading someone/model (0.0 GB")


def test_an_interrupted_download_goes_on(hub: str, tmp_path: Path) -> None:
    whole = replace(files(f"{hub}/fine"), patterns=FOLDER)
    for name in ("model_index.json", "vae/config.json"):  # by a program that leaves no list of what else there is
        hf_hub_download(whole.repository, name, revision=COMMIT, endpoint=whole.endpoint, cache_dir=tmp_path)
    said: list[str] = []
    folder = fetch(whole, said.append, cache_dir=tmp_path)
    assert (folder / "vae" / "model.safetensors").read_bytes() == b"weights"
    assert fetch(whole, said.append, cache_dir=tmp_path) == folder
    assert len(said) == 1


def test_a_whole_folder_needs_no_network_and_a_part_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    whole = replace(files("http://127.0.0.1:9"), patterns=FOLDER)
    folder = tmp_path / "models--someone--model" / "snapshots" / COMMIT
    (folder / "vae").mkdir(parents=True)
    (folder / "model_index.json").write_bytes(FILES["model_index.json"])
    (folder / "vae" / "model.safetensors.index.json").write_text('{"weight_map": {"one": "1.bin", "two": "2.bin"}}')
    (folder / "vae" / "1.bin").touch()
    with pytest.raises(UserError, match="someone/model is not on this machine and HF_HUB_OFFLINE forbids"):
        fetch(whole, lambda line: None, cache_dir=tmp_path)
    (folder / "vae" / "2.bin").touch()
    assert fetch(whole, lambda line: None, cache_dir=tmp_path) == folder


def test_the_mirror_stands_in_and_says_so(hub: str, tmp_path: Path) -> None:
    said: list[str] = []
    mirrored = files(f"{hub}/missing", mirror=f"{hub}/mirror/lora.safetensors")
    path = fetch_file(mirrored, said.append, cache_dir=tmp_path)
    assert path.read_bytes() == LORA_BYTES
    assert said[0].endswith(f"trying {mirrored.mirror}")
    assert fetch_file(replace(mirrored, mirror="http://127.0.0.1:9/x"), said.append, cache_dir=tmp_path) == path


def test_neither_hub_nor_mirror(hub: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not answer either"):
        fetch_file(files(f"{hub}/missing", mirror="http://127.0.0.1:9/x"), lambda line: None, cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("memory", "quantization", "line"),
    [
        (SERVER, None, "fits: 36.7 GB of GPU memory at most"),
        (WORKSTATION, None, "fits with --offload group: 5.0 GB of GPU memory at most"),
        (WORKSTATION, "fp8-dynamic", "fits: 20.7 GB of GPU memory at most"),
        (WORKSTATION, "fp8-storage", "fits with --offload model: 15.4 GB of GPU memory at most"),
        (LAPTOP, None, "no GPU found, and a model of 33.7 GB takes hours"),
        (Memory(12 * GB, 8 * GB), None, "not enough GPU memory: 36.7 GB needed"),
    ],
)
def test_which_preset_fits_is_said_in_words(memory: Memory, quantization: Quantization | None, line: str) -> None:
    assert verdict(FLUX_SIZES, memory, dtype="bfloat16", quantization=quantization).startswith(line)


def test_small_models_fit_a_laptop() -> None:
    assert verdict({"transformer": 23_000_000}, LAPTOP, dtype="float32") == "fits: 0.1 GB of main memory at most"


def test_mini_says_whether_its_base_takes_guidance() -> None:
    config = json.loads((MINI.folder / "transformer" / "config.json").read_text(encoding="utf-8"))
    assert MINI.has_guidance == config["guidance_embeds"]
