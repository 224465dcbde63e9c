"""What a person sees: reports of runs, heat maps, contact sheets. Reads what a run wrote, and never changes it."""
