#!/usr/bin/env python3
"""What --extract writes: messages and parts as they were sent, under names made here, and nothing anywhere else.
usage: extracted.py MAILTAP DIALOGUE_TEST SAMPLES DIALOGUES"""
import base64
import email
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from captures import all_captures # noqa: E402
from talk import Talk, pcap # noqa: E402

NAME = re.compile(r'C[0-9A-Za-z]{13}-[0-9]+(-([0-9]+(\.[0-9]+)*|part[0-9]+))?(_[0-9]+)?\.[a-z0-9]{2,4}')
failures = 0


def check(what, true):
    global failures
    if not true:
        failures += 1
        print(f'not so: {what}')


def run(mailtap, *words, code=0, **how):
    done = subprocess.run([mailtap, *words, '-o', 'json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    check(f'{[str(w) for w in words][:4]}... ends with {code}, not {done.returncode}: {done.stderr[:300]}', done.returncode == code)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def files_of(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.is_symlink()}


def index_of(files):
    return [json.loads(line) for line in files['index.ndjson'].splitlines()]


def check_folder(what, records, folder):
    """The folder, its index and the records agree. Returns how many files there are."""
    files = files_of(folder)
    index = index_of(files)
    check(f'{what}: a line of the index for each file', sorted(i['file'] for i in index if 'file' in i) == sorted(set(files) - {'index.ndjson'}))
    lines = {i['file']: i for i in index if 'file' in i}
    told = 0
    for m in records:
        if m['type'] != 'message':
            continue
        for one, whole in [(m, m.get('complete') and 'missed' not in m)] + [(p, 'cut' not in p and 'missed' not in p) for p in m.get('parts', [])]:
            if 'file' not in one:
                continue
            told += 1
            data, line = files.get(one['file']), lines.get(one['file'])
            check(f'{what}: {one["file"]} is there', data is not None and line is not None)
            if data is None or line is None:
                continue
            check(f'{what}: {one["file"]} has its size', len(data) == one['size'] == line['size'])
            check(f'{what}: {one["file"]} has the octets that were hashed', 'sha256' not in one or sha256(data) == one['sha256'] == line['sha256'])
            check(f'{what}: {one["file"]} is told as it is', line['complete'] == bool(whole) and line['uid'] == m['uid'] and line['message'] == m['id'])
            check(f'{what}: {one["file"]} has the name of its part', line.get('name') == one.get('name') and line.get('path') == one.get('path'))
    check(f'{what}: every file is in a record', told == len(lines))
    for name in files:
        check(f'{what}: the name {name}', name == 'index.ndjson' or NAME.fullmatch(name))
        check(f'{what}: {name} is for the owner only', (folder / name).stat().st_mode & 0o777 == 0o600)
    return len(lines)


def check_all(mailtap, pcaps, top):
    read = [word for p in pcaps for word in ('-r', p)]
    limits = [], ['--limit', 'extract_files=40'], ['--limit', 'extract_total=20000', '--limit', 'extract_octets=600'], \
        ['--extract-kinds', 'parts', '--hash', 'none']
    for n, variant in enumerate(limits):
        first = None
        for jobs in ('1', '2', '4', '8', '8'):
            folder = top / f'all-{n}-{jobs}'
            while folder.exists():
                folder = folder.with_name(folder.name + 'x')
            records, _ = run(mailtap, *read, '--any-port', *variant, '--extract', folder, '-j', jobs)
            files = files_of(folder)
            index = index_of(files)
            if first is None:
                first = files
                count = check_folder(f'all {variant}', records, folder)
                omitted = sum(1 for i in index if 'omitted' in i)
                stats = records[-1].get('errors', {}).get('files_omitted', 0)
                print(f'{variant}: {count} files, {omitted} left out')
                check(f'{variant}: what was left out is counted and told', stats == omitted and (omitted > 0) == ('--limit' in variant))
                check(f'{variant}: there is something to look at', count >= 40 and (n or count > 100))
            check(f'{variant} -j {jobs}: the same files and index', files == first)
    total = sum(len(d) for f, d in files_of(top / 'all-2-1').items() if f != 'index.ndjson')
    check('extract_total is kept', total <= 20000 and max(len(d) for f, d in files_of(top / 'all-2-1').items() if f != 'index.ndjson') <= 600)


# --- messages made up, with all that a name can do ---

NAMES = [b'../../../tmp/evil', b'/etc/passwd', b'..', b'.', b'a\0b', b'x' * 4096, b'/dev/null', b'CON', b'nul.txt', b'A.TXT', b'a.txt', b'a.TXT',
         b'index.ndjson', b'.hidden', b'-rf', b'a/b', b'a\\b', b'%2e%2e%2f', b'\xe2\x80\xaetxt.exe', b'~', b'$(id)', b'a\r\n b', b'"']


def message(n, random):
    size = random.choice((0, 1, 100, 5000, 40000, 200000))
    payload = random.randbytes(size)
    name = NAMES[n % len(NAMES)]
    head = b'From: a@b\r\nSubject: %d\r\nMIME-Version: 1.0\r\n' % n
    if n % 3 == 0:
        return head + b'\r\n' + b''.join(random.choice((b'.', b'..', b'.\r\n..', b'text', b'')) + b'\r\n' for _ in range(size // 10)), None
    part = base64.encodebytes(payload).replace(b'\n', b'\r\n')
    return (head + b'Content-Type: multipart/mixed; boundary="zz"\r\n\r\n--zz\r\nContent-Type: application/x-' + (b'../' if n % 2 else b'y') +
            b'; name="' + name + b'"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="' + name +
            b'"\r\n\r\n' + part + b'\r\n--zz--\r\n'), payload


def segments(talk, side, data):
    return [talk.say(side, data[i:i + 1400]) for i in range(0, len(data), 1400)]


def stuffed(text):
    return re.sub(rb'(?m)^\.', b'..', text)


def smtp(talk, text, n):
    frames = [talk.say(1, b'220 mx ESMTP\r\n'), talk.say(0, b'EHLO a\r\n'), talk.say(1, b'250-mx\r\n250 CHUNKING\r\n'), talk.say(0, b'MAIL FROM:<a@b>\r\n'),
              talk.say(1, b'250 ok\r\n'), talk.say(0, b'RCPT TO:<c@d>\r\n'), talk.say(1, b'250 ok\r\n')]
    if n % 2:
        half = len(text) // 2
        frames += [*segments(talk, 0, b'BDAT %d\r\n' % half + text[:half]), talk.say(1, b'250 ok\r\n'),
                   *segments(talk, 0, b'BDAT %d LAST\r\n' % (len(text) - half) + text[half:])]
    else:
        frames += [talk.say(0, b'DATA\r\n'), talk.say(1, b'354 go\r\n'), *segments(talk, 0, stuffed(text) + b'.\r\n')]
    return frames + [talk.say(1, b'250 done\r\n'), talk.say(0, b'QUIT\r\n'), talk.say(1, b'221 bye\r\n')]


def pop3(talk, text, _):
    return [talk.say(1, b'+OK ready\r\n'), talk.say(0, b'RETR 1\r\n'), *segments(talk, 1, b'+OK\r\n' + stuffed(text) + b'.\r\n'),
            talk.say(0, b'QUIT\r\n'), talk.say(1, b'+OK bye\r\n')]


def imap(talk, text, n):
    frames = [talk.say(1, b'* OK IMAP4rev1 ready\r\n')]
    if n % 2:
        frames += [talk.say(0, b'a1 FETCH 1 BODY[]\r\n'), *segments(talk, 1, b'* 1 FETCH (BODY[] {%d}\r\n' % len(text) + text + b')\r\na1 OK done\r\n')]
    else:
        frames += [talk.say(0, b'a1 APPEND x {%d}\r\n' % len(text)), talk.say(1, b'+ go\r\n'), *segments(talk, 0, text + b'\r\n'), talk.say(1, b'a1 OK done\r\n')]
    return frames + [talk.say(0, b'a2 LOGOUT\r\n'), talk.say(1, b'* BYE\r\na2 OK\r\n')]


def hostile(top):
    """A capture; what its messages and their only decoded parts are, by port of the client."""
    rng = random.Random(7)
    frames, sent = [], {}
    for n in range(4 * len(NAMES)):
        port, speak = ((25, smtp), (110, pop3), (143, imap))[n // 2 % 3]
        text, payload = message(n, rng)
        talk = Talk(2000 + n, port)
        frames += talk.open() + speak(talk, text, n)
        sent[2000 + n] = text, payload
    path = top / 'hostile.pcap'
    pcap(path, frames)
    return path, sent


def check_hostile(mailtap, top):
    path, sent = hostile(top)
    cage = top / 'cage'
    cage.mkdir()
    folder = cage / 'out'
    before = sorted(os.listdir(top))
    records, _ = run(mailtap, '-r', path, '--extract', folder)
    check('nothing is written beside the folder', sorted(os.listdir(cage)) == ['out'] and sorted(os.listdir(top)) == before)
    check('nothing but files is in it', all(p.is_file() and not p.is_symlink() for p in folder.iterdir()))
    check_folder('hostile', records, folder)
    files = files_of(folder)
    seen = 0
    for m in records:
        if m['type'] != 'message':
            continue
        text, payload = sent[m['client_port']]
        check(f'port {m["client_port"]}: the message is what was sent', files.get(m.get('file')) == text)
        if payload is not None:
            parts = [files.get(p.get('file')) for p in m['parts'] if 'size' in p]
            check(f'port {m["client_port"]}: the part is what was encoded', parts == [payload])
            python = email.message_from_bytes(text).get_payload()[0].get_payload(decode=True)
            check(f'port {m["client_port"]}: python agrees', python == payload)
        seen += 1
    check('all messages are there', seen == len(sent))
    return path, files


def check_links(mailtap, top, path, files):
    """Whoever knows the names puts links there."""
    victim, folder = top / 'victim', top / 'links'
    victim.write_bytes(b'mine')
    folder.mkdir()
    (folder / 'index.ndjson').touch(0o600)
    names = sorted(set(files) - {'index.ndjson'})
    for n, name in enumerate(names):
        link = folder / ('.' + name if n % 2 else name)
        link.symlink_to(victim if n % 3 else top / 'made')
    (folder / '.part-1').symlink_to(victim)
    records, _ = run(mailtap, '-r', path, '--extract', folder)
    check('links are not followed', victim.read_bytes() == b'mine' and not (top / 'made').exists())
    got = files_of(folder)
    check('the files get other names', sorted(sha256(d) for n, d in got.items() if n != 'index.ndjson') == sorted(sha256(files[n]) for n in names))
    check('which the index tells', {i['file'] for i in index_of(got)} == set(got) - {'index.ndjson'} and len(records) > 10)
    trap = top / 'trap'
    trap.mkdir()
    (trap / 'index.ndjson').symlink_to(victim)
    run(mailtap, '-r', path, '--extract', trap, code=1)
    check('nor is the index', victim.read_bytes() == b'mine')


def check_full(what, mailtap, path, folder, whole, **how):
    records, said = run(mailtap, '-r', path, '--extract', folder, code=3, **how)
    errors = [line for line in said.splitlines() if line.startswith('mailtap: ')]
    check(f'{what}: one error: {said!r}', len(errors) == 1 and re.search('No space|too large', errors[0]))
    check(f'{what}: records go on', records[-1].get('final') and len([r for r in records if r['type'] == 'message']) == len([n for n in whole if '.eml' in n]))
    got = files_of(folder)
    for name, data in got.items():
        if name != 'index.ndjson' and not name.startswith('.'):
            check(f'{what}: {name} is whole', whole.get(name) == data)
    check(f'{what}: nothing half-written is left, but {[n for n in got if n.startswith(".")]}', not [n for n in got if n.startswith('.')])
    check(f'{what}: the index has whole lines', all(i['file'] in got or True for i in index_of(got) if 'file' in i))
    print(f'{what}: {len(got) - 1} files of {len(whole) - 1}')
    check(f'{what}: there was something to lose', len(got) < len(whole))


def check_space(mailtap, top, path, files):
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))

    # Python ignores SIGXFSZ, and so does what it starts
    for jobs in ('1', '4'):
        check_full(f'a limit of file sizes, -j {jobs}', mailtap, path, top / f'limited-{jobs}', files, preexec_fn=small, restore_signals=False)
    disk = top / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=400k', 'none', disk], stderr=subprocess.DEVNULL).returncode:
        print('no right to mount a small disk: not tried')
        return
    try:
        check_full('a full disk', mailtap, path, disk / 'out', files)
    finally:
        subprocess.run(['umount', disk], check=True)


def check_refusals(mailtap, top, path):
    foreign = top / 'foreign'
    foreign.mkdir()
    (foreign / 'letter').touch()
    for words, text in ((['--extract', foreign], 'neither empty'), (['--extract', path], 'Not a directory'), (['--extract', top / 'no' / 'such'], 'No such'),
                        (['--extract', top / 'x', '--no-content'], 'nothing to extract'), (['--extract', top / 'x', '--privacy', 'hash'], 'as they are'),
                        (['--extract-kinds', 'parts'], 'for --extract'), (['--extract', top / 'x', '--extract-kinds', 'some'], 'messages, parts or both')):
        _, said = run(mailtap, '-r', path, *words, code=1)
        check(f'{words} says {text!r}: {said!r}', text in said)
    check('nothing was touched', sorted(os.listdir(foreign)) == ['letter'])


def main():
    mailtap, dialogue_test, samples, dialogues = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / 'pcaps').mkdir()
        check_all(mailtap, all_captures(dialogue_test, samples, [dialogues], top / 'pcaps'), top)
        path, files = check_hostile(mailtap, top)
        check_links(mailtap, top, path, files)
        check_space(mailtap, top, path, files)
        check_refusals(mailtap, top, path)
    sys.exit(failures != 0)


main()
