"""The commands of `eligen`, one module each; what takes long to import is imported where a command needs it."""
