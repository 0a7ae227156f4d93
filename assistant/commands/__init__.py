"""The commands of `eligen`, one module each; what is heavy is imported when a command needs it."""
