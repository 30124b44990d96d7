"""Git's smart HTTP for the repositories in the working directory, by Dulwich."""

import os

from dulwich.repo import Repo
from dulwich.server import Backend
from dulwich.web import make_wsgi_chain


class Repositories(Backend):
    """Opens a repository for each request: one of Dulwich's belongs to one thread."""

    def open_repository(self, path):
        return Repo(os.fsdecode(path).lstrip("/"))


app = make_wsgi_chain(Repositories())
