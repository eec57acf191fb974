"""Parts of stored values: streams and lazy arrays that read no more than they must, and writing from a stream."""
