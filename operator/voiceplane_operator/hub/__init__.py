"""What reconcilers share: the memory of the hub's objects and the queue of keys."""
