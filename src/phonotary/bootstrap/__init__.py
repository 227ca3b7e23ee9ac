"""The only place that joins parts: rooms, storage, edges, jobs."""
