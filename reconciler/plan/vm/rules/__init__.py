"""Defines the rules that decide how a VM change takes effect; the first match decides."""
