"""Peers: libraries that nbcnn is compared with where they are installed; one file each, found by being here."""

from nbcnn.bench.peers.base import PEERS, Child, Forward, Learner, Peer, Task, peers_of

__all__ = ["PEERS", "Child", "Forward", "Learner", "Peer", "Task", "peers_of"]
