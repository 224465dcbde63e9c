"""Command lines: arguments, exit codes, signals and launchers; imports no other room."""
