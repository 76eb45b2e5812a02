"""Print what memcached says of its settings: ask.py ADDRESS PORT."""

import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as server:
    server.sendall(b"stats settings\r\nquit\r\n")
    with server.makefile(encoding="ascii") as answer:
        sys.stdout.writelines(answer)
