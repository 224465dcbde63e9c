"""Batches of images for people to label: written for annotation tools, read back, checked and counted."""
