"""The rules that decide the effect on a VM; the first rule with a finding wins."""
