"""How is the application run? By granian, in this process."""

from __future__ import annotations

from fastapi import FastAPI


def run(app: FastAPI, host: str, port: int) -> None:
    """Serve `app` until the process is told to stop."""
    import asyncio

    from granian.constants import Interfaces
    from granian.server.embed import Server

    server = Server(app, address=host, port=port, interface=Interfaces.ASGI)
    asyncio.run(server.serve())
