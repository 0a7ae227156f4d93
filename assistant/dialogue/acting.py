"""What the requests do that let things act: take a pose, do something with another thing, turn."""

from __future__ import annotations

from typing import cast

from eligen.assistant.dialogue.actions import does, dress, things
from eligen.assistant.dialogue.adding import new_of
from eligen.assistant.dialogue.kinds import name
from eligen.assistant.dialogue.meanings import Look, Newcomer, Reference, Request, Spot
from eligen.assistant.dialogue.moving import move
from eligen.assistant.dialogue.picks import is_at
from eligen.assistant.dialogue.places import place
from eligen.assistant.dialogue.references import hosts, resolve
from eligen.assistant.dialogue.work import Work
from eligen.assistant.items import Relation
from eligen.assistant.language.inflection import present_participle
from eligen.assistant.plan import Move
from eligen.tools.layout import Entity

BORNE = ("holding", "wearing")  # what is held or worn goes to who does it, not the other way round


@does("pose at")
def pose_at(work: Work, request: Request) -> None:
    """Let things do something somewhere: "let the dog sleep under the tree"."""
    posed = things(work, request)
    move(work, request)
    dress(work, posed, request.get("LOOK").words)


@does("act")
def act(work: Work, request: Request) -> None:
    """Let things do something, perhaps with others ("chase the bird"): they stand as one does then, in that pose."""
    acting, verb = things(work, request), request.get("ACT")
    relation = cast(Relation, work.lists.lexicon.words["verb_relations"].get(verb, "next"))
    made = [entity_id for new in request.get("NEWS") or () for entity_id in _brought(work, new, acting)]
    others = [entity for entity in work.layout.entities if entity.id in made]
    others += [entity for entity in resolve(work, request.get("other") or ()) if entity not in acting]
    if verb in work.lists.set("gazes"):
        others = []  # one does it from where one is
    if others and relation in BORNE:
        _join(work, others, "on" if relation == "wearing" else "next", acting)
    elif others:
        _join(work, acting, relation, others)
    now = [entity for entity in work.layout.entities if entity.id in {one.id for one in acting}]
    dress(work, now, (present_participle(verb),))


@does("act at")
def act_at(work: Work, request: Request) -> None:
    """Let things do something somewhere: "the frog jumps on the stone"."""
    pose_at(work, request.put("LOOK", Look("", (present_participle(request.get("ACT")),))))


def _brought(work: Work, new: Newcomer, acting: list[Entity]) -> tuple[str, ...]:
    """Add what somebody acts on, beside them."""
    beside = Spot("", relation="next", of=tuple(Reference(entity.id, kind="id") for entity in acting))
    return work.do(new_of(work, new, beside))


def _join(work: Work, moved: list[Entity], relation: Relation, others: list[Entity]) -> None:
    """Move things to where they stand so to others, those that do not yet."""
    spot = Spot("", relation=relation, of=tuple(Reference(entity.id, kind="id") for entity in others))
    going = [entity for entity in moved if not is_at(spot, entity, hosts(work))]
    if going:
        work.do(Move(ids=tuple(entity.id for entity in going), place=place(work, spot, going)))


@does("turn")
def turn(work: Work, request: Request) -> None:
    """Say that nothing can be turned."""
    work.said.append(f"I cannot turn the {name(things(work, request)[0])}: I move, scale and repaint things.")
