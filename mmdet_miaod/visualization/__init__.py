"""What a person sees of a run: its files are read, never changed; knows nothing of configs."""
