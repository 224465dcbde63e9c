"""Config files: reading, overrides, references, and which keys and values there may be."""
