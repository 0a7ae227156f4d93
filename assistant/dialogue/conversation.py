"""Doing what one message of a conversation asks for on a copy of the layout, or asking back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from eligen.assistant.context import Context
from eligen.assistant.dialogue import (
    acting,
    adding,
    counting,
    dressing,
    exchanging,
    likeness,
    moving,
    painting,
    scaling,
    scene_comparisons,
    scene_questions,
    some,
    versions,
)  # fmt: skip
from eligen.assistant.dialogue.actions import ACTIONS
from eligen.assistant.dialogue.corrections import corrected, last_requests, lessened, put_right, repeated
from eligen.assistant.dialogue.focus import begin, spoken_of
from eligen.assistant.dialogue.grammar import Reading
from eligen.assistant.dialogue.meanings import SINGULAR, Request
from eligen.assistant.dialogue.messages import Spoken
from eligen.assistant.dialogue.questions import MOST_OPTIONS, absent, described, do_you_mean, labels, shall_i_add, which
from eligen.assistant.dialogue.reading import answers, asks, changing, readings, requests_in, without_remarks
from eligen.assistant.dialogue.replies import told
from eligen.assistant.dialogue.settling import settled
from eligen.assistant.dialogue.wordlists import WordLists
from eligen.assistant.dialogue.work import Ids, Missing, Refused, Unattached, Unclear, Work
from eligen.assistant.plan import MOST_EDITS, Edit, Option, Plan, Question
from eligen.tools.errors import ToolError

REGISTERED = (  # importing them tells ACTIONS what they do
    acting, adding, counting, dressing, exchanging, likeness, moving, painting, scaling, scene_comparisons,
    scene_questions, some, versions,
)  # fmt: skip
NOT_UNDERSTOOD = "I did not understand that. You can say, for instance: make the cat bigger, or add a tree on the left."
NO_ANSWER = "I cannot answer that. I know what is in the picture, how many, where, how big and how it looks."
AS_IT_IS = "Fine: everything stays as it is."
AGAIN = {"correct": corrected, "repeat": repeated, "lessen": lessened}
TAKING_AWAY = frozenset(("remove", "remove every", "keep only", "keep only of", "keep", "nothing"))
DEEPEST = 2
SIMILAR = 0.35  # readings that cost so much more are tried where the best makes no sense


@dataclass(frozen=True)
class Conversation:
    """One message in its context; `choices` and `invited` are what references are taken for on trial."""

    context: Context
    lists: WordLists
    spoken: Sequence[Spoken]
    choices: Mapping[str, Ids] = field(default_factory=dict)
    invited: frozenset[str] = frozenset()
    depth: int = 0

    def plan(self) -> Plan:
        """Return the plan: edits and what they did, a question, or why nothing is done."""
        try:
            work = self.work()
        except Unclear as unclear:
            return self._which(unclear)
        except Missing as missing:
            return self._absent(missing)
        except Refused as refused:
            return Plan(reply=str(refused))
        edits = self._edits(work)
        done = told(edits, self.context.layouts[: work.version + 1 or None], self.lists)
        reply = " ".join(filter(None, (done, *dict.fromkeys(work.said))))
        return Plan(
            reply=reply or work.otherwise or AS_IT_IS,
            edits=edits,
            names=tuple(work.names),
            notices=tuple(work.notices),
            explanation=tuple(work.read),
        )

    def _edits(self, work: Work) -> tuple[Edit, ...]:
        start = self.context.layouts[work.version]
        made = {entity.id for layout in self.context.layouts for entity in layout.entities}
        taken = made | self.context.taken
        return settled(work.edits, start, taken)

    # --- doing what is asked for

    def work(self) -> Work:
        """Do all that the message asks for. Raises Unclear, Missing or Refused."""
        work = replace(begin(self.context, self.lists), choices=self.choices, invited=self.invited)
        before = last_requests(self.context, self.lists)
        earlier: Work | None = None
        understood = False
        for at, sentence in enumerate(self.spoken):
            found = self._likeliest(readings(sentence.tokens, self.lists.lexicon))
            if asks(sentence, self.lists.lexicon):
                found = [one for one in found if answers(one)]
                if not found:
                    work.said.append(NO_ANSWER)
                    work.attend(entity.id for entity in spoken_of(work, sentence))
                understood = True
            elif not found:
                work.notices.append(f'not read: "{" ".join(sentence.tokens)}"')
            if found:
                later = requests_in(self.spoken[at + 1 :], self.lists.lexicon)
                work, start, done = self._best(work, earlier, before, found, later)
                before, earlier = done or before, start
                understood = True
        if not understood:
            raise Refused(NOT_UNDERSTOOD)
        if len(work.edits) > MOST_EDITS:
            raise Refused(f"That is too much at once: I can do {MOST_EDITS} things at a time.")
        return work

    def _likeliest(self, found: Sequence[Reading]) -> Sequence[Reading]:
        """Return readings with those about reference pictures first where some are attached."""
        near = [one for one in found if one.cost <= found[0].cost + 2 * SIMILAR] if self.context.attachments else []
        about = [one for one in near if any(request.get("PICTURED") for request in one.requests)]
        return [*about, *found]

    def _best(
        self,
        work: Work,
        earlier: Work | None,
        before: Sequence[Request],
        found: Sequence[Reading],
        later: Sequence[Request],
    ) -> tuple[Work, Work | None, list[Request]]:
        """Return the work after the likeliest reading that makes sense here, `earlier` from then on, and what it did.

        `before` is what was asked for last, `earlier` the work as it was before that if this message asked for it.
        """
        problem: Exception | None = None
        for reading in found:
            if problem is not None and reading.cost > found[0].cost + SIMILAR:
                break
            try:
                return self._read(work, earlier, before, reading, later)
            except (Missing, Refused) as failed:
                problem = failed if isinstance(failed, Unattached) else problem or failed
            except Unclear as unclear:
                if unclear.reference.kind not in SINGULAR or work.focus:
                    raise problem or unclear from None
                problem = problem or unclear
        assert problem is not None
        raise problem

    def _read(
        self,
        start: Work,
        earlier: Work | None,
        before: Sequence[Request],
        reading: Reading,
        later: Sequence[Request],
    ) -> tuple[Work, Work | None, list[Request]]:
        """Do what a sentence asks for on a copy; what it corrects in its own message is done anew from before that."""
        work, done = start.copy(), list[Request]()
        work.notices += [f'not read: "{word}"' for word in reading.unread]
        for request in without_remarks(reading.requests, later):
            if request.do == "correct" and earlier is not None:
                wanted = put_right(done or before, request)
                work, done = earlier.copy(), list[Request]()
            elif request.do in AGAIN:
                wanted = AGAIN[request.do](work, request, done or before)
            else:
                wanted = [request]
                earlier = start if changing(wanted) and not done else earlier
            self._carry_out(work, wanted)
            done += changing(wanted)
        return work, earlier, done

    def _carry_out(self, work: Work, requests: Sequence[Request]) -> None:
        for one in requests:
            work.read.append(f'"{one.text}": {one.do}')
            try:
                ACTIONS[one.do](work, one)
            except ToolError as error:
                raise Refused(f"{str(error).capitalize()}.") from error

    # --- asking back

    def _which(self, unclear: Unclear) -> Plan:
        text = which(unclear, self.lists.lexicon)
        options = self._options(unclear) if len(unclear.entities) <= MOST_OPTIONS else []
        return Plan(reply="", question=Question(text=text, options=tuple(options)))

    def _options(self, unclear: Unclear) -> list[Option]:
        """Return an option for each thing that may be meant, and one for all of them."""
        found: list[Option] = []
        for label, entity in zip(labels(unclear.entities), unclear.entities, strict=True):
            found += self._chosen(label, unclear, (entity.id,))
        every = "both of them" if len(unclear.entities) == 2 else "all of them"
        return [*found, *self._chosen(every, unclear, tuple(entity.id for entity in unclear.entities))]

    def _chosen(self, label: str, unclear: Unclear, ids: Ids) -> Iterator[Option]:
        """Yield what the message does where an unclear reference means these things, if that can be done."""
        trial = replace(self, choices={**self.choices, unclear.reference.text: ids}, depth=self.depth + 1)
        try:
            yield Option(label=label, edits=trial._edits(trial.work()))
        except Unclear as further:
            if self.depth < DEEPEST:
                options = islice(trial._options(further), MOST_OPTIONS)
                yield from (one.model_copy(update={"label": f"{label}, {one.label}"}) for one in options)
        except (Missing, Refused):
            return

    def _absent(self, missing: Missing) -> Plan:
        """Ask whether something similar is meant or one should be added; else say what is not there."""
        reference = missing.reference
        if missing.near and len(missing.near) <= MOST_OPTIONS:
            options = [*self._options(Unclear(reference, missing.near)), Option(label="no, leave it")]
            if len(missing.near) == 1:
                options = [options[0].model_copy(update={"label": f"yes, {options[0].label}"}), options[-1]]
            return Plan(reply="", question=Question(text=do_you_mean(missing), options=tuple(options)))
        if missing.why or reference.noun is None or reference.text in self.invited or self._only_takes_away():
            return Plan(reply=absent(missing))
        trial = replace(self, invited=self.invited | {reference.text})
        try:
            edits = trial._edits(trial.work())
        except (Unclear, Missing, Refused):
            return Plan(reply=absent(missing))
        if reference.text.split()[0] in ("a", "an", "some"):
            return trial.plan()
        yes = Option(label=f"yes, add {described(reference)}", edits=edits)
        return Plan(reply="", question=Question(text=shall_i_add(missing), options=(yes, Option(label="no, leave it"))))

    def _only_takes_away(self) -> bool:
        found = [one for sentence in self.spoken for one in readings(sentence.tokens, self.lists.lexicon)[:1]]
        kinds = {(request.get("FRAME") or request).do for reading in found for request in reading.requests}
        return kinds <= TAKING_AWAY or any(kind.startswith("ask") for kind in kinds)
