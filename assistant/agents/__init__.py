"""The agents of a turn: planners and critic."""
