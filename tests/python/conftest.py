import pytest

from peers import KIND_IDS, KINDS, Peer
from rollcall import Server


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(params=KINDS, ids=KIND_IDS)
def kind(request):
    """Each client with each transport."""
    return request.param


@pytest.fixture
def connect(server):
    """`connect(user, kind, **auth)`; the peers close with the test."""
    peers = []

    def connect(user, kind=("sync", "websocket"), **auth):
        peers.append(Peer(server, kind))
        return peers[-1].connect(user, **auth)

    yield connect
    for peer in peers:
        peer.close()
