"""What one daemon process is: its wiring, its lifecycle, its leader and its one writer."""
