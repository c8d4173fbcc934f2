"""HDF5 shards and stores, the machine's cache, and content addresses."""
