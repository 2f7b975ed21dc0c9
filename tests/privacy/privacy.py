#!/usr/bin/env python3
"""--privacy: what names a person in a capture stands in no output; what is hashed can still be joined.
usage: privacy.py MAILTAP DIALOGUE_TEST SAMPLES DIALOGUES

Marks are words that hold "zq". They stand wherever a person may be named; without --privacy each is found in the records,
which shows that the test could fail."""
import base64
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from captures import all_captures # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def b64(text):
    return base64.b64encode(text.encode('latin-1')).decode()


def archive():
    import io
    import zipfile
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as z:
        z.writestr('zqfolder96/zqmember97.exe', 'x')
    return base64.b64encode(data.getvalue()).decode()


ZIP = archive()
MARKED = {
    'smtp': fr'''
S: 220 zqmx1.example ESMTP welcome zqowner2
C: EHLO zqlaptop3.example
S: 250-zqmx1.example hello zqlaptop3.example
S: 250-SIZE 1000000
S: 250-X-ZQCAP9 zqcap10
S: 250 AUTH PLAIN LOGIN
C: AUTH PLAIN {b64("zqauthz11" + chr(0) + "zquser12" + chr(0) + "hunter2")}
S: 235 2.7.0 Welcome zquser12
C: VRFY zqvrfy13
S: 250 Zq Person14 <zqvrfy13@zqmx1.example>
C: EXPN zqlist15
S: 250-<zqmember16@zqmx1.example>
S: 250 <zqmember17@zqmx1.example>
C: MAIL FROM:<zqfrom18@zqdomain19.example> SIZE=10 AUTH=zqparam20+40zq ENVID=zqenvid21
S: 250 2.1.0 zqfrom18@zqdomain19.example sender ok
C: RCPT TO:<@zqroute22.example:zqrcpt23@zqdomain24.example>
S: 550 5.1.1 <zqrcpt23@zqdomain24.example>: no zqnobody25 here
C: RCPT TO:<zqrcpt26@[192.0.2.9]>
S: 250 2.1.5 ok for Zqrcpt26
C: DATA
S: 354 go zqgo27
C: Return-Path: <zqreturn28@zqx.example>
C: Received: from zqhop29.example (zqhop30 [192.0.2.7]) by zqhop31.example with ESMTP id zqid32 for <zqfor33@zqx.example>; Sun, 22 Nov 2026 10:00:00 +0000
C: From: Zq Name34 <zqhdr35@zqx.example>, "zqquoted36" <zqhdr37@zqx.example>
C: Sender: zqsender38@zqx.example
C: Reply-To: zqgroup39: zqreply40@zqx.example;
C: To: zqto41@zqx.example (zqcomment42)
C: Cc: =?utf-8?q?zqword43?= <zqcc44@zqx.example>
C: Bcc: zqbcc45@zqx.example
C: Subject: hello zqsubject46
C: Date: Sun, 22 Nov 2026 10:00:00 +0000 (zqdate47)
C: Message-ID: <zqid48@zqx.example>
C: In-Reply-To: <zqid49@zqx.example>
C: References: <zqid50@zqx.example> <zqid51@zqx.example>
C: User-Agent: zqagent52
C: X-Originating-IP: [zqip53]
C: List-Id: <zqlist54.example>
C: List-Unsubscribe: <mailto:zqunsub55@zqx.example>
C: Auto-Submitted: zqauto56
C: DKIM-Signature: v=1; d=zqdkim57.example; s=zqsel58; b=x
C: List-Post: <mailto:zqpost71@zqx.example>
C: Precedence: zqprec72
C: Importance: zqimp73
C: X-Priority: zqprio74
C: ARC-Seal: i=1; cv=zqcv75; d=zqarc76.example; s=x; b=x
C: Authentication-Results: zqserv59.example; dkim=pass header.d=zqdkim60.example
C: MIME-Version: 1.0
C: Content-Type: multipart/mixed; boundary="b"
C:
C: --b
C: Content-Type: text/html
C:
C: <a href="http://zqlink61.example/zqpath62">http://zqshown63.example/</a>
C: --b
C: Content-Type: application/pdf; name="zqname64.pdf"
C: Content-Disposition: attachment; filename="zqfile65.pdf"
C: Content-ID: <zqcid66@x>
C: Content-Description: zqdesc67
C:
C: x
C: --b
C: Content-Type: zqtype77/zqsub78; charset=zqcharset79; name*0*=utf-8''zqcont80; name*1="zqinued81"
C: Content-Transfer-Encoding: zqenc82
C: Content-Disposition: zqdisp83; filename="zqother84"
C:
C: x
C: --b
C: Content-Type: message/rfc822
C:
C: From: zqinner85@zqx.example
C: Subject: zqinner86
C:
C: https://zqplain87.example/zqplain88
C: --b
C: Content-Type: multipart/report; report-type=delivery-status; boundary="c"
C:
C: --c
C: Content-Type: message/delivery-status
C:
C: Reporting-MTA: dns; zqmta89.example
C:
C: Final-Recipient: rfc822; zqfinal90@zqx.example
C: Original-Recipient: rfc822; zqorig91@zqx.example
C: Action: zqaction92
C: Status: 5.1.1
C: Remote-MTA: dns; zqremote93.example
C: Diagnostic-Code: smtp; 550 5.1.1 <zqdiag94@zqx.example> unknown
C:
C: --c--
C: --b
C: Content-Type: application/zip; name=zqzip95.zip
C: Content-Transfer-Encoding: base64
C:
C: {ZIP}
C: --b--
C: .
S: 250 2.0.0 ok queued as ZQQUEUE68
C: zqcommand69 zqargument70
S: 500 5.5.2 zqcommand69 unknown
C: MAIL FROM:<>
S: 250 ok
C: QUIT
S: 221 bye zqlaptop3.example
''',
    'pop3': fr'''
S: +OK zqpop1 ready <123.456@zqapop2.example>
C: USER zqpopuser3
S: +OK hello zqpopuser3
C: PASS hunter2
S: +OK zqpopuser3 has 1 message
C: LIST
S: +OK 1 message zqscan4
S: 1 20
S: .
C: UIDL 1
S: +OK 1 zquidl5
C: RETR 1
S: +OK zqretr6
S: From: zqpopfrom7@zqx.example
S: Subject: zqpopsubject8
S:
S: body
S: .
C: QUIT
S: +OK bye zqpopuser3
''',
    'imap': fr'''
S: * OK [CAPABILITY IMAP4rev1] zqimap1 ready
C: zqtag2 LOGIN zqimapuser3 hunter2
S: zqtag2 OK [CAPABILITY IMAP4rev1 ZQCAP4] zqimapuser3 logged in
C: a2 SELECT "zqbox5/Zq Box6"
S: * OK [UIDNEXT 2] zqnext7
S: a2 OK [READ-WRITE] zqselected8
C: a3 SEARCH FROM zqsearch9
S: * SEARCH 1
S: a3 NO [ZQRCODE10 zq] zqrtext11
C: a4 FETCH 1 BODY[HEADER.FIELDS (ZQFIELD12)]
S: * 1 FETCH (BODY[HEADER.FIELDS (ZQFIELD12)] {{28}}
S| Zqfield12: zqvalue13@x.org\r\n\r\n
S: )
S: a4 OK done
C: a5 FETCH 1 BODY[]
S: * 1 FETCH (BODY[] {{29}}
S| Subject: zqimapsubject14\r\n\r\nx\r\n
S: )
S: a5 OK done
C: a6 APPEND zqsent15 {{33}}
S: + go
C| From: zqappend16@zqx.example\r\n\r\nx\r\n
C:
S: a6 OK [APPENDUID 1 2] zqdone17
C: a7 LOGOUT
S: * BYE zqbye18
S: a7 OK bye
''',
    'lmtp': r'''
S: 220 zqlmtp1 LMTP
C: LHLO zqlhlo2
S: 250 zqlmtp1
C: MAIL FROM:<zqlfrom3@zqx.example>
S: 250 ok
C: RCPT TO:<"zq rcpt4"@zqx.example>
S: 250 ok
C: RCPT TO:<zqrcpt5@zqx.example>
S: 250 ok
C: DATA
S: 354 go
C: Subject: zqlsubject6
C:
C: x
C: .
S: 250 2.1.5 <"zq rcpt4"@zqx.example> saved
S: 452 4.2.2 <zqrcpt5@zqx.example> zqfull7
C: QUIT
S: 221 bye
''',
}

