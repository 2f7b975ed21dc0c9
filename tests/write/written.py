#!/usr/bin/env python3
"""What -w writes: the packets of mail and no others, as they were captured, in that order; read again they give the same
records; the same octets for any number of threads, also where the limit bites.
usage: written.py files|threads MAILTAP DIALOGUE_TEST SAMPLES DIALOGUES
files: each capture alone. threads: all in one run, and one that is made up."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from captures import all_captures # noqa: E402
from talk import Talk, pcap # noqa: E402

failures = []


def check(what, true):
    if not true:
        failures.append(what)
        print(f'not so: {what}')


def run(mailtap, *words, code=0):
    done = subprocess.run([mailtap, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(f'{words[:6]}... ends with {code}, not {done.returncode} {done.stderr[:200]}', done.returncode == code)
    return done.stdout


def classic(path):
    """(time in ns, octets, length on the wire) of each frame of a pcap file."""
    data = path.read_bytes()
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    unit = 1 if struct.unpack(order + 'I', data[:4])[0] == 0xa1b23c4d else 1000
    at, frames = 24, []
    while at + 16 <= len(data):
        seconds, part, captured, wire = struct.unpack_from(order + 'IIII', data, at)
        frames.append((seconds * 10**9 + part * unit, data[at + 16:at + 16 + captured], wire))
        at += 16 + captured
    return frames


def written(data):
    """The same of a file that -w wrote, each with its comment; and the link types of its interfaces."""
    frames, links, at = [], [], 0
    while at < len(data):
        kind, length = struct.unpack_from('<II', data, at)
        body = data[at + 8:at + length - 4]
        check('a block ends with its length', struct.unpack_from('<I', data, at + length - 4)[0] == length and length % 4 == 0)
        if at == 0:
            check('the file begins with a section', kind == 0x0a0d0d0a and body[:4] == b'\x4d\x3c\x2b\x1a')
        if kind == 1:
            links.append(struct.unpack_from('<H', body)[0])
            check('times are in nanoseconds', b'\x09\x00\x01\x00\x09' in body[8:])
        if kind == 6:
            interface, high, low, captured, wire = struct.unpack_from('<IIIII', body)
            check('an interface is described before it is used', interface < len(links))
            options = body[20 + (captured + 3) // 4 * 4:]
            code, size = struct.unpack_from('<HH', options)
            check('a frame has a comment', code == 1)
            frames.append((high << 32 | low, body[20:20 + captured], wire, options[4:4 + size].decode()))
        at += length
    return frames, links


def records(out):
    """Without what counts packets of the file or names it."""
    found = []
    for line in out.splitlines():
        record = json.loads(line)
        if record['type'] != 'stats':
            found.append(json.dumps(bare(record), sort_keys=True))
    return sorted(found)


def bare(value):
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in ('frame', 'frame_first', 'frame_last', 'pcap_file', 'iface')}
    return [bare(v) for v in value] if isinstance(value, list) else value


def is_part_in_order(part, whole):
    rest = iter(whole)
    return all(one in rest for one in part)


def check_file(mailtap, path, folder):
    out = pathlib.Path(folder, 'out.pcapng')
    first = run(mailtap, '-r', path, '--any-port', '-o', 'json', '-w', out)
    frames, _ = written(out.read_bytes())
    again = run(mailtap, '-r', out, '--any-port', '-o', 'json')
    check(f'{path}: what was written gives the same records', records(first) == records(again))
    uids = {json.loads(line).get('uid') for line in first.splitlines()}
    check(f'{path}: comments are uids of records', all(f[3] in uids for f in frames if f[3]) or not frames)
    check(f'{path}: every connection with a record is there', uids - {None} <= {f[3] for f in frames})
    if path.suffix == '.pcap':
        check(f'{path}: frames are as they were captured, in that order', is_part_in_order([f[:3] for f in frames], classic(path)))
    return len(frames)


def check_files(mailtap, files, samples, folder):
    frames = {path.name: check_file(mailtap, path, folder) for path in files}
    for name in ('link-4in6-fragments.pcap', 'link-geneve-fragments.pcap'):
        check(f'{name}: every fragment is there', frames[name] == len(classic(pathlib.Path(samples, name))))


# --- made up: a connection that says late what it is ---

def check_limit(mailtap, folder):
    mail, late, other = Talk(4000, 25), Talk(4001, 9999), Talk(4002, 8888)
    opened, begun = late.open(), other.open() + mail.open()
    smtp = [mail.say(1, b'220 mx ESMTP\r\n'), mail.say(0, b'EHLO a\r\n'), mail.say(1, b'250 mx\r\n'), mail.say(0, b'MAIL FROM:<a@b>\r\n'),
            mail.say(1, b'250 ok\r\n'), mail.say(0, b'RCPT TO:<c@d>\r\n'), mail.say(1, b'250 ok\r\n'), mail.say(0, b'DATA\r\n'),
            mail.say(1, b'354 go\r\n')]
    body = [mail.say(0, (b'x' * 70 + b'\r\n') * 20) for _ in range(100)]
    http = [other.say(0, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), other.say(1, b'HTTP/1.1 200 OK\r\n\r\n')]
    end = [mail.say(0, b'.\r\n'), mail.say(1, b'250 done\r\n')]
    said = [late.say(1, b'220 mx ESMTP\r\n'), late.say(0, b'EHLO a\r\n'), late.say(1, b'250 mx\r\n')]
    frames = opened + begun + http + smtp + body + end + said
    path, out = pathlib.Path(folder, 'late.pcap'), pathlib.Path(folder, 'late.pcapng')
    pcap(path, frames)
    of_mail = [f for f in classic(path) if f[1][34:38] not in (b'\x0f\xa2\x22\xb8', b'\x22\xb8\x0f\xa2')]
    for jobs in ('1', '2', '4'):
        stats = json.loads(run(mailtap, '-r', path, '--any-port', '-o', 'json', '-w', out, '-j', jobs).splitlines()[-1])
        got = [f[:3] for f in written(out.read_bytes())[0]]
        check(f'-j {jobs}: who says late that it is mail is written from its first packet', got == of_mail)
        check(f'-j {jobs}: and counted', stats['capture']['written'] == len(of_mail) and 'errors' not in stats)
        stats = json.loads(run(mailtap, '-r', path, '--any-port', '-o', 'json', '-w', out, '-j', jobs, '--limit', 'write=65536').splitlines()[-1])
        got = [f[:3] for f in written(out.read_bytes())[0]]
        check(f'-j {jobs}: what there was no room for is left out', got == of_mail[3:])
        check(f'-j {jobs}: and counted', stats['errors']['packets_unwritten'] == 3 and stats['capture']['written'] == len(got))
    run(mailtap, '-r', path, '-w', out, '-o', 'json:/dev/null')
    check('at a port of mail nothing waits', len(written(out.read_bytes())[0]) == 3 + len(smtp + body + end))


def check_threads(mailtap, files):
    read = [word for f in files for word in ('-r', f)]
    for variant in ([], ['--any-port'], ['--any-port', '--limit', 'write=65536', '--limit', 'flows=100']):
        expected = None
        for jobs in ('1', '2', '4', '8', '8', '2'):
            out = run(mailtap, *read, *variant, '-w', '-', '-j', jobs)
            frames, links = written(out)
            if expected is None:
                expected = out
                print(f'{variant}: {len(frames)} frames of {len(links)} interfaces')
                check('there is something to compare', len(frames) > 1000 and len(set(links)) > 1)
            check(f'{variant} -j {jobs}: the same octets', out == expected)


def main():
    what, mailtap, dialogue_test, samples, dialogues = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        files = all_captures(dialogue_test, samples, [dialogues], folder)
        if what == 'files':
            check_files(mailtap, files, samples, folder)
        else:
            check_limit(mailtap, folder)
            check_threads(mailtap, files)
    print(f'{len(files)} captures, {len(failures)} failures')
    sys.exit(bool(failures))


main()
