"""What the project costs, each figure beside an alternative measured in the same run. `python -m benchmarks`."""
