"""A hostile pull request, and a recorder of all files, programs and hosts that a command uses."""
