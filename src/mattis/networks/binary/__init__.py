"""Binary networks: neurons of two states, any couplings, patterns, dynamics and question."""
