"""What a scenario expects of a turn: its layout, what it changed, and how the assistant behaved."""
