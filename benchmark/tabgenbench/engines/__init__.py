"""Engines: run one function in a supervised process, with limits, kills and messages."""
