"""WHO THEY ARE: bundles and everything that proves a business. Knows no HTTP and no SQL."""
