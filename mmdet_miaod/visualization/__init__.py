"""What a person sees: reports, heat maps, contact sheets; a run's own files are read, never changed."""
