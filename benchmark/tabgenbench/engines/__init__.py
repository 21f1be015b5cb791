"""Engines, which run a function in a supervised process with limits on time and memory."""
