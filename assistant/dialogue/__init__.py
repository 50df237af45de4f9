"""Conversations: what is remembered between questions, for how long, and nothing on disk."""
