"""What a run keeps on disk, durably: files with checksums, the manifest, the lock; imports no other room."""
