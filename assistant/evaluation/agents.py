"""Agents under test: a planner, a painter and perhaps a critic's eye, by a text that builds them anywhere."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from eligen.assistant.commands.planners import get_planner
from eligen.assistant.context import Planner
from eligen.tools.errors import UserError
from eligen.tools.profiles import DEFAULT_PROFILE, Profile, get_profile
from eligen.tools.requests import Control

if TYPE_CHECKING:
    from eligen.assistant.agents.critic import Eye
    from eligen.assistant.agents.painter import Paints

GROUP = "eligen.agents"
SWITCH = {"on": True, "off": False}


@dataclass(frozen=True, eq=False)
class Agent:
    """Who is tested. The `eye` understands attached pictures and, with `critic`, judges painted ones.

    What failed is painted again as often as the profile says, unless `retries` does. `versions` tell two agents of one
    text apart.
    """

    planner: Planner
    painter: Paints
    eye: Eye | None = None
    critic: bool = True
    profile: Profile = field(default_factory=get_profile)
    control: Control = "eligen"
    retries: int | None = None
    versions: dict[str, str] = field(default_factory=dict)


def get_agent(text: str) -> Agent:
    """Return the agent of a text: NAME,key=value,... with a name of `eligen.agents` entry points or MODULE:OBJECT.

    The object is called with the options, all texts, and returns an Agent; without a name it is `standard`.
    UserError when there is no such agent or it takes no such option.
    """
    name, options = parsed(text)
    options.pop("label", None)
    make = plugged(GROUP, name) if name else standard
    agent = built(make, options, text)
    if not isinstance(agent, Agent):
        raise UserError(f"{text!r} makes no agent")
    source = inspect.getsourcefile(make) if make is not standard else None
    more = {"source": _digest([Path(source)])} if source else {}
    return Agent(**{**vars(agent), "versions": {"agent": text} | _versions(agent.profile) | more | agent.versions})


def label_of(text: str) -> str:
    """Return what reports call an agent: its `label`, else its text."""
    return parsed(text)[1].get("label", text)


def standard(
    *,
    planner: str | Planner = "rules",
    critic: str = "on",
    control: str = "eligen",
    retries: str | None = None,
    profile: str = DEFAULT_PROFILE,
    model_dir: str | None = None,
    lora_file: str | None = None,
    **hardware: Any,
) -> Agent:
    """Return this project's agent; UserError when a part of that name is unknown.

    `planner` is as for `--planner`, or a planner itself; `hardware` is the painter's device, offload and quantization.
    """
    if critic not in SWITCH:
        raise UserError(f"critic={critic}: write on or off")
    if control not in get_args(Control):
        raise UserError(f"control={control}: write {', '.join(get_args(Control))}")
    if retries not in (None, "0", "1", "2"):
        raise UserError(f"retries={retries}: write 0, 1 or 2")
    if unknown := hardware.keys() - {"device", "offload", "quantization"}:
        raise UserError(f"an agent has no option {min(unknown)!r}")
    folder, lora = (Path(text) if text else None for text in (model_dir, lora_file))
    chosen = get_profile(profile, model_dir=folder, lora_file=lora)
    thinker = get_planner(planner) if isinstance(planner, str) else planner

    from eligen.assistant.agents.eyes import get_eye  # langgraph takes a second
    from eligen.assistant.agents.painter import LazyPainter

    return Agent(
        planner=thinker,
        painter=LazyPainter(profile=chosen, **hardware),
        eye=get_eye(chosen, getattr(thinker, "model", None), device=hardware.get("device")),
        critic=SWITCH[critic],
        retries=None if retries is None else int(retries),
        profile=chosen,
        control=cast("Control", control),
    )


def parsed(text: str) -> tuple[str, dict[str, str]]:
    """Return the name in a text, "" where there is none, and its options; UserError when it has another form."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    name = "" if not parts or "=" in parts[0] else parts.pop(0)
    pairs = [part.partition("=") for part in parts]
    if wrong := [key for key, equals, _ in pairs if not (equals and key.isidentifier())]:
        raise UserError(f"{text!r}: write NAME,key=value,...; {wrong[0]!r} is no option")
    return name, {key: value for key, _, value in pairs}


def plugged(group: str, name: str) -> Callable[..., Any]:
    """Return the object of MODULE:OBJECT, or of an entry point of that name; UserError when there is none."""
    module, colon, attribute = name.partition(":")
    try:
        if not colon:
            return cast("Callable[..., Any]", entry_points(group=group)[name].load())
        return cast("Callable[..., Any]", getattr(importlib.import_module(module), attribute))
    except KeyError:
        raise UserError(f"no plug-in of {group} is called {name!r}: name one, or write MODULE:OBJECT") from None
    except (ImportError, AttributeError) as error:
        raise UserError(f"{name}: {error}") from None


def built(make: Callable[..., Any], options: dict[str, str], text: str) -> Any:
    """Return what an object makes of options; UserError when it does not take them."""
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        raise UserError(f"{text!r}: {error}") from None
    return make(**options)


def _versions(profile: Profile) -> dict[str, str]:
    """Return what besides its text makes an agent: this package's code, the libraries that paint, the weights."""
    package = Path(str(files("eligen.assistant")))
    rooms = [package, *(package.parent / room for room in ("tools", "prompts"))]
    code = sorted(path for room in rooms for path in room.glob("**/*") if path.suffix in {".py", ".json", ".md"})
    libraries = {name: version(name) for name in ("torch", "diffusers", "transformers", "peft")}
    return libraries | {"code": _digest(code), "weights": _weights(profile)}


def _weights(profile: Profile) -> str:
    """Return a digest of a profile's files by name and size; a manifest's content tells them apart exactly."""
    if profile.folder is None:
        return f"{profile.base.repository}@{profile.base.revision}" if profile.base else profile.name
    found = sorted(path for path in profile.folder.rglob("*") if path.is_file())
    sizes = [[str(path.relative_to(profile.folder)), path.stat().st_size] for path in found]
    manifest = [path for path in found if path.name == "manifest.json"]
    return hashlib.sha256((json.dumps(sizes) + _digest(manifest)).encode()).hexdigest()[:16]


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
