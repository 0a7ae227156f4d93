"""Scripted evaluations: scenarios played on sessions, measured, and reported with intervals."""
