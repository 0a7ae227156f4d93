"""From one sentence to a new layout: what the grammar read becomes entities with boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eligen.assistant.caption import summary
from eligen.assistant.items import MOST, Link
from eligen.assistant.language.briefing import the_picture
from eligen.assistant.language.inflection import article
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.reader import read
from eligen.assistant.language.scene import Scene, Thing
from eligen.assistant.language.tokens import normalise
from eligen.assistant.placement import place, unmet
from eligen.assistant.plan import Compose, Plan
from eligen.assistant.sizing import item, own_sizes
from eligen.tools.errors import UserError
from eligen.tools.layout import Box, Entity, Layout, fresh_id


def compose(text: str, lexicon: Lexicon) -> Plan:
    """Return the plan of a new picture for a sentence; UserError when it is empty."""
    prompt = normalise(text)
    if not prompt:
        raise UserError("the prompt is empty")
    scene = read(the_picture(prompt, lexicon), lexicon)
    _limit(scene)
    links = [link for link in scene.links if scene.things[link.first].count and scene.things[link.second].count]
    boxes = place([item(thing, lexicon) for thing in scene.things], links)
    scene.notices += [
        f"could not keep: {scene.names([link.first])} {link.relation} {scene.names([link.second])}"
        for link in unmet(boxes, links)
    ]
    layout = Layout(
        prompt=prompt,
        entities=tuple(_entities(scene.things, boxes, links)),
        background=", ".join(scene.background),
        style=", ".join(scene.style),
    )
    return Plan(
        reply=_reply(layout),
        edits=(Compose(layout=layout),),
        explanation=tuple(scene.explanation),
        notices=tuple(dict.fromkeys(scene.notices)),
    )


def _limit(scene: Scene) -> None:
    """Cap the number of entities, later things first."""
    total = sum(thing.count for thing in scene.things)
    room = MOST
    for thing in scene.things:
        thing.count = min(thing.count, room)
        room -= thing.count
    if total > MOST:
        scene.notices.append(f"{total} things were asked for; the layout holds the first {MOST}")
        kept = sum(thing.count > 0 for thing in scene.things)
        del scene.things[kept:]
        scene.links[:] = [k for k in scene.links if max(k.first, k.second, k.third or 0) < kept]


def _entities(things: Sequence[Thing], boxes: Sequence[Sequence[Box]], links: Sequence[Link]) -> Iterator[Entity]:
    """Yield the entities from back to front."""
    ids: list[str] = []
    for index in _back_to_front(things, boxes, links):
        thing = things[index]
        for member, box in enumerate(own_sizes(thing, boxes[index])):
            ids.append(fresh_id(thing.noun.name, ids))
            yield Entity(id=ids[-1], prompt=_prompt(thing, member), box=box)


def _prompt(thing: Thing, member: int) -> str:
    """Return one member's prompt: article, adjectives, noun, complement, pose."""
    own = thing.own[member] if member < len(thing.own) else []
    name = thing.named or thing.noun.name
    words = [*dict.fromkeys((*own, *thing.modifiers)), name, thing.complement, thing.pose]
    phrase = " ".join(word for word in words if word)
    return (
        phrase
        if thing.named and not thing.named.startswith("pair") and " of " not in name
        else f"{article(phrase)} {phrase}"
    )


def _back_to_front(things: Sequence[Thing], boxes: Sequence[Sequence[Box]], links: Sequence[Link]) -> list[int]:
    """Order things by depth and by where they stand; hosts come before what they carry."""
    before = {(k.first, k.second) for k in links if k.relation in ("behind", "holding", "wearing", "below")}
    before |= {(k.second, k.first) for k in links if k.relation in ("front", "on", "inside", "above")}
    depths = {"background": 0, "": 1, "foreground": 2}
    left = sorted(range(len(things)), key=lambda i: (depths[things[i].depth], max(b.y1 for b in boxes[i])))
    order: list[int] = []
    while left:
        free = [i for i in left if not any((j, i) in before for j in left)] or left
        order.append(free[0])
        left.remove(free[0])
    return order


def _reply(layout: Layout) -> str:
    """Say in one sentence what the picture will show."""
    return f"I planned {summary(layout) or 'no particular thing'}."
