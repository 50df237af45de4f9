"""Signed bundles: how a finished knowledge base travels to devices, and how they take it over."""
