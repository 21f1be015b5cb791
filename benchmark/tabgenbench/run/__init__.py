"""Running a suite: plan it, prepare its data, train its generators and score their samples."""
