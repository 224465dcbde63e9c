"""Command lines: exit codes, signals and launchers; imports no other room."""
