"""Code that finds, loads and describes plugins, defines their hooks, and reads suite files."""
