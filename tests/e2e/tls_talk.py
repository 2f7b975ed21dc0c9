#!/usr/bin/env python3
"""Clients of several TLS libraries talk to the servers of tls.sh, in its clients' namespace.

    tls_talk.py FOLDER          all of it; FOLDER/talks.json says what was said
    tls_talk.py curl LIBRARY    one libcurl, its jobs as JSON on standard input

OpenSSL as Python has it, `openssl s_client` and gnutls-cli hold dialogues of which every octet is known. libcurl does
what it does, over OpenSSL, GnuTLS and NSS, with TLS and without."""
import base64
import ctypes
import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
import time

POSTFIX, EXIM = "192.0.2.25", "192.0.2.26"
NAME = {POSTFIX: "mx.example.org", EXIM: "exim.example.org"}
MESSAGE = (b"From: Carol <carol@example.net>\r\nTo: alice@example.org\r\nSubject: inside TLS\r\n"
           b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <tls@example.net>\r\n"
           b"Content-Type: multipart/mixed; boundary=x\r\nMIME-Version: 1.0\r\n\r\n--x\r\n\r\n.one\r\n..two\r\n"
           b"--x\r\nContent-Type: text/plain; name=a.txt\r\nContent-Transfer-Encoding: base64\r\n\r\n"
           + base64.encodebytes(bytes(range(256)) * 8).replace(b"\n", b"\r\n") + b"--x--\r\n")
STARTTLS = {"smtp": b"STARTTLS", "imap": b"a0 STARTTLS", "pop3": b"STLS"}
REPLY = {"smtp": rb"(?m)^\d{3} .*\r\n\Z", "imap": rb"(?m)^(a\d+ |\+ ).*\r\n\Z", "pop3": rb"\A(\+OK|-ERR).*\r\n\Z"}
LINES = rb"(?s)\A(-ERR[^\n]*\n|\+OK.*\r\n\.\r\n)\Z"
GREETING = {"smtp": REPLY["smtp"], "imap": rb"\A\* .*\r\n\Z", "pop3": REPLY["pop3"]}


class Talk:
    """What is said inside, in turns."""

    def __init__(self):
        self.turns = []

    def _note(self, side, octets):
        if self.turns and self.turns[-1][0] == side:
            self.turns[-1][1] += octets
        else:
            self.turns.append([side, bytearray(octets)])

    def say(self, octets):
        self._write(octets)
        self._note(0, octets)

    def hear(self, pattern):
        heard = bytearray()
        while not re.search(pattern, bytes(heard)):
            octets = self._read()
            if not octets:
                raise RuntimeError("the server ends with %r" % bytes(heard[-200:]))
            heard += octets
        self._note(1, heard)
        return bytes(heard)

    def ask(self, octets, pattern):
        self.say(octets + b"\r\n")
        return self.hear(pattern)


class Python(Talk):
    """Python's own ssl: OpenSSL in this process."""

    contexts = {}

    def __init__(self, host, port, proto, implicit, version, keys, how=""):
        super().__init__()
        self.socket = socket.create_connection((host, port), timeout=10)
        self.port = self.socket.getsockname()[1]
        if not implicit:
            self._clear(proto)
        context, self.session = self.contexts.get((host, port, version, how), (None, None))
        if not context:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + version.replace(".", "_"))
            context.keylog_filename = keys
            if how == "id":
                context.options |= ssl.OP_NO_TICKET
            if how == "cert":
                context.load_cert_chain(os.path.join(os.path.dirname(keys), "client.pem"))
        self.context, self.key = context, (host, port, version, how)
        self.tls = context.wrap_socket(self.socket, server_hostname=NAME[host], session=self.session)

    def _clear(self, proto):
        def reply(pattern):
            heard = b""
            while not re.search(pattern, heard):
                heard += self.socket.recv(65536)
        reply(GREETING[proto])
        if proto == "smtp":
            self.socket.sendall(b"EHLO client.example.net\r\n")
            reply(REPLY[proto])
        self.socket.sendall(STARTTLS[proto] + b"\r\n")
        reply(REPLY[proto])

    def _write(self, octets):
        self.tls.sendall(octets)

    def _read(self):
        return self.tls.recv(65536)

    def end(self):
        self.contexts[self.key] = (self.context, self.tls.session)
        self.reused = self.tls.session_reused
        self.tls.close()


class Pipe(Talk):
    """A program that speaks TLS for who writes into it."""

    def __init__(self, command, keys):
        super().__init__()
        self.port, self.reused = None, None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env={**os.environ, "SSLKEYLOGFILE": keys})

    def _write(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def _read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 10)
        return os.read(self.process.stdout.fileno(), 65536) if ready else b""

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def openssl(host, port, proto, implicit, version, keys):
    command = ["openssl", "s_client", "-quiet", "-tls" + version.replace(".", "_"), "-keylogfile", keys, "-servername",
               NAME[host], "-connect", "%s:%d" % (host, port)]
    return Pipe(command + ([] if implicit else ["-starttls", proto]), os.devnull)


