"""What a study is: a YAML file, its axes, its plan, and what it asks of a model."""
