"""Engines: run one function in a supervised process, with limits, termination and messages."""
