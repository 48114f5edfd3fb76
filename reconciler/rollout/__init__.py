"""The effects, in order: write what may be written, follow it until the guest has its memory."""