def gnutls(host, port, proto, implicit, version, keys):
    command = ["gnutls-cli", "--insecure", "--logfile", os.devnull, "--sni-hostname", NAME[host], "--priority",
               "NORMAL:-VERS-ALL:+VERS-TLS" + version, "--port", str(port)]
    return Pipe(command + ([] if implicit else ["--starttls-proto", proto]) + [host], keys)


# --- dialogues ---


def smtp(talk, implicit, pause):
    if implicit:
        talk.hear(GREETING["smtp"])
    reply = REPLY["smtp"]
    if b"AUTH PLAIN" in talk.ask(b"EHLO client.example.net", reply):
        talk.ask(b"AUTH PLAIN " + base64.b64encode(b"\0alice\0wonderland"), reply)
    talk.ask(b"MAIL FROM:<carol@example.net>", reply)
    talk.ask(b"RCPT TO:<alice@example.org>", reply)
    pause()
    talk.ask(b"DATA", reply)
    talk.ask(MESSAGE.replace(b"\r\n.", b"\r\n..") + b".", reply)
    talk.ask(b"VRFY bob", reply)
    talk.ask(b"QUIT", reply)


def imap(talk, implicit, pause):
    if implicit:
        talk.hear(GREETING["imap"])
    reply = REPLY["imap"]
    talk.ask(b"a1 CAPABILITY", reply)
    talk.ask(b"a2 LOGIN alice wonderland", reply)
    talk.ask(b"a3 APPEND INBOX {%d}" % len(MESSAGE), reply)
    talk.ask(MESSAGE, reply)
    talk.ask(b"a4 SELECT INBOX", reply)
    pause()
    talk.ask(b"a5 FETCH 1 (FLAGS BODY.PEEK[])", reply)
    talk.ask(b"a6 LOGOUT", reply)


def pop3(talk, implicit, pause):
    if implicit:
        talk.hear(GREETING["pop3"])
    reply = REPLY["pop3"]
    talk.ask(b"CAPA", LINES)
    talk.ask(b"USER alice", reply)
    talk.ask(b"PASS wonderland", reply)
    pause()
    talk.ask(b"UIDL", LINES)
    talk.ask(b"RETR 1", LINES)
    talk.ask(b"QUIT", reply)


DIALOGUES = {"smtp": smtp, "imap": imap, "pop3": pop3}
SERVICES = [(POSTFIX, 25, "smtp", False), (POSTFIX, 587, "smtp", False), (POSTFIX, 465, "smtp", True),
            (POSTFIX, 143, "imap", False), (POSTFIX, 993, "imap", True), (POSTFIX, 110, "pop3", False),
            (POSTFIX, 995, "pop3", True), (EXIM, 25, "smtp", False), (EXIM, 465, "smtp", True)]
TOOLS = {"python": Python, "openssl": openssl, "gnutls": gnutls}


def hold(talks, folder, tool, service, version, how="", late=False):
    host, port, proto, implicit = service
    keys = os.path.join(folder, "late.keys" if late else "early.keys")
    extra = (how,) if how else ()
    talk = TOOLS[tool](host, port, proto, implicit, version, keys, *extra)
    try:
        DIALOGUES[proto](talk, implicit, lambda: time.sleep(0.25 if late else 0))
    finally:
        talk.end()
        talks.append({"tool": tool, "server": [host, port], "proto": proto, "implicit": implicit, "version": version,
                      "how": how, "late": late, "client_port": talk.port, "resumed": bool(talk.reused),
                      "turns": [[side, octets.decode("latin-1")] for side, octets in talk.turns]})


# --- libcurl ---

OPTIONS = {"url": 10002, "user": 10005, "mail_from": 10186, "request": 10036}


def curl(library, jobs):
    lib = ctypes.CDLL(library)
    lib.curl_easy_init.restype = lib.curl_slist_append.restype = ctypes.c_void_p
    lib.curl_version.restype = ctypes.c_char_p
    lib.curl_slist_append.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    setopt, kind = lib.curl_easy_setopt, ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
                                                          ctypes.c_size_t, ctypes.c_void_p)
    results = []
    for job in jobs:
        handle, rest, kept = ctypes.c_void_p(lib.curl_easy_init()), [bytes(MESSAGE)], []

        def give(to, size, count, _):
            piece, rest[0] = rest[0][: size * count], rest[0][size * count :]
            ctypes.memmove(to, piece, len(piece))
            return len(piece)

        kept += [kind(give), kind(lambda data, size, count, _: size * count)]
        for name, number in OPTIONS.items():
            if name in job:
                setopt(handle, number, ctypes.c_char_p(job[name].encode()))
        for number, values in ((10187, job.get("rcpt", [])), (10203, job["resolve"])):
            names = None
            for value in values:
                names = lib.curl_slist_append(names, value.encode())
            setopt(handle, number, ctypes.c_void_p(names))
        longs = {13: 10, 64: 0, 81: 0, 119: job.get("use_ssl", 0), 32: job.get("version", 0), 46: int("rcpt" in job), 99: 1}
        for number, value in longs.items():
            setopt(handle, number, ctypes.c_long(value))
        setopt(handle, 30115, ctypes.c_int64(len(MESSAGE)))
        setopt(handle, 20012, kept[0])
        setopt(handle, 20011, kept[1])
        results.append(lib.curl_easy_perform(handle))
        lib.curl_easy_cleanup(handle)
    print(json.dumps({"library": lib.curl_version().decode().split()[1], "results": results}))


