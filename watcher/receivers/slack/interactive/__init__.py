"""What people do in Slack: buttons and the menu, forms, and the slash command."""
