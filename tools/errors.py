"""Errors, split by who reads them; anything else that raises is a bug."""


class EligenError(Exception):
    """Base of the errors this project raises on purpose."""


class ModelOutputError(EligenError):
    """A language model answered something unusable: it is told why and tries again."""


class ToolError(EligenError):
    """An image tool cannot do what the plan asks: the planner adapts."""


class UserError(EligenError):
    """The user's input cannot be used: shown as one line, exit code 2."""
