"""The rules that decide the effect on a VM; the first rule that returns a finding wins."""
