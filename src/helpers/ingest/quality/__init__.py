"""The quality gate: what must hold before a figure is used. `gate.run_gate` runs it all."""