def curl_jobs(secure, version):
    jobs = []
    resolve = ["mx.example.org:%d:%s" % (port, POSTFIX) for port in (25, 587, 465, 143, 993, 110, 995)]
    plain = {"resolve": resolve, "user": "alice:wonderland"}
    if secure:
        plain.update(version={"1.2": 6 | 6 << 16, "1.3": 7 | 7 << 16}[version], use_ssl=3)
    send = {**plain, "mail_from": "<carol@example.net>", "rcpt": ["<alice@example.org>"]}
    for port in (25, 587) + ((465,) if secure else ()):
        jobs.append({**send, "url": "smtp%s://mx.example.org:%d/client.example.net" % ("s" * (port == 465), port)})
    for port in (993, 143) if secure else (143,):
        jobs.append({**plain, "url": "imap%s://mx.example.org:%d/INBOX;MAILINDEX=1" % ("s" * (port == 993), port)})
    for port in (995, 110) if secure else (110,):
        jobs.append({**plain, "url": "pop3%s://mx.example.org:%d/1" % ("s" * (port == 995), port)})
    return jobs


LIBRARIES = ["libcurl.so.4", "libcurl-gnutls.so.4", "libcurl-nss.so.4"]


def run_curl(talks, folder):
    for library in LIBRARIES:
        for version in ("", "1.2", "1.3"):
            jobs = curl_jobs(bool(version), version)
            done = subprocess.run([sys.executable, __file__, "curl", library], input=json.dumps(jobs), text=True,
                                  capture_output=True, env={**os.environ, "SSLKEYLOGFILE": os.path.join(folder, "early.keys")})
            if done.returncode:
                talks.append({"tool": library, "missing": done.stderr.strip().splitlines()[-1]})
                break
            result = json.loads(done.stdout)
            for job, code in zip(jobs, result["results"]):
                scheme, port = re.match(r"(\w+)://[^:]+:(\d+)", job["url"]).groups()
                talks.append({"tool": library, "library": result["library"], "code": code, "server": [POSTFIX, int(port)],
                              "proto": scheme.rstrip("s"), "implicit": scheme.endswith("s"), "version": version})


# ---


def follow(folder, stop):
    """What is written into early.keys and late.keys gets into growing.keys, that of the latter only a while later."""
    places, waiting = {"early.keys": 0, "late.keys": 0}, []
    with open(os.path.join(folder, "growing.keys"), "ab", buffering=0) as to:
        while True:
            last = stop.is_set()
            for name in places:
                path = os.path.join(folder, name)
                octets = b""
                if os.path.exists(path):
                    with open(path, "rb") as file:
                        file.seek(places[name])
                        octets = file.read()
                    places[name] += len(octets)
                if octets:
                    waiting.append((time.monotonic() + (0.12 if name == "late.keys" else 0), octets))
            now = time.monotonic()
            for piece in [w for w in waiting if last or w[0] <= now]:
                to.write(piece[1])
                waiting.remove(piece)
            if last:
                return
            time.sleep(0.005)


def main():
    if sys.argv[1] == "curl":
        curl(sys.argv[2], json.load(sys.stdin))
        return
    folder, talks, stop = sys.argv[1], [], threading.Event()
    exim = "--exim" in sys.argv
    follower = threading.Thread(target=follow, args=(folder, stop))
    follower.start()
    try:
        services = [s for s in SERVICES if exim or s[0] != EXIM]
        for version in ("1.2", "1.3"):
            for service in services:
                hold(talks, folder, "python", service, version, late=service[1] in (25, 993, 995))
                hold(talks, folder, "openssl", service, version)
                hold(talks, folder, "gnutls", service, version)
        for version in ("1.2", "1.3"):
            for how in ("ticket", "id") if version == "1.2" else ("ticket",):
                for service in (SERVICES[0], SERVICES[4]) + ((SERVICES[8],) if exim else ()):
                    hold(talks, folder, "python", service, version, how)
                    hold(talks, folder, "python", service, version, how)
            hold(talks, folder, "python", SERVICES[0], version, "cert")
        run_curl(talks, folder)
    finally:
        stop.set()
        follower.join()
        with open(os.path.join(folder, "talks.json"), "w") as file:
            json.dump(talks, file, indent=1)


main()
