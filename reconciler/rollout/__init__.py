"""Carries a plan out: writes what may be written, and follows it to the memory of the guest."""
