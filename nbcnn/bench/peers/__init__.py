"""Peers: other libraries that benchmarks compare nbcnn with, where installed. Each file here is one."""

from nbcnn.bench.peers.base import PEERS, Child, Forward, Learner, Peer, Task, peers_of

__all__ = ["PEERS", "Child", "Forward", "Learner", "Peer", "Task", "peers_of"]
