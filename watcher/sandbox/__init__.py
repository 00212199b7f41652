"""Workers that read strangers' files: started and bounded (worker.py), confined (confine.py)."""
