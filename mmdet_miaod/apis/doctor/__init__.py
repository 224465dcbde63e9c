"""Checks of everything a run needs, before it takes a day: environment, data, split, time and disk."""
