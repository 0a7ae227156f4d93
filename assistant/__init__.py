"""Who decides: planner, layouts from words, routing, commands."""
