"""Sources: steps that bring documents in, and the formats that they parse."""
