"""Planning one message of a dialogue: an answer, a new picture, or something to do about the one that is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eligen.assistant.context import Context
from eligen.assistant.dialogue.answers import option
from eligen.assistant.dialogue.beginning import NO_PICTURE, changes_what_is_attached, reply_without_picture
from eligen.assistant.dialogue.conversation import AS_IT_IS, NOT_UNDERSTOOD, Conversation
from eligen.assistant.dialogue.first_pictures import new_picture
from eligen.assistant.dialogue.focus import begin
from eligen.assistant.dialogue.messages import Spoken, sentences
from eligen.assistant.dialogue.reading import names_of, readings, unknown_words
from eligen.assistant.dialogue.replies import told
from eligen.assistant.dialogue.wordlists import WordLists, wordlists
from eligen.assistant.language.inflection import article, is_plural
from eligen.assistant.language.lexicon import Lexicon
from eligen.assistant.language.tokens import normalise
from eligen.assistant.plan import Option, Plan, Question
from eligen.tools.errors import UserError

Compose = Callable[[str], Plan]
NEW_PICTURE = "What should the new picture show?"
NO_WORDS = "I read words only: say what to paint, for instance: a red cat on a blue sofa."
SHORT = 6  # words of "sorry, not that red one"
LONGEST_REMARK = 40  # words: before the first picture, what is longer describes it


def plan_message(text: str, context: Context, lexicon: Lexicon, compose: Compose) -> Plan:
    """Return the plan for a message about the current picture; `compose` plans a new one from a description.

    Raises UserError when the message is empty.
    """
    lists = wordlists(lexicon)
    spoken = _joined(sentences(text, names_of(context)), lists)
    if not normalise(text):
        raise UserError("the prompt is empty" if context.layout is None else "the message is empty")
    if not spoken:
        return Plan(reply=NO_WORDS if context.layout is None else NOT_UNDERSTOOD)
    if context.layout is None and sum(len(sentence.tokens) for sentence in spoken) > LONGEST_REMARK:
        return new_picture(text, context, lists, compose)
    if context.question is not None:
        if found := option(text, context.question, begin(context, lists)):
            return Plan(reply=told(found.edits, context.layouts, lists) or AS_IT_IS, edits=found.edits)
        if context.question.text == NEW_PICTURE and not _declines(spoken, lexicon):
            return new_picture(text, context, lists, compose)
    if unknown := unknown_words(spoken, lists):
        return _unknown(unknown, context, lists, compose)
    if (picture := _new_picture(spoken, lexicon)) is not None:
        return (
            new_picture(picture, context, lists, compose)
            if picture
            else Plan(reply="", question=Question(text=NEW_PICTURE))
        )
    if context.layout is None:
        reply = reply_without_picture(spoken, lexicon) if spoken else None
        if context.attachments and changes_what_is_attached(spoken, lexicon):
            reply = NO_PICTURE  # what is attached becomes the picture, and the message is planned again
        return new_picture(text, context, lists, compose) if reply is None else Plan(reply=reply)
    return Conversation(context, lists, spoken).plan()


def _joined(spoken: Sequence[Spoken], lists: WordLists) -> list[Spoken]:
    """Return sentences with "No!", "Oops." and "Not that one." as the first words of the next one."""
    found: list[Spoken] = []
    for sentence in spoken:
        said = found[-1].tokens if found else ()
        denied = "not" in said and len(said) <= SHORT and sentence.tokens[:2] == ("the", "other")
        before = found.pop().tokens if said and (denied or " ".join(said) in lists.lists["oops"]) else ()
        found.append(Spoken((*before, ",", *sentence.tokens), sentence.asks) if before else sentence)
    return found


def _unknown(words: str, context: Context, lists: WordLists, compose: Compose) -> Plan:
    """Ask whether a message of unknown words only names a thing to paint."""
    named = words if is_plural(words.split()[-1]) else f"{article(words)} {words}"
    plan = compose(named) if context.layout is None else Conversation(context, lists, sentences(f"add {named}")).plan()
    options = (Option(label=f"yes, add {named}", edits=plan.edits), Option(label="no, leave it"))
    return Plan(
        reply="", question=Question(text=f'I do not know "{words}". Is that a thing to paint?', options=options)
    )


def _declines(spoken: Sequence[Spoken], lexicon: Lexicon) -> bool:
    """Tell whether a message only says that nothing is to be done."""
    found = [
        request for sentence in spoken for one in readings(sentence.tokens, lexicon)[:1] for request in one.requests
    ]
    return bool(found) and all(request.do in ("nothing", "keep", "undo", "regret") for request in found)


def _new_picture(spoken: Sequence[Spoken], lexicon: Lexicon) -> str | None:
    """Return the description of a new picture where one is asked for, "" where it is not described."""
    for at, sentence in enumerate(spoken):
        for reading in readings(sentence.tokens, lexicon)[:1]:
            for request in reading.requests:
                if request.do == "start over" and not (request.get("REST") or "").startswith("of "):
                    later = [" ".join(other.tokens) for other in spoken[at + 1 :]]
                    return ". ".join(filter(None, (request.get("REST"), *later)))
    return None
