"""Makes the bank of generic texts that searches are corrected by."""
