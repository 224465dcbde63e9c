"""Experiments of many runs: strategies x schedules x seeds, their results side by side."""