failures = 0


def check(what, true):
    global failures
    if not true:
        failures += 1
        print(f'not so: {what}')


def run(mailtap, *words):
    return subprocess.run([mailtap, *words], check=True, stdout=subprocess.PIPE).stdout.decode('utf-8', 'replace')


def marks(text):
    return set(re.findall(r'zq[a-z0-9]*[0-9]+', text.lower()))


def parse(out):
    return [json.loads(line) for line in out.splitlines()]


# --- marks ---

def check_marks(mailtap, pcaps, key):
    read = [word for p in pcaps for word in ('-r', p)]
    plain = run(mailtap, *read, '-o', 'json')
    expected = {m for text in MARKED.values() for m in marks(text)}
    seen = marks(plain)
    missing = expected - seen
    print(f'{len(expected)} marks, {len(seen)} of them in the records')
    check(f'most marks are in the records when nothing is asked for (without: {sorted(missing)})', len(seen) > len(expected) * 0.75)
    for level in (['drop'], ['hash'], ['hash', '--privacy-key', key]):
        for form in ('json', 'text', 'summary'):
            out = run(mailtap, *read, '-o', form, '--privacy', *level)
            check(f'{level} {form}: no mark, but {sorted(set(re.findall("[^ ]*zq[^ ]*", out.lower())))[:5]}', 'zq' not in out.lower())
            check(f'{level} {form}: there is output', len(out) > 500)
    return plain


