"""Pictures and pages of a run for people: reads its files, never changes them, knows nothing of configs."""
