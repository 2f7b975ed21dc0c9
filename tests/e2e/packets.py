"""Captures as the tests of this folder need them: read and written (pcap, Ethernet, IPv4), put together to streams, and
TLS in them as far as it travels in clear. Small and slow on purpose: it is what mailtap is compared with."""
import hashlib
import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Packet:
    """One frame; the TCP fields are None where it is no TCP over IPv4."""

    def __init__(self, when, octets):
        self.when, self.octets = when, octets
        self.flow = None
        if octets[12:14] != b"\x08\x00" or octets[23] != 6:
            return
        at = 14 + (octets[14] & 15) * 4
        end = 14 + struct.unpack(">H", octets[16:18])[0]
        source, target, self.seq, self.ack = struct.unpack(">HHII", octets[at : at + 12])
        self.flags = octets[at + 13]
        self.payload = octets[at + (octets[at + 12] >> 4) * 4 : end]
        self.source = (socket.inet_ntoa(octets[26:30]), source)
        self.target = (socket.inet_ntoa(octets[30:34]), target)
        self.flow = tuple(sorted((self.source, self.target)))


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    unit = {b"\x4d\x3c\xb2\xa1": 1, b"\xd4\xc3\xb2\xa1": 1000}[data[:4]]
    at, packets = 24, []
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack("<IIII", data[at : at + 16])
        packets.append(Packet(seconds * 10**9 + fraction * unit, data[at + 16 : at + 16 + length]))
        at += 16 + length
    return packets


