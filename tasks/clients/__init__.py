"""The only code that speaks to the network, besides stores."""
