"""The load on a deployment: writers and readers, which record what they saw."""
