#!/usr/bin/env python3
"""An SMTP server that offers NTLM and nothing else, as Exchange answers it: its challenge (MS-NLMP 2.2.1.2) names the
domain, the host and the version of the system. No server of Debian can do that without a domain to belong to.

  ntlm_server.py ADDRESS
"""
import base64
import os
import socketserver
import struct
import sys

NAMES = ((2, "CORP"), (1, "MAIL01"), (4, "corp.example.org"), (3, "mail01.corp.example.org"), (5, "example.org"))
FLAGS = 0x62898215  # Unicode, NTLM, target information, version, the lengths of keys


def challenge():
    target = NAMES[0][1].encode("utf-16-le")
    info = b"".join(struct.pack("<HH", kind, 2 * len(name)) + name.encode("utf-16-le") for kind, name in NAMES) + bytes(4)
    version = struct.pack("<BBH3xB", 10, 0, 17763, 15)
    fixed = 12 + 8 + 4 + 8 + 8 + 8 + 8
    head = b"NTLMSSP\0" + struct.pack("<IHHII", 2, len(target), len(target), fixed, FLAGS) + os.urandom(8) + bytes(8)
    return head + struct.pack("<HHI", len(info), len(info), fixed + len(target)) + version + target + info


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 mail01.corp.example.org Microsoft ESMTP MAIL Service ready")
        while line := self.rfile.readline(1000):
            verb = line.split(b" ")[0].strip().upper()
            if verb == b"EHLO":
                self.say("250-mail01.corp.example.org Hello\r\n250-SIZE 37748736\r\n250 AUTH NTLM")
            elif line.strip().upper() == b"AUTH NTLM":
                self.say("334 ntlm supported")
                if not self.rfile.readline(1000).startswith(b"TlRMTVNTUAAB"):
                    self.say("501 5.5.4 Invalid arguments")
                    continue
                self.say("334 " + base64.b64encode(challenge()).decode())
                if not self.rfile.readline(4000):
                    break
                self.say("535 5.7.3 Authentication unsuccessful")
            elif verb == b"QUIT":
                self.say("221 2.0.0 Service closing transmission channel")
                break
            else:
                self.say("500 5.3.3 Unrecognized command")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # whoever scans goes away in the middle


Server((sys.argv[1], 25), Session).serve_forever()
