"""Defines the rules that decide the effect on a VM; the first rule that applies counts."""
