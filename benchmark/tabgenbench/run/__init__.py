"""Runs a suite: plans the trainings, prepares the datasets, trains the generators and scores their samples."""
