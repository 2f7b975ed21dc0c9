#!/usr/bin/env python3
"""Asks a mail server for one name after the other as smtp-user-enum does: a connection for each, HELO x, five at a time,
no QUIT. Prints each name and the code that came.

  user_enum.py SOURCE SERVER VRFY|EXPN|RCPT DOMAIN NAME...
"""
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

source, server, method, domain = sys.argv[1:5]


def ask(name):
    with socket.create_connection((server, 25), 10, (source, 0)) as connection, connection.makefile("rb") as replies:

        def reply():
            line = replies.readline()
            while line[3:4] == b"-":
                line = replies.readline()
            return line[:3].decode()

        def command(text):
            connection.sendall(text.encode() + b"\r\n")
            return reply()

        reply()
        command("HELO x")
        if method == "RCPT":
            command("MAIL FROM:<user@example.com>")
            return name, command(f"RCPT TO:<{name}@{domain}>")
        return name, command(f"{method} {name}")


with ThreadPoolExecutor(5) as workers:
    for name, code in workers.map(ask, sys.argv[5:]):
        print(name, code)
