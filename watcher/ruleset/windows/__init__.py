"""Times on the clocks of a place: of the week, once, and by cron."""