def write(path, packets):
    """In the order given; the times are those of the packets, sorted."""
    times = sorted(p.when for p in packets)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for when, p in zip(times, packets):
            file.write(struct.pack("<IIII", when // 10**9, when % 10**9, len(p.octets), len(p.octets)) + p.octets)


class Connection:
    """The packets of one, and what was said: [0] by the client, [1] by the server."""

    def __init__(self, first):
        self.client, self.server = first.source, first.target
        self.packets = []

    def sides(self):
        """For each side what it said, and for each octet the packet that it came with."""
        result = []
        for who in (self.client, self.server):
            start, data, origin = None, {}, {}
            for p in self.packets:
                if p.source != who:
                    continue
                if p.flags & SYN:
                    start = (p.seq + 1) & 0xFFFFFFFF
                for i in range(len(p.payload)):
                    place = (p.seq + i - start) & 0xFFFFFFFF
                    if place not in data:
                        data[place], origin[place] = p.payload[i], p
            result.append((bytes(data[i] for i in range(len(data))), [origin[i] for i in range(len(data))]))
        return result


def connections(packets):
    """In the order of their SYNs."""
    open_ones, all_of_them = {}, []
    for p in packets:
        if not p.flow:
            continue
        if p.flags & SYN and not p.flags & ACK:
            open_ones[p.flow] = Connection(p)
            all_of_them.append(open_ones[p.flow])
        if p.flow in open_ones:
            open_ones[p.flow].packets.append(p)
    return all_of_them


class Dialogue:
    """Packets of a conversation that is made up: who says what, everything received at once."""

    def __init__(self, client, server, when):
        self.ends, self.when = (client, server), when
        self.next = [1000, 5000]
        self.packets, self.turns = [], []
        self._send(0, SYN)
        self._send(1, SYN | ACK)
        self._send(0, ACK)

    def _send(self, side, flags, payload=b""):
        (source, source_port), (target, target_port) = self.ends[side], self.ends[1 - side]
        ack = self.next[1 - side] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", source_port, target_port, self.next[side], ack, 5 << 4, flags, 65000, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, socket.inet_aton(source),
                         socket.inet_aton(target))
        self.when += 1000000
        self.packets.append(Packet(self.when, b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + ip + tcp + payload))
        self.next[side] += len(payload) + bool(flags & (SYN | FIN))
        return self.packets[-1]

    def say(self, side, text):
        self.turns.append((side, text, [self._send(side, ACK | PSH, text[at : at + 1400]) for at in range(0, len(text), 1400)]))

    def end(self):
        for side in (0, 1):
            self._send(side, ACK | FIN)
        self._send(0, ACK)


# --- TLS ---


def records(stream, start=0):
    """(place, type, octets) of each record."""
    at = start
    while at + 5 <= len(stream):
        length = struct.unpack(">H", stream[at + 3 : at + 5])[0]
        yield at, stream[at], stream[at + 5 : at + 5 + length]
        at += 5 + length


def tls_begins(stream):
    """Where the first record of TLS stands behind a dialogue in clear; None: nowhere."""
    if stream[:2] == b"\x16\x03":
        return 0
    at = stream.find(b"\n\x16\x03")
    return at + 1 if at >= 0 else None


RETRY = hashlib.sha256(b"HelloRetryRequest").digest()


def hello(stream, start, kind):
    """The first message of that kind, but no HelloRetryRequest; None: there is none in clear."""
    octets, at = b"".join(content for _, type_, content in records(stream, start) if type_ == 22), 0
    while at + 4 <= len(octets):
        length = int.from_bytes(octets[at + 1 : at + 4], "big")
        body = octets[at + 4 : at + 4 + length]
        if octets[at] == kind and body[2:34] != RETRY:
            return body
        at += 4 + length
    return None


def _grease(n):
    return n & 0x0F0F == 0x0A0A and n >> 8 == n & 0xFF


def _numbers(octets):
    return [n for (n,) in struct.iter_unpack(">H", octets) if not _grease(n)]


def _extensions(octets):
    found, at = [], 2
    while at + 4 <= len(octets):
        type_, length = struct.unpack(">HH", octets[at : at + 4])
        found.append((type_, octets[at + 4 : at + 4 + length]))
        at += 4 + length
    return [e for e in found if not _grease(e[0])]


def client_facts(message):
    """sni, JA3 and JA4 of a ClientHello."""
    version, at = struct.unpack(">H", message[:2])[0], 34
    at += 1 + message[at]
    length = struct.unpack(">H", message[at : at + 2])[0]
    ciphers = _numbers(message[at + 2 : at + 2 + length])
    at += 2 + length
    at += 1 + message[at]
    extensions = _extensions(message[at:])
    body = dict(extensions)
    groups, formats = _numbers(body.get(10, b"\0\0")[2:]), body.get(11, b"\0")[1:]
    text = "%d,%s,%s,%s,%s" % (version, "-".join(map(str, ciphers)), "-".join(str(t) for t, _ in extensions),
                               "-".join(map(str, groups)), "-".join(map(str, formats)))
    highest = max(_numbers(body[43][1:])) if 43 in body else version
    alpn = body[16][3 : 3 + body[16][2]].decode() if 16 in body else ""
    hashed = sorted(t for t, _ in extensions if t not in (0, 16))
    signatures = _numbers(body.get(13, b"\0\0")[2:])
    last = ",".join("%04x" % t for t in hashed)
    if signatures:
        last += "_" + ",".join("%04x" % n for n in signatures)
    ja4 = "t%s%s%02d%02d%s_%s_%s" % (
        {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10"}[highest], "d" if 0 in body else "i", len(ciphers),
        len(extensions), alpn[:1] + alpn[-1:] or "00", _short(",".join("%04x" % c for c in sorted(ciphers))), _short(last))
    sni = body[0][5:].decode() if 0 in body else None
    return {"sni": sni, "ja3": hashlib.md5(text.encode()).hexdigest(), "ja4": ja4}


def _short(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def server_facts(message):
    """JA3S of a ServerHello."""
    version, at = struct.unpack(">H", message[:2])[0], 34
    at += 1 + message[at]
    cipher = struct.unpack(">H", message[at : at + 2])[0]
    text = "%d,%d,%s" % (version, cipher, "-".join(str(t) for t, _ in _extensions(message[at + 3 :])))
    return {"ja3s": hashlib.md5(text.encode()).hexdigest()}
