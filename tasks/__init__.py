"""Dartboard's logic: steps, rows and stores, free of any orchestrator."""
