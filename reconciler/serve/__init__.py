"""The long-running reconciler: plans again whenever Git or the cluster changes."""
