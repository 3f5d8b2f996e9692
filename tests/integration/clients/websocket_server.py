"""A WebSocket server that returns what it gets, by the library `websockets`. Prints its port."""
import asyncio
import logging

import websockets

logging.getLogger("websockets").setLevel(logging.CRITICAL)   # clients here break the protocol on purpose


async def echo(socket, *_):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=32 << 20, compression=None, ping_interval=None) as server:
        print(f"port:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.Future()

asyncio.run(main())
