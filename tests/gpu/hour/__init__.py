"""The first hour on a GPU: all that only hardware can tell, in steps of their own, as one JSON and one page.

make gpu-hour                          # or python -m gpu.hour, in tests/; under eight minutes
python -m gpu.hour --backend simulated --steps acd      # the same steps on this CPU, where they have sense
"""
