"""Grids of runs: strategies x schedules x seeds, their results side by side."""
