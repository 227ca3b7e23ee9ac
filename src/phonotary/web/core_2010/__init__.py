"""The 2010-04-01 API that Trust Hub leans on: accounts, keys, addresses, numbers, caller IDs."""
