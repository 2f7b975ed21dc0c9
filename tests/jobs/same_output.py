#!/usr/bin/env python3
"""The same records, byte for byte, for any number of threads, and every time: all samples and dialogues in one run, so that
there is something to put in order, also where connections are evicted; and files of many pieces, which threads read by
turns: several in one run with a compressed one between, one that is cut, one that is given up on the way.
usage: same_output.py MAILTAP DIALOGUE_TEST SAMPLES DIALOGUES"""
import gzip
import json
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from captures import all_captures # noqa: E402

RUNS = [['-j', str(n)] for n in (1, 2, 3, 4, 8, 64) + 5 * (8, 2)]
HEADER = 24 # octets, of a pcap file


def keys(dialogues, folder):
    """The key logs of all dialogues in one file."""
    lines = [line[len('key: '):] for text in sorted(pathlib.Path(dialogues).glob('*.txt'))
             for line in text.read_text(encoding='utf-8', errors='replace').splitlines() if line.startswith('key: ')]
    path = pathlib.Path(folder, 'keys')
    path.write_text('\n'.join(lines) + '\n', encoding='ascii')
    return path


def moved(records, place):
    """The records of a pcap file, between other hosts: IPv4 addresses are those of that place."""
    out, at = bytearray(records), 0
    while at < len(out):
        if out[at + 28:at + 30] == b'\x08\0': # behind the record's header, and two addresses of Ethernet
            out[at + 43:at + 45] = out[at + 47:at + 49] = place.to_bytes(2, 'big')
        at += 16 + int.from_bytes(out[at + 8:at + 12], sys.byteorder)
    return bytes(out)


def noise():
    """Frames that are nobody's; some are longer than what is carried from one piece into the next."""
    lengths = [60000, 65600] * 10
    return b''.join(struct.pack('=IIII', 0, 0, n, n) + bytes(n) for n in lengths)


def long_files(files, folder):
    """All dialogues one after the other, and again with noise between; the same cut in a frame; and once, compressed."""
    made = [f.read_bytes() for f in files if f.parent == pathlib.Path(folder)]
    head = made[0][:HEADER]
    alike = [data[HEADER:] for data in made if data[:HEADER] == head]
    once = b''.join(alike)
    if len(once) < 300000:
        sys.exit(f'only {len(once)} octets of dialogues')
    octets = head
    for turn in range(3):
        octets += b''.join(moved(one, turn * len(alike) + i) for i, one in enumerate(alike)) + noise()
    whole, cut, packed = (pathlib.Path(folder, name) for name in ('long.pcap', 'cut.pcap', 'packed.pcap.gz'))
    whole.write_bytes(octets)
    cut.write_bytes(octets[:len(octets) * 2 // 5])
    packed.write_bytes(gzip.compress(head + once, 1))
    return whole, cut, packed


def variants(files, folder, keylog):
    small = [arg for f in files for arg in ('-r', f)]
    whole, cut, packed = long_files(files, folder)
    return [
        [*small, '--stats', '1', '--keylog', keylog],
        [*small, '--any-port', '--limit', 'flows=100', '--stats', '60'],
        [*small, '-c', '1000', '-o', 'text', '-o', 'summary'],
        ['-r', cut, '-r', packed, '-r', whole, '--hash', 'all'],
        ['-r', whole, '-c', '15555', '--stats', '60'],
        ['-r', whole, '-r', cut, '-w', pathlib.Path(folder, 'written'), '-o', 'json', 'port 25 or port 143'],
    ]


def differences(mailtap, variant, written):
    expected, failed = None, 0
    for run in RUNS:
        done = subprocess.run([mailtap, *variant, *run], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out = done.stdout + done.stderr + (written.read_bytes() if written in variant else b'')
        if len(out) < 10000 or done.returncode not in (0, 3):
            sys.exit(f'{variant[-4:]} {run}: {len(out)} octets of output, ended with {done.returncode}: {done.stderr[-300:]}')
        if expected is None:
            expected = out
        if out != expected:
            lines = zip(expected.split(b'\n'), out.split(b'\n'))
            first = next((pair for pair in lines if pair[0] != pair[1]), (b'', b'(longer)'))
            print(f'{variant[-4:]} {run} differs from {RUNS[0]}:\n- {first[0][:300]}\n+ {first[1][:300]}')
            failed += 1
    return failed


def received(line):
    record = json.loads(line)
    return record['capture']['received'] if record['type'] == 'stats' else 0


def interrupted(mailtap, whole, packets, run):
    """Nobody reads what is written until the signal has come: all threads wait by then. How many are wrong?"""
    with subprocess.Popen([mailtap, *['-r', whole] * 4, '-o', 'json', *run], stdout=subprocess.PIPE) as p:
        lines = [p.stdout.readline()]
        p.send_signal(signal.SIGINT)
        lines += p.stdout.readlines()
        code = p.wait(60)
    if code == 128 + signal.SIGINT and 0 < received(lines[-1]) < 4 * packets:
        return 0
    print(f'interrupted {run}: ended with {code}, {len(lines)} lines, the last {lines[-1]}')
    return 1


def main():
    mailtap, dialogue_test, samples, dialogues = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        files = all_captures(dialogue_test, samples, [dialogues], folder)
        tried = variants(files, folder, keys(dialogues, folder))
        failed = sum(differences(mailtap, variant, pathlib.Path(folder, 'written')) for variant in tried)
        whole = pathlib.Path(folder, 'long.pcap')
        packets = received(subprocess.check_output([mailtap, '-r', whole, '-o', 'json']).splitlines()[-1])
        failed += sum(interrupted(mailtap, whole, packets, run) for run in RUNS[:6])
    print(f'{len(tried) * len(RUNS)} runs, {failed} of them different or not ended well')
    sys.exit(failed != 0)


main()
