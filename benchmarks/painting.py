"""How long a picture takes, and what entity control costs: python -m benchmarks.painting [--profile P] [--steps N]."""

import argparse
from time import perf_counter

from eligen.assistant.agents.rules import RulesPlanner
from eligen.assistant.commands.planners import asked_for
from eligen.assistant.context import Context
from eligen.tools.generation import Painter
from eligen.tools.profiles import DEFAULT_PROFILE, PROFILES, get_profile
from eligen.tools.requests import Control, GenerateRequest

SENTENCES = {1: "a red cat", 2: "a red cat to the left of a blue car", 6: "three red cats and three blue cars"}
CONTROLS: tuple[Control, ...] = ("none", "untrained", "eligen")


def seconds(painter: Painter, request: GenerateRequest, repeats: int = 3) -> float:
    """Return the shortest of several times to paint a request."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        painter.paint(request)
        times.append(perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default=DEFAULT_PROFILE, choices=PROFILES)
    parser.add_argument("--steps", type=int, default=None)
    options = parser.parse_args()
    start = perf_counter()
    painter = Painter(profile=get_profile(options.profile))
    profile, _ = painter.profile, painter.model
    print(f"loading {profile.name}: {perf_counter() - start:.1f} s")
    print("size        entities   none     untrained  eligen   eligen / none")
    for scale in (1, 2):
        for count, sentence in SENTENCES.items():
            layout = asked_for(RulesPlanner().plan(sentence, Context()))
            assert len(layout.entities) == count
            times = [
                seconds(
                    painter,
                    GenerateRequest(
                        prompt=layout.prompt,
                        entities=layout.entities,
                        width=profile.width * scale,
                        height=profile.height * scale,
                        seed=1,
                        steps=options.steps,
                        control=control,
                    ),
                )
                for control in CONTROLS
            ]
            shown = "  ".join(f"{time:6.2f} s" for time in times)
            size = f"{profile.width * scale}x{profile.height * scale}"
            print(f"{size:<11} {count:<8} {shown}   {times[-1] / times[0]:.2f}")


if __name__ == "__main__":
    main()
