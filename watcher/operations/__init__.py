"""What people and programs ask of Watcher, whatever door they come through."""
