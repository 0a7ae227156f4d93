"""The planner that asks a multimodal language model, which sees the picture with numbered boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eligen.assistant.agents.answer_schema import answer_schema
from eligen.assistant.agents.answers import attachment_names, read_answer
from eligen.assistant.chat_models.base import ChatMessage, ChatModel, OnToken
from eligen.assistant.context import Context, Planner
from eligen.assistant.plan import Plan, Question
from eligen.prompts import render
from eligen.tools.errors import ModelOutputError, UserError
from eligen.tools.layout import Layout
from eligen.tools.userinput import printable

if TYPE_CHECKING:
    from PIL import Image

RETRIES = 2
MOST_MESSAGES = 12
MOST_ATTACHMENTS = 4
ATTACHMENT_SIDE = 768
MOST_QUOTED = 2000
MOST_TOLD = 160
BLIND = "the language model takes no pictures: it planned from the layout alone"


class ModelPlanner:
    """Plans by asking a language model for JSON, which is checked and, where it is wrong, sent back with the reason.

    After RETRIES of those the `fallback` plans and a notice says so; without one the message is refused.
    """

    def __init__(self, model: ChatModel, fallback: Planner | None = None, *, on_token: OnToken | None = None) -> None:
        self.model = model
        self.fallback = fallback
        self.on_token = on_token

    def plan(self, text: str, context: Context) -> Plan:
        """Return the plan for a message; UserError when it is empty, or the model cannot be asked or understood."""
        message = printable(text)
        if not message:
            raise UserError("the prompt is empty")
        if (chosen := _chosen(message, context.question)) is not None:
            return chosen
        opening = _opening(message, context, self.model.vision)
        schema = answer_schema(context)
        messages, problem = opening, ""
        for _ in range(1 + RETRIES):
            answer = ""
            try:
                answer = self.model.reply(messages, schema=schema, on_token=self.on_token)
                plan = read_answer(answer, context, message)
            except ModelOutputError as error:
                problem = printable(str(error))
                messages = [*opening, *_correction(answer, problem)]
            else:
                blind = not self.model.vision and any(message.images for message in opening)
                return _noticed(plan, BLIND) if blind else plan
        if self.fallback is None:
            raise UserError(f"the language model gave no usable plan: {problem}")
        plan = self.fallback.plan(text, context)
        return _noticed(
            plan, f"the language model gave no usable plan ({problem[:MOST_TOLD]}): planned by rules instead"
        )


def _chosen(message: str, question: Question | None) -> Plan | None:
    """Return what an option of the open question does when the message is its label, as a button sends it."""
    options = question.options if question else ()
    for option in options:
        if option.edits and option.label.casefold() == message.casefold():
            return Plan(reply=option.label, edits=option.edits)
    return None


def _noticed(plan: Plan, notice: str) -> Plan:
    return plan.model_copy(update={"notices": (*plan.notices, notice)})


def _opening(message: str, context: Context, vision: bool) -> list[ChatMessage]:
    """Return the instructions, and the turn with everything the model may know of it."""
    images = tuple(_images(context)) if vision else ()
    turn = render(
        "planner_turn",
        message=message,
        layout=_described(context.layouts[-1:]),
        before=_described(context.layouts[-2:-1]),
        dialogue=[said.model_dump() for said in context.dialogue[-MOST_MESSAGES:]],
        question=context.question.model_dump(include={"text": True, "options": {"__all__": {"label"}}})
        if context.question
        else None,
        attachments=list(attachment_names(context)),
        shown=len(images),
        picture=context.picture is not None and context.layout is not None,
    )
    return [ChatMessage("system", render("planner")), ChatMessage("user", turn, images)]


def _described(layouts: tuple[Layout, ...]) -> dict[str, Any] | None:
    """Return the layout (of none or one) as the model reads it: numbered as in the picture, boxes in two decimals."""
    for layout in layouts:
        entities = [
            {
                "number": number,
                "id": entity.id,
                "prompt": entity.prompt,
                "box": [round(edge, 2) for edge in entity.box.as_tuple()],
            }
            for number, entity in enumerate(layout.entities, start=1)
        ]
        return {"prompt": layout.prompt, "background": layout.background, "style": layout.style, "entities": entities}
    return None


def _images(context: Context) -> Iterator[Image.Image]:
    """Yield the current picture with numbered boxes, then the attachments, small; UserError for a broken one."""
    from eligen.tools.imagefiles import open_image

    if context.picture is not None and context.layout is not None:
        from eligen.tools.overlay import draw_layout

        yield draw_layout(open_image(Path(context.picture)), context.layout.without_files())
    for path in context.attachments[:MOST_ATTACHMENTS]:
        image = open_image(Path(path)).convert("RGB")
        image.thumbnail((ATTACHMENT_SIDE, ATTACHMENT_SIDE))
        yield image


def _correction(answer: str, problem: str) -> list[ChatMessage]:
    """Return the answer that was wrong, without what a chat template could take for the end of it, and why."""
    said = [ChatMessage("assistant", answer[:MOST_QUOTED].replace("<|", "< |"))] if answer else []
    return [*said, ChatMessage("user", render("planner_retry", problem=problem))]
