"""Captures made up by tests: a TCP connection in which two sides talk."""
import struct


def segment(sport, dport, flags, seq, ack, payload, back=False):
    a, b = b'\x0a\0\0\1', b'\x0a\0\0\2'
    if back:
        a, b, sport, dport = b, a, dport, sport
    tcp = struct.pack('>HHIIBBHHH', sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + a + b
    return b'\2' * 12 + b'\x08\0' + ip + tcp


class Talk:
    def __init__(self, sport, dport):
        self.ports, self.seq = (sport, dport), [1000, 2000]

    def say(self, side, payload, flags=0x18): # 0: the client
        frame = segment(*self.ports, flags, self.seq[side], self.seq[1 - side] if flags & 0x10 else 0, payload, side == 1)
        self.seq[side] += len(payload) + (flags & 3 != 0)
        return frame

    def open(self):
        return [self.say(0, b'', 2), self.say(1, b'', 0x12), self.say(0, b'', 0x10)]


def pcap(path, frames):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        for n, frame in enumerate(frames):
            f.write(struct.pack('<IIII', 1700000000 + n // 100, n % 100 * 1000 + 7, len(frame), len(frame)) + frame)
