"""Published datasets: layouts, files and the card."""
