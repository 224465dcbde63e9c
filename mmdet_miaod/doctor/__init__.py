"""Checks and estimates before a run; calls the apis and is never called by them."""
