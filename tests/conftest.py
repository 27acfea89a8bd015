import pytest

from server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server in open mode that the tests of a run share."""
    server = Server(tmp_path_factory.mktemp("server"), config="drain_ms = 1000\n").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def states(server):
    return server.states()


@pytest.fixture(scope="session")
def awslambda(server):
    return server.awslambda()


@pytest.fixture
def make_server(tmp_path):
    """Makes servers of the test's own; they are gone after it."""
    made = []

    def make(**settings):
        server = Server(tmp_path / ("server%d" % len(made)), **settings)
        made.append(server)
        return server

    yield make
    for server in made:
        server.kill()
