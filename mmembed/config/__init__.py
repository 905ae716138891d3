"""What the program is told: settings, names of hosts, limits on text."""
