#!/usr/bin/env python3
"""What mailtap says of IMAP and POP3 sessions, against what the mailboxes' own server says and what the clients did.

    mailbox.py PROGRAM FOLDER ADDRESS PASSWORD

Called by mailbox.sh, which has started Dovecot, by FOLDER/dovecot.conf, and records all packets to FOLDER/all.pcap. imaplib,
poplib, mbsync (which turns COMPRESS on), offlineimap, fetchmail and curl, each as a user of its own, do with the mailboxes
what clients do. Before and after, doveadm tells what is in them: the facts of the session records (opened, listed,
fetched, appended, copied, moved, flagged, deleted, expunged, searched, IDLE, ID, QUOTA, ACL, capabilities; of POP3 the
maildrop, what was fetched, deleted and left, how often clients came) must say just that.
"""
import imaplib, json, os, poplib, re, shutil, socket, ssl, subprocess, sys, time, zlib

PROGRAM, FOLDER, ADDRESS, PASSWORD = sys.argv[1:] if len(sys.argv) == 5 else sys.exit(__doc__)


class Failed(Exception):
    pass


checks, wrong = 0, []


def same(what, said, truth):
    global checks
    checks += 1
    if said != truth:
        wrong.append(f'{what}: mailtap says {said!r}, but it is {truth!r}')


# --- the server ---

class Server:
    def __init__(self, folder):
        self.configuration = folder + '/dovecot.conf'

    def tell(self, *words, **options):
        return run('doveadm', '-c', self.configuration, *words, **options)

    def json(self, *words):
        return json.loads(self.tell('-f', 'json', *words))

    def fill(self, user, mailbox, messages):
        if mailbox != 'INBOX':
            self.tell('mailbox', 'create', '-u', user, mailbox)
        for message in messages:
            self.tell('save', '-u', user, '-m', mailbox, input=message)

    def state(self, user):
        """{mailbox: {uid: facts}} as the server has it."""
        boxes = {}
        for name in self.tell('mailbox', 'list', '-u', user).decode().splitlines():
            boxes[name] = {}
        for m in self.json('fetch', '-u', user, 'mailbox uid flags size.virtual date.received', 'ALL'):
            flags = sorted(f for f in m['flags'].split() if f != '\\Recent')
            boxes[m['mailbox']][int(m['uid'])] = {'flags': flags, 'size': int(m['size.virtual']), 'date': m['date.received']}
        return boxes

    def status(self, user, mailbox):
        words = 'messages recent uidnext uidvalidity unseen highestmodseq vsize'
        (told,) = self.json('mailbox', 'status', '-u', user, words, mailbox)
        return {key: int(value) for key, value in told.items() if key != 'mailbox'}

    def found(self, user, mailbox, *query):
        return len(self.json('search', '-u', user, 'mailbox', mailbox, *query))


def run(*words, input=None, env=None, fine=(0,), timeout=30):
    result = subprocess.run(words, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env=env)
    if result.returncode not in fine:
        raise Failed(f'{" ".join(words)[:300]} ended with {result.returncode}: {result.stderr.decode(errors="replace")[-500:]}'
                     f'{result.stdout.decode(errors="replace")[-300:]}')
    return result.stdout


def write(path, text):
    with open(path, 'w') as out:
        out.write(text)


def until(ready, what, seconds=10):
    end = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise Failed(what + ' does not answer')
        time.sleep(0.05)


