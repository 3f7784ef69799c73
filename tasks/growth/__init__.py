"""Growing datasets with models: strategies, and the ledger and budget that guard the money."""
