"""Inside the sandbox of a run with network: a port on the sandbox's own loopback that leads to the worker's proxy.

Starts itself in the background, then becomes the command given after the port and the socket's path.
"""

# ruff: noqa: S606

import os
import signal
import socket
import sys
import threading


def main():
    port, path, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    listener = socket.create_server(("127.0.0.1", port), backlog=32)
    if os.fork():
        listener.close()
        # Python ignores these two, and the script would inherit that.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execv(command[0], command)
    # The script's pipes must end with the script.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    while True:
        near, _ = listener.accept()
        threading.Thread(target=_join, args=(near, path), daemon=True).start()


def _join(near, path):
    far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        far.connect(path)
    except OSError:
        near.close()
        return
    back = threading.Thread(target=_copy, args=(far, near), daemon=True)
    back.start()
    _copy(near, far)
    back.join()
    near.close()
    far.close()


def _copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


main()
