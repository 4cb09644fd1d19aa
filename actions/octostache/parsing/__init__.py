"""Text to nodes, one layer of the grammar (SPEC §2) on the other: characters, paths, expressions, sums, blocks."""
