"""The studio without its page: desks where sessions lie open, turns under way, and what paints and sees for them."""
