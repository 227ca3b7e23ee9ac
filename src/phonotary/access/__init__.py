"""WHO IS ASKING: accounts, keys, and what each may see. Knows no HTTP and no SQL."""
