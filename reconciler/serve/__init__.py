"""The ``serve`` process, which plans again whenever Git or the cluster changes."""
