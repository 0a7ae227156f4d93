"""What the requests do about how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eligen.assistant.dialogue.actions import IT, does, dress, ids, those_counted
from eligen.assistant.dialogue.adding import new_of
from eligen.assistant.dialogue.kinds import matching, noun_of
from eligen.assistant.dialogue.meanings import SINGULAR, Newcomer, Request
from eligen.assistant.dialogue.references import resolve
from eligen.assistant.dialogue.work import Work
from eligen.assistant.items import MOST
from eligen.assistant.language.inflection import plural
from eligen.assistant.language.saying import number as in_words
from eligen.assistant.plan import Remove, SetCount
from eligen.tools.layout import Entity


@does("count")
def count(work: Work, request: Request) -> None:
    """Make the number of equal things as said; what is not there yet is added, or takes the place of "it"."""
    counted: Newcomer | None = request.get("COUNTED")
    number = request.get("NUMBER") if counted is None else counted.count
    if counted is None:
        found = _all_alike(work, request)
    else:
        found = those_counted(work, counted)
        if not found:
            work.do(new_of(work, counted, None))
            return
    set_count(work, found, min(number, MOST))
    looks = [word for word in counted.words if word not in ("and", ",")] if counted else []
    now = [entity for entity in work.layout.entities if entity.id in work.focus[0]] if looks else []
    dress(work, [e for e in now if not all(work.prompts.shows(e.prompt, word) for word in looks)], looks)


def _all_alike(work: Work, request: Request) -> list[Entity]:
    """Return the things that are to be so many: for "it", all of its kind."""
    references = request.get("THINGS") or (IT,)
    if all(reference.kind == "noun" for reference in references):
        return resolve(work, [replace(reference, number=None) for reference in references])
    talked_of = [replace(one, kind="again") if one.kind in SINGULAR else one for one in references]
    return alike(work, resolve(work, talked_of)[0])


def alike(work: Work, entity: Entity) -> list[Entity]:
    """Return all things of an entity's kind."""
    lexicon = work.lists.lexicon
    return matching(noun_of(entity, lexicon), work.layout.entities, lexicon, widely=False)


def set_count(work: Work, found: Sequence[Entity], number: int) -> None:
    if number == 0:
        work.do(Remove(ids=ids(found)))
    elif number != len(found):
        old = {entity.id for entity in work.layout.entities} - set(ids(found))
        work.do(SetCount(ids=ids(found), n=number))
        work.attend(entity.id for entity in work.layout.entities if entity.id not in old)
    else:
        work.said.append(f"There {'are' if number > 1 else 'is'} {in_words(number)} already.")
        work.attend(ids(found))


@does("multiply")
def multiply(work: Work, request: Request) -> None:
    found = _all_alike(work, request)
    set_count(work, found, min(max(round(len(found) * request.get("MULTIPLE")), 1), MOST))


@does("too many")
def too_many(work: Work, request: Request) -> None:
    found = _all_alike(work, request)
    work.attend(ids(found))
    work.otherwise = f"How many {plural(noun_of(found[0], work.lists.lexicon).name)} should there be?"


@does("fewer")
def fewer(work: Work, request: Request) -> None:
    found = _all_alike(work, request)
    set_count(work, found, max(len(found) - (request.get("NUMBER") or 1), 0))