def check_joins(mailtap, pcaps, key, plain):
    read = [word for p in pcaps for word in ('-r', p)]
    hashed = run(mailtap, *read, '-o', 'json', '--privacy', 'hash', '--privacy-key', key)
    check('the same key gives the same', hashed == run(mailtap, *read, '-o', 'json', '--privacy', 'hash', '--privacy-key', key, '-j', '4'))
    other = run(mailtap, *read, '-o', 'json', '--privacy', 'hash')
    check('another key gives others', hashed != other and other != run(mailtap, *read, '-o', 'json', '--privacy', 'hash'))
    records, before = parse(hashed), parse(plain)
    check('as many records', len(records) == len(before))
    smtp = next(r for r in records if r['type'] == 'message' and r['proto'] == 'smtp' and r.get('mail_from'))
    auth = next(r for r in records if r['type'] == 'auth' and r['proto'] == 'smtp')
    check('an address is hashed in two', re.fullmatch(r'h:[0-9a-f]{16}@h:[0-9a-f]{16}', smtp['mail_from']))
    check('the user is the same in both records', auth['user'] == smtp['user'] and auth['user'] != auth['authzid'])
    mail = next(c['arg'] for r in records if r['type'] == 'session' for c in r.get('commands', []) if c.get('verb') == 'MAIL')
    check('the command names the same sender', mail.startswith('FROM:<' + smtp['mail_from'] + '>') or mail.startswith('h:'))
    check('the empty path stays', any(r.get('mail_from') == '' or any(c.get('arg') == 'FROM:<>' for c in r.get('commands', [])) for r in records))
    check('what the server said is kept where it names nobody', '5.1.1' in hashed and 'unknown' in hashed)
    check('each record says so', all(r['privacy'] == 'hash' for r in records))
    domains = {a.split('@')[-1] for a in smtp['from'] + smtp['to'] + smtp['cc']}
    check('domains can be joined', len(domains) == 1)


# --- all dialogues and samples: whatever stands in a private text is in no other one either ---

def rows(path, macro):
    text = re.sub(r'/\*.*?\*/', '', (ROOT / path).read_text(encoding='utf-8'), flags=re.S)
    return [[w.strip().strip('"') for w in m.split(',')] for m in re.findall(r'\b%s\(([^()"]*)' % macro, text)]


def texts(value, key=''):
    if isinstance(value, dict):
        for k, v in value.items():
            yield from texts(v, k)
    elif isinstance(value, list):
        for v in value:
            yield from texts(v, key)
    elif isinstance(value, str):
        yield key, value


def check_all(mailtap, pcaps):
    treated = {(scope, name): how for scope, name, how in rows('src/record/privacy.def', 'PRIVACY')}
    private, others, ours = set(), set(), {'pcap_file', 'os', 'sensor', 'iface'}
    for scope, name, kind in [r[:3] for r in rows('src/record/fields.def', 'FIELD')]:
        if kind in ('TEXT', 'TEXTS') and treated.get((scope, name), 'PRIVATE') in ('PRIVATE', 'ADDRESS'):
            private.add(name)
        elif kind in ('TEXT', 'TEXTS'):
            others.add(name)
        if kind in ('WORD', 'WORDS', 'TIME'):
            ours.add(name)
    private -= others # a key of that name elsewhere may stay
    harmless = set(re.findall(r'"([^"]+)"', (ROOT / 'src/privacy_words.def').read_text(encoding='utf-8')))
    token = re.compile(r'[\w-]{5,}')
    shown = set()
    for pcap in pcaps:
        named, left = set(), set()
        for record in parse(run(mailtap, '-r', pcap, '--any-port', '-o', 'json')):
            named |= {t.lower() for k, v in texts(record) if k in private for t in token.findall(v)}
        for record in parse(run(mailtap, '-r', pcap, '--any-port', '-o', 'json', '--privacy', 'drop')):
            left |= {t.lower() for k, v in texts(record) if k not in ours for t in token.findall(v)}
            check(f'{pcap}: keys that are dropped', not any(v for k, v in texts(record) if k in private and k not in ours))
        named = {t for t in named if t not in harmless and not t.isdigit()}
        shown |= named
        check(f'{pcap}: {sorted(named & left)} are still there', not named & left)
    print(f'{len(pcaps)} captures, {len(shown)} words of persons')
    check('there were words to look for', len(shown) > 100)


def main():
    mailtap, dialogue_test, samples, dialogues = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        marked = []
        for name, text in MARKED.items():
            path = pathlib.Path(folder, f'{name}-marked.txt')
            path.write_text(text.lstrip() + '=\n', encoding='utf-8')
            marked.append(path.with_suffix('.pcap'))
            subprocess.run([dialogue_test, '--pcap', marked[-1], path], check=True, stdout=subprocess.DEVNULL)
        pcaps = all_captures(dialogue_test, samples, [dialogues], folder)
        key = pathlib.Path(folder, 'key')
        key.write_bytes(b'sixteen octets, and some')
        plain = check_marks(mailtap, marked, key)
        check_joins(mailtap, marked, key, plain)
        check_all(mailtap, pcaps)
    sys.exit(failures != 0)


main()