def message(number, size=200, subject=None):
    subject = subject or f'number {number}'
    lines = ''.join(f'.line {i} of {number}\r\n' for i in range(size // 18))
    return (f'From: alice{number}@example.org\r\nTo: bob@example.net\r\nSubject: {subject}\r\n'
            f'Message-ID: <{number}.{size}@example.org>\r\nDate: Sun, 1 Nov 2026 10:00:0{number % 10} +0100\r\n\r\n{lines}').encode()


MIXED = (b'From: alice@example.org\r\nTo: bob@example.net\r\nSubject: =?UTF-8?Q?caf=C3=A9?=\r\nMessage-ID: <mixed@example.org>\r\n'
         b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n'
         b'--b\r\nContent-Type: application/pdf; name="bill.pdf"\r\nContent-Disposition: attachment; filename="bill.pdf"\r\n'
         b'Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n')


# --- IMAP by Python's own library: every fact there is ---

def quoted(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def idle(client, seconds):
    """imaplib knows no IDLE before Python 3.14."""
    tag = client._new_tag()
    begins = time.monotonic()
    client.send(tag + b' IDLE\r\n')
    while not client.readline().startswith(b'+'):
        pass
    time.sleep(seconds)
    client.send(b'DONE\r\n')
    while not client.readline().startswith(tag):
        pass
    return time.monotonic() - begins


def ok(answer):
    if answer[0] not in ('OK', 'BYE'):
        raise Failed(f'imaplib was told {answer!r}')
    return answer[1]


def use_imaplib(server):
    user = 'imaplib'
    server.fill(user, 'INBOX', [message(1), message(2, 3000), message(3, 40000), MIXED, message(5), message(6), message(7)])
    server.fill(user, 'Work', [message(8)])
    did = {'before': server.state(user), 'inbox': server.status(user, 'INBOX'), 'work': server.status(user, 'Work')}
    imaplib.Commands['ID'] = imaplib.Commands['MOVE'] = ('NONAUTH', 'AUTH', 'SELECTED')
    client = imaplib.IMAP4(ADDRESS)
    did['caps_before'] = list(client.capabilities)
    did['server_id'] = ok(client._simple_command('ID', '("name" "mailbox.py" "version" "3" "os" "Linux" "answer" "42")'))
    ok(client.login(user, PASSWORD))
    did['caps'] = ok(client.capability())[0].decode().split()
    ok(client.namespace())
    ok(client.create('"Entw&APw-rfe"'))
    ok(client.setacl('INBOX', 'poplib', 'lrs'))
    ok(client.getacl('INBOX'))
    ok(client.myrights('Work'))
    ok(client.getquotaroot('INBOX'))
    did['quota'] = server.json('quota', 'get', '-u', user)
    did['acl'] = server.json('acl', 'get', '-u', user, 'INBOX')
    ok(client.select('INBOX'))
    did['searched'] = [server.found(user, 'INBOX', 'FROM', 'alice3'), server.found(user, 'INBOX', 'LARGER', '1000'),
                       server.found(user, 'INBOX', 'SUBJECT', 'café')]
    ok(client.search(None, 'FROM', '"alice3"'))
    ok(client.uid('SEARCH', 'LARGER', '1000'))
    client.literal = 'café'.encode()
    ok(client.uid('SEARCH', 'CHARSET', 'UTF-8', 'SUBJECT'))
    ok(client.fetch('1:*', '(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)'))
    octets = [did['before']['INBOX'][n]['size'] for n in (1, 2, 3)]
    told = ok(client.fetch('1:3', '(BODY.PEEK[] UID RFC822.SIZE)'))
    same('octets of three whole messages', [len(t[1]) for t in told if isinstance(t, tuple)], octets)
    headers = [t[1] for t in ok(client.fetch('4:5', '(BODY.PEEK[HEADER])')) if isinstance(t, tuple)]
    fields = [t[1] for t in ok(client.fetch('6', '(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])')) if isinstance(t, tuple)]
    pieces = [t[1] for t in ok(client.fetch('4', '(BODY.PEEK[2] BODY.PEEK[TEXT])')) if isinstance(t, tuple)]
    did['octets_whole'] = octets
    did['headers'] = len(headers) + len(fields)
    did['pieces'] = len(pieces)
    did['octets'] = sum(octets) + sum(map(len, headers + fields + pieces))
    ok(client.store('1:3', '+FLAGS', '(\\Flagged)'))
    ok(client.uid('STORE', '4,5', '+FLAGS.SILENT', '($Work \\Seen)'))
    ok(client.store('1', 'FLAGS', '()'))
    ok(client.copy('1:2', 'Work'))
    ok(client.uid('MOVE', '2:3', '"Entw&APw-rfe"'))
    ok(client.append('Work', '\\Draft', '" 7-Feb-2026 22:43:04 +0100"', message(20, 900)))
    ok(client.append('Work', None, None, message(21)))
    same('append to nowhere', client.append('Nowhere', None, None, message(22))[0], 'NO')
    ok(client.store('1', '+FLAGS', '(\\Deleted)'))
    ok(client.expunge())
    did['idle'] = idle(client, 1.0)
    ok(client.store('1:2', '+FLAGS', '(\\Deleted)'))
    ok(client.store('2', '-FLAGS', '(\\Deleted)'))
    ok(client.close())
    ok(client.select('Work', readonly=True))
    client.logout()
    did['after'] = server.state(user)
    return did


def check_flow(who, session, before, after):
    """Messages do not come from nowhere, nor get lost."""
    total = lambda state: sum(map(len, state.values()))
    gone = session.get('expunged', 0) + session.get('expunged_by_close', 0)
    same(f'{who}: messages in all after, by what came and went', total(before) + session.get('appended', 0)
         + session.get('copied', 0) - gone, total(after))


def check_listed(who, session, state):
    for m in session.get('listed', []):
        truth = state[m['mailbox']][m['imap_uid']]
        same(f'{who}: flags of {m["imap_uid"]}', sorted(f for f in m.get('flags', []) if f != '\\Recent'), truth['flags'])
        if 'size' in m:
            same(f'{who}: size of {m["imap_uid"]}', m['size'], truth['size'])
        if 'internal_date' in m:
            same(f'{who}: date of {m["imap_uid"]}', m['internal_date'][:19].replace('T', ' '), truth['date'])


def check_imaplib(did, records):
    (s,) = [r for r in records if r['type'] == 'session']
    same('capabilities before the login', sorted(map(str.upper, s['caps_before_login'])), sorted(did['caps_before']))
    same('capabilities behind it', s['caps'], did['caps'])
    same('client ID', s['client_id'], {'name': 'mailbox.py', 'version': '3', 'os': 'Linux', 'other': ['answer=42']})
    same('server ID', s['server_id']['name'], 'Dovecot')
    same('namespaces', s['namespaces'], [{'kind': 'personal', 'prefix': '', 'delimiter': '/'}])
    same('quotas', sorted((q['root'], q['resource'], q['used'], q['limit']) for q in s['quota']),
         sorted(('User quota', q['type'], int(q['value']), int(q['limit'])) for q in did['quota']))
    check_acl(s['acl'], did['acl'])
    box, work = did['inbox'], did['work']
    truth = [{'mailbox': 'INBOX', 'exists': box['messages'], 'uidvalidity': box['uidvalidity'], 'uidnext': box['uidnext']},
             {'mailbox': 'Work', 'exists': work['messages'] + 4, 'uidvalidity': work['uidvalidity'], 'uidnext': work['uidnext'] + 4,
              'read_only': True}]
    same('mailboxes opened', [{k: v for k, v in o.items() if k in truth[1]} for o in s['opened']], truth)
    same('names of them', s['mailboxes'], ['INBOX', 'Work'])
    same('searches', (s['searches'], s['search_hits']), (3, sum(did['searched'])))
    same('search criteria', s['search_criteria'], ['FROM "alice3"', 'LARGER 1000', 'CHARSET UTF-8 SUBJECT "café"'])
    same('messages listed', s['listed_messages'], box['messages'])
    check_listed('imaplib', s, did['before'])
    (mixed,) = [m for m in s['listed'] if m['imap_uid'] == 4]
    same('envelope', (mixed['subject'], mixed['from'], mixed['to'], mixed['message_id'], mixed['types'], set(mixed['names'])),
         ('café', ['alice@example.org'], ['bob@example.net'], '<mixed@example.org>', ['text/plain', 'application/pdf'], {'bill.pdf'}))
    same('fetched', (s['fetched_whole'], s['fetched_headers'], s['fetched_parts'], s['fetched_octets']),
         (3, did['headers'], did['pieces'], did['octets']))
    whole = [m for m in records if m['type'] == 'message' and m['via'] == 'FETCH' and m['section'] == '']
    same('their UIDs and sizes, told behind the text', [(m['imap_uid'], m['rfc822_size'], m['size']) for m in whole],
         [(n, size, size) for n, size in zip((1, 2, 3), did['octets_whole'])])
    same('flagged', s['flagged'], 3 + 2 + 1 + 1)
    same('copied and moved', (s['copied'], s['moved']), (2, 2))
    same('appended', (s['appended'], s['appended_octets']), (2, len(message(20, 900)) + len(message(21))))
    same('deleted', (s['deleted'], s['expunged'], s['expunged_by_close']), (3, 1, 1))
    if abs(s['idle_us'] / 1e6 - did['idle']) > 0.2:
        same('time in IDLE', s['idle_us'], did['idle'])
    check_flow('imaplib', s, did['before'], did['after'])
    same('moved to', len(did['after']['Entwürfe']), s['moved'])


def check_acl(said, truth):
    # doveadm names the rights, IMAP has letters (RFC 4314).
    letters = dict(lookup='l', read='r', write='w', **{'write-seen': 's', 'write-deleted': 't'}, insert='i', post='p', expunge='e',
                   create='k', delete='x', admin='a')
    entries = {a['who'] if 'who' in a else None: set(a['rights']) for a in said}
    truth = {t['id'].replace('user=', ''): {letters[word] for word in t['rights'].split()} for t in truth}
    same('rights of poplib at INBOX', entries['poplib'], truth['poplib'])
    same('rights, as one\'s own', None in entries and 'l' in entries[None] and 'r' in entries[None], True)


# --- COMPRESS, in clear and inside TLS ---

class Deflated:
    """A socket's file behind COMPRESS DEFLATE (RFC 4978)."""

    def __init__(self, sock):
        self.sock, self.out, self.into, self.read_ahead = sock, zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15), b''

    def send(self, octets):
        self.sock.sendall(self.out.compress(octets) + self.out.flush(zlib.Z_SYNC_FLUSH))

    def receive(self):
        octets = self.sock.recv(65536)
        if not octets:
            raise Failed('Dovecot closed a compressed connection')
        self.read_ahead += self.into.decompress(octets)

    def readline(self):
        while b'\n' not in self.read_ahead:
            self.receive()
        line, _, self.read_ahead = self.read_ahead.partition(b'\n')
        return line + b'\n'

    def read(self, size):
        while len(self.read_ahead) < size:
            self.receive()
        octets, self.read_ahead = self.read_ahead[:size], self.read_ahead[size:]
        return octets


def use_compress(server, user, folder):
    server.fill(user, 'INBOX', [message(1, 2000), message(2, 60000)])
    before = server.state(user)
    imaplib.Commands['COMPRESS'] = ('AUTH',)
    if user == 'secure':
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.keylog_filename = folder + '/keys'
        client = imaplib.IMAP4_SSL(ADDRESS, ssl_context=context)
    else:
        client = imaplib.IMAP4(ADDRESS)
    ok(client.login(user, PASSWORD))
    ok(client._simple_command('COMPRESS', 'DEFLATE'))
    layer = Deflated(client.sock)
    client.send, client.readline, client.read = layer.send, layer.readline, layer.read
    ok(client.select('INBOX'))
    ok(client.fetch('1:2', '(UID FLAGS)'))
    octets = sum(len(t[1]) for t in ok(client.fetch('1:2', '(BODY.PEEK[])')) if isinstance(t, tuple))
    ok(client.append('INBOX', None, None, message(3, 5000)))
    ok(client.store('1', '+FLAGS', '(\\Deleted)'))
    ok(client.expunge())
    client.logout()
    return {'before': before, 'after': server.state(user), 'octets': octets, 'user': user}


def check_compress(did, records):
    who = did['user']
    (s,) = [r for r in records if r['type'] == 'session']
    same(who + ': compression', s['compression'], 'deflate')
    same(who + ': decrypted', s.get('decrypted', False), who == 'secure')
    same(who + ': more comes out than went in', s['inflated_s2c'] > s['bytes_s2c'], True)
    same(who + ': opened', s['opened'][0]['exists'], len(did['before']['INBOX']))
    check_listed(who, s, did['before'])
    same(who + ': fetched', (s['listed_messages'], s['fetched_whole'], s['fetched_octets']), (2, 2, did['octets']))
    same(who + ': octets', did['octets'], sum(m['size'] for m in did['before']['INBOX'].values()))
    same(who + ': appended', (s['appended'], s['appended_octets']), (1, len(message(3, 5000))))
    same(who + ': deleted', (s['deleted'], s['expunged']), (1, 1))
    same(who + ': commands with a reply', {c.get('result') for c in s['commands']}, {'OK'})
    check_flow(who, s, did['before'], did['after'])


# --- clients that synchronise ---

def maildir_add(folder, name, octets):
    for part in ('cur', 'new', 'tmp'):
        os.makedirs(f'{folder}/{part}', exist_ok=True)
    with open(f'{folder}/new/{name}', 'wb') as out:
        out.write(octets.replace(b'\r\n', b'\n'))


def maildir_files(folder):
    return sorted(f'{folder}/{part}/{name}' for part in ('cur', 'new') for name in os.listdir(f'{folder}/{part}'))


def synchronise(server, user, sync, local):
    """First all is fetched; then one is flagged here, one deleted, one is new. Each round: what doveadm says before and behind."""
    server.fill(user, 'INBOX', [message(n, 300 * n) for n in range(1, 6)])
    rounds = []
    states = [server.state(user)]
    sync()
    states.append(server.state(user))
    files = maildir_files(local)
    same(user + ': messages here', len(files), 5)
    by_subject = {re.search(rb'^Subject: number (\d)', open(f, 'rb').read(), re.M).group(1): f for f in files}
    os.unlink(by_subject[b'2'])
    flagged = by_subject[b'3']
    name = os.path.basename(flagged)
    name = name + 'F' if ':2,' in name else name + ':2,F'
    os.rename(flagged, f'{local}/cur/{"".join(name.split(":2,")[0])}:2,{"".join(sorted(set(name.split(":2,")[1])))}')
    maildir_add(local, f'{int(time.time())}.M1P1.here', message(9, 700))
    sync()
    states.append(server.state(user))
    return {'states': states, 'user': user}


def use_mbsync(server, folder):
    local = folder + '/mbsync-mail'
    os.makedirs(local)
    write(folder + '/mbsyncrc', f"""
IMAPAccount dovecot
Host {ADDRESS}
Port 143
User mbsync
Pass {quoted(PASSWORD)}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account dovecot

MaildirStore near
Path {local}/
Inbox {local}/INBOX

Channel mail
Far :far:
Near :near:
Patterns INBOX
Create Both
Expunge Both
SyncState *
""")
    return synchronise(server, 'mbsync', lambda: run('mbsync', '-q', '-c', folder + '/mbsyncrc', 'mail'), local + '/INBOX')


def use_offlineimap(server, folder):
    local = folder + '/offlineimap-mail'
    write(folder + '/offlineimaprc', f"""
[general]
accounts = a
metadata = {folder}/offlineimap-state
ui = quiet
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {local}
[Repository far]
type = IMAP
remotehost = {ADDRESS}
remoteport = 143
remoteuser = offlineimap
remotepass = {PASSWORD}
ssl = no
starttls = no
folderfilter = lambda name: name == 'INBOX'
""")
    return synchronise(server, 'offlineimap', lambda: run('offlineimap', '-o', '-c', folder + '/offlineimaprc'), local + '/INBOX')


def check_synchronised(did, records):
    who = did['user']
    sessions = [r for r in records if r['type'] == 'session']
    first, second = did['states'][0]['INBOX'], did['states'][2]['INBOX']
    same(who + ': the server after', sorted(m['size'] for m in second.values()),
         sorted([m['size'] for n, m in first.items() if n != 2] + [second[max(second)]['size']]))
    total = lambda key: sum(s.get(key, 0) for s in sessions)
    same(who + ': fetched', (total('fetched_whole'), total('fetched_octets')), (5, sum(m['size'] for m in first.values())))
    same(who + ': appended', (total('appended'), total('appended_octets')), (1, second[max(second)]['size']))
    same(who + ': deleted', (total('deleted'), total('expunged') + total('expunged_by_close')), (1, 1))
    same(who + ': flagged on the server', [n for n, m in second.items() if '\\Flagged' in m['flags']], [3])
    opened = [o for s in sessions for o in s.get('opened', []) if o['mailbox'] == 'INBOX']
    same(who + ': messages, as opened', {o['exists'] for o in opened} <= {5, 6, len(second)} and opened[0]['exists'], 5)
    same(who + ': commands without a reply', [c for s in sessions for c in s['commands'] if 'result' not in c], [])
    if who == 'mbsync':
        same('mbsync: compression', [s.get('compression') for s in sessions], ['deflate'] * len(sessions))
    for s in sessions:
        if s is sessions[0]:
            check_listed(who, s, did['states'][0])


# --- POP3 ---

def sizes(server, user):
    return [m['size'] for _, m in sorted(server.state(user)['INBOX'].items())]


def use_poplib(server):
    user = 'poplib'
    server.fill(user, 'INBOX', [message(n, 400 * n) for n in range(1, 6)])
    did = {'sizes': [sizes(server, user)]}

    def begin():
        client = poplib.POP3(ADDRESS)
        client.user(user)
        client.pass_(PASSWORD)
        return client
    client = begin()
    did['stat'] = [client.stat()]
    client.list()
    client.uidl()
    did['retr'] = client.retr(2)[2], client.retr(5)[2]
    client.top(1, 0)
    client.top(3, 2)
    client.dele(1)
    client.rset()
    client.dele(2)
    client.dele(5)
    client.quit()
    did['sizes'].append(sizes(server, user))
    client = begin()  # without QUIT nothing goes
    client.list()
    client.dele(1)
    client.sock.shutdown(socket.SHUT_RDWR)
    client.sock.close()
    until(lambda: len(server.tell('who').decode().splitlines()) < 2, 'the end of a POP3 session')
    did['sizes'].append(sizes(server, user))
    client = begin()
    client.uidl()
    client.quit()
    did['sizes'].append(sizes(server, user))
    return did


def check_poplib(did, records):
    sessions = [r for r in records if r['type'] == 'session']
    same('poplib: sessions', len(sessions), 3)
    a, b, c = sessions
    first, second, third, _ = did['sizes']
    same('poplib: maildrop by STAT', (a['maildrop_messages'], a['maildrop_octets']), (len(first), sum(first)))
    same('poplib: maildrop by LIST', (b['maildrop_messages'], b['maildrop_octets']), (len(second), sum(second)))
    same('poplib: maildrop by UIDL', (c['maildrop_messages'], c.get('maildrop_octets')), (len(third), None))
    headers = sum(m['size'] for m in records if m['type'] == 'message' and m['via'] == 'TOP')
    same('poplib: fetched', (a['fetched_whole'], a['fetched_headers'], a['fetched_octets']), (2, 2, first[1] + first[4] + headers))
    same('poplib: deleted and left', (a['deleted'], a['left_on_server']), (2, len(second)))
    same('poplib: deleted in vain', (b['deleted'], b['left_on_server']), (1, len(third)))
    same('poplib: left', c['left_on_server'], len(did['sizes'][3]))
    check_intervals('poplib', sessions)


def check_intervals(who, sessions):
    begins = [seconds_of(s['ts']) for s in sessions]
    said = [s.get('since_last_us') for s in sessions]
    same(who + ': polling intervals', said, [None] + [round((b - a) * 1e6) for a, b in zip(begins, begins[1:])])


def seconds_of(ts):
    whole, _, fraction = ts.rstrip('Z').partition('.')
    return (int(time.mktime(time.strptime(whole, '%Y-%m-%dT%H:%M:%S'))) * 10**6 + int(fraction)) / 1e6


def use_fetchmail(server, folder):
    user = 'fetchmail'
    server.fill(user, 'INBOX', [message(n, 500 * n) for n in range(1, 5)])
    states = [sizes(server, user)]

    def fetch(account, protocol, *words):
        write(folder + '/fetchmailrc', f'poll {ADDRESS} proto {protocol} {"uidl" if protocol == "pop3" else ""} user {account} password {quoted(PASSWORD)} '
              f'mda "cat >/dev/null" sslproto "" {" ".join(words)}\n')
        os.chmod(folder + '/fetchmailrc', 0o600)
        env = dict(os.environ, FETCHMAILHOME=folder + '/fetchmail-' + account, HOME=folder)
        os.makedirs(env['FETCHMAILHOME'], exist_ok=True)
        run('fetchmail', '-s', '--nodetach', '-d', '0', '-f', folder + '/fetchmailrc', env=env, fine=(0, 1))
    fetch(user, 'pop3', 'keep')
    states.append(sizes(server, user))
    server.fill(user, 'INBOX', [message(9, 50)])
    states.append(sizes(server, user))
    fetch(user, 'pop3', 'nokeep')
    states.append(sizes(server, user))
    server.fill('fetchimap', 'INBOX', [message(n, 500 * n) for n in range(1, 4)])
    before = server.state('fetchimap')
    fetch('fetchimap', 'imap', 'nokeep')
    return {'states': states, 'imap': (before, server.state('fetchimap'))}


def check_fetchmail(did, records):
    sessions = [r for r in records if r['type'] == 'session' and r['user'] == 'fetchmail']
    kept, emptied = sessions
    first, _, third, last = did['states']
    same('fetchmail: maildrop', [(s['maildrop_messages'], s['maildrop_octets']) for s in sessions],
         [(len(first), sum(first)), (len(third), sum(third))])
    same('fetchmail: kept', (kept['fetched_whole'], kept['fetched_octets'], kept.get('deleted', 0), kept['left_on_server']),
         (4, sum(first), 0, 4))
    same('fetchmail: taken', (emptied['fetched_whole'], emptied['fetched_octets'], emptied['left_on_server']),
         (1, third[4], len(last)))
    same('fetchmail: deleted', emptied['deleted'], len(third) - len(last))
    check_intervals('fetchmail', sessions)
    (s,) = [r for r in records if r['type'] == 'session' and r['user'] == 'fetchimap']
    before, after = did['imap']
    same('fetchmail by IMAP: deleted', (s['deleted'], s['expunged']), (3, 3))
    same('fetchmail by IMAP: octets', s['fetched_octets'], sum(m['size'] for m in before['INBOX'].values()))
    check_flow('fetchmail by IMAP', s, before, after)


def use_curl(server, folder):
    user = 'curl'
    server.fill(user, 'INBOX', [message(n, 600 * n) for n in range(1, 5)])
    before = server.state(user)
    write(folder + '/curl-upload', message(30, 900).decode())

    def curl(url, *words):
        return run('curl', '-s', '-S', '--max-time', '10', '--user', f'{user}:{PASSWORD}', url, *words, fine=(0, 8, 56, 78))
    curl(f'pop3://{ADDRESS}/')
    curl(f'pop3://{ADDRESS}/2')
    curl(f'pop3://{ADDRESS}/1', '-X', 'DELE', '--head')
    popped = server.state(user)
    curl(f'imap://{ADDRESS}/INBOX;UID=2')
    curl(f'imap://{ADDRESS}/INBOX', '-X', 'UID STORE 3 +FLAGS (\\Deleted)')
    curl(f'imap://{ADDRESS}/INBOX', '-X', 'EXPUNGE')
    curl(f'imap://{ADDRESS}/INBOX', '-T', folder + '/curl-upload')
    curl(f'imap://{ADDRESS}/INBOX?ALL')
    return {'before': before, 'popped': popped, 'after': server.state(user)}


def check_curl(did, records):
    of = lambda proto: [r for r in records if r['type'] == 'session' and r['proto'] == proto]
    before = did['before']['INBOX']
    listing, retrieved, deleted = of('pop3')
    same('curl: LIST', (listing['maildrop_messages'], listing['maildrop_octets'], listing['left_on_server']),
         (4, sum(m['size'] for m in before.values()), 4))
    same('curl: RETR', (retrieved['fetched_whole'], retrieved['fetched_octets']), (1, before[2]['size']))
    same('curl: DELE', deleted['deleted'], len(before) - len(did['popped']['INBOX']))
    check_intervals('curl', of('pop3'))
    fetched, marked, expunged, appended, searched = of('imap')
    same('curl: FETCH', (fetched['fetched_whole'], fetched['fetched_octets'], fetched['opened'][0]['exists']),
         (1, before[2]['size'], len(did['popped']['INBOX'])))
    same('curl: STORE', marked['deleted'], 1)
    same('curl: EXPUNGE', expunged['expunged'], 1)
    same('curl: APPEND', (appended['appended'], appended['appended_octets']), (1, len(message(30, 900))))
    same('curl: SEARCH', (searched['searches'], searched['search_hits'], searched['search_criteria']), (1, len(did['after']['INBOX']), ['ALL']))
    same('curl: in the mailbox after', len(did['after']['INBOX']), len(did['popped']['INBOX']) - 1 + 1)


# --- all of it ---

def check_summary(program, capture, keys, records):
    """The sums of the summary are those of the records."""
    text = run(program, '-r', capture, '--keylog', keys, '-o', 'summary').decode()
    sessions = [r for r in records if r['type'] == 'session']

    def row(name, proto, key, count=lambda v: v):
        line = next(l for l in text.splitlines() if l.strip().startswith(name + '  '))
        cells = re.split(r'  +', line.strip())[1:]
        total = sum(count(s.get(key, 0)) for s in sessions if s['proto'] == proto)
        same(f'summary: {name}, {proto}', cells[{'pop3': 0, 'imap': -1}[proto]].replace(',', '').replace(' ', ''), str(total))
    row('mailboxes opened', 'imap', 'opened', lambda v: len(v or []))
    row('messages fetched whole', 'pop3', 'fetched_whole')
    row('messages fetched whole', 'imap', 'fetched_whole')
    row('messages stored', 'imap', 'appended')
    row('messages copied', 'imap', 'copied')
    row('messages moved', 'imap', 'moved')
    row('messages flagged', 'imap', 'flagged')
    row('messages marked for deletion', 'pop3', 'deleted')
    row('messages marked for deletion', 'imap', 'deleted')
    row('messages expunged', 'imap', 'expunged')
    row('messages left on the server', 'pop3', 'left_on_server')
    row('searches', 'imap', 'searches')


def check_one_sided(program, folder, records):
    """Compressed sessions of which one direction was captured: what is read inside is the same as far as that side says it."""
    whole = {r['client_port']: r for r in records if r['type'] == 'session' and r.get('compression') and not r.get('decrypted')}
    for side, facts in ('src', ['fetched_whole', 'fetched_octets', 'inflated_s2c']), ('dst', ['verbs', 'inflated_c2s']):
        capture = f'{folder}/{side}.pcap'
        run('tcpdump', '-r', folder + '/all.pcap', '-w', capture, f'{side} host {ADDRESS} and port 143')
        lines = run(program, '-r', capture, '-o', 'json').decode().splitlines()
        half = {r['client_port']: r for r in map(json.loads, lines) if r['type'] == 'session'}
        for port, session in whole.items():
            same(f'{side} only, {session["user"]}: compression', half[port].get('compression'), 'deflate')
            for fact in facts:
                same(f'{side} only, {session["user"]}: {fact}', half[port].get(fact), session.get(fact))


def recorded(capture):
    """All that was sent stands in the capture when what is sent last does."""
    mark = b'that was all %d' % os.getpid()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(mark, (ADDRESS, 9))
    until(lambda: mark in open(capture, 'rb').read(), 'tcpdump')


def test(program, folder):
    server = Server(folder)
    capture, keys = folder + '/all.pcap', folder + '/keys'
    write(keys, '')
    steps = [(use_imaplib, (server,), check_imaplib, ('imaplib',)),
             (use_compress, (server, 'deflate', folder), check_compress, ('deflate',)),
             (use_compress, (server, 'secure', folder), check_compress, ('secure',)),
             (use_mbsync, (server, folder), check_synchronised, ('mbsync',)),
             (use_offlineimap, (server, folder), check_synchronised, ('offlineimap',)),
             (use_poplib, (server,), check_poplib, ('poplib',)),
             (use_fetchmail, (server, folder), check_fetchmail, ('fetchmail', 'fetchimap')),
             (use_curl, (server, folder), check_curl, ('curl',))]
    done = [(use(*args), check, users) for use, args, check, users in steps]
    recorded(capture)
    lines = run(program, '-r', capture, '--keylog', keys, '--hash', 'all', '-o', 'json').decode()
    same('a password was written', PASSWORD in lines, False)
    records = [json.loads(line) for line in lines.splitlines()]
    for did, check, users in done:
        mine = {r['uid'] for r in records if r['type'] == 'session' and r.get('user') in users}
        try:
            check(did, sorted((r for r in records if r.get('uid') in mine), key=lambda r: r['ts']))
        except (KeyError, ValueError, IndexError) as e:
            wrong.append(f'{users[0]}: a session or a fact is missing, or one too many: {type(e).__name__} {e}')
    check_one_sided(program, folder, records)
    check_summary(program, capture, keys, records)
    if wrong:
        raise Failed('\n  '.join(wrong))
    sessions = sum(r['type'] == 'session' for r in records)
    print(f'{sessions} sessions of eight clients did what Dovecot says they did: {checks} facts')


try:
    test(PROGRAM, FOLDER)
except (Failed, subprocess.TimeoutExpired) as e:
    sys.exit(f'FAILED: {e}')
