"""Paint the sentences of docs/gallery.md, unpicked: python -m benchmarks.gallery [FOLDER]."""

import sys
from pathlib import Path

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.commands.planners import asked_for
from eligen.assistant.context import Context
from eligen.tools.generation import Painter
from eligen.tools.metadata import write_picture
from eligen.tools.overlay import draw_layout
from eligen.tools.profiles import get_profile
from eligen.tools.requests import GenerateRequest

SENTENCES = (
    "a red cat to the left of a blue car on a meadow",
    "three yellow birds above a house",
    "a white rabbit next to a brown bear in the snow",
    "a green boat on the sea under a yellow moon, at night",
    "two apples and a banana on a white background",
    "a purple umbrella between two trees",
    "a pink elephant in the desert, watercolour",
    "a robot on the left, a golden key in the middle and a castle on the right",
    "more balloons than stars in the sky",
    "a puma behind a wooden chair in a room",
)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    profile = get_profile("mini")
    painter, planner = Painter(profile=profile), RulesPlanner()
    for number, sentence in enumerate(SENTENCES, start=1):
        layout = asked_for(planner.plan(sentence, Context()))
        request = GenerateRequest(
            prompt=sentence,
            entities=layout.entities,
            background=layout.background,
            style=layout.style,
            width=profile.width,
            height=profile.height,
            seed=number,
        )
        painted = painter.paint(request)
        path = folder / f"gallery-{number:02}.png"
        write_picture(painted.image, painted.request, path)
        path.with_suffix(".json").unlink()  # the picture carries the same
        draw_layout(painted.image, layout).save(path.with_suffix(".layout.png"), optimize=True)
        print(f"{path}  {sentence}", *(f"    {notice}" for notice in painted.notices), sep="\n")


if __name__ == "__main__":
    main()
