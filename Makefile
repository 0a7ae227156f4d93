# `RUN=` runs the tools of an already active environment instead of uv's.
RUN ?= uv run
CHECKED = eligen.assistant eligen.prompts eligen.tools eligen.ui training benchmarks
BENCHMARKS = mangled painting attention flux_step mini_turn presets edits sessions critic styling transfer control evaluations

.PHONY: check test bench typing

check: typing
	$(RUN) ruff check
	$(RUN) ruff format --check
	MYPYPATH=build/typing $(RUN) mypy $(addprefix -p ,$(CHECKED))

test:
	$(RUN) pytest

bench:
	@for name in $(BENCHMARKS); do echo "== $$name"; $(RUN) python -m benchmarks.$$name || exit 1; done

# The import names `eligen.*` are mapped in pyproject.toml; type checkers follow these links instead.
typing:
	@mkdir -p build/typing/eligen
	@for room in assistant prompts tools ui; do ln -sfn "../../../$$room" "build/typing/eligen/$$room"; done
	@for room in training benchmarks; do ln -sfn "../../$$room" "build/typing/$$room"; done
