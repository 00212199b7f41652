"""The forms that notices come in: a mail, NANOG's iCalendar, Lumen's HTML."""
