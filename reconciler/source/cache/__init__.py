"""Keeps what files say from one run to the next."""
