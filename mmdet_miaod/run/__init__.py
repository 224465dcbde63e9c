"""Files that a run keeps on disk, durably: with checksums, the manifest, the lock; imports no other room."""
