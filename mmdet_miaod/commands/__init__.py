"""The commands of ``miaod`` and ``tools/``: arguments, and calls of the rooms below."""
