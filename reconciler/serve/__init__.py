"""The long-running reconciler, which plans again whenever Git or the cluster changes."""
