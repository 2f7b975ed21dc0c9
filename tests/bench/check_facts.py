#!/usr/bin/env python3
"""Compares records with the truth that tests/bench/generate wrote: is every fact found, is none invented?

    check_facts.py [-v] [--need PERCENT] TRUTH RECORDS

TRUTH is the file of --truth, RECORDS what `mailtap -o json` wrote. A fact is demanded where all octets it rests on are in
the capture; one that is said and not true is invented, whatever was lost, unless the record calls it `unsure`. Exit code 1: less than PERCENT (100) of the
demanded facts of a category found, or any invented. Sessions of floods (clients in 10.0.0.0/8) are nobody's fact.
"""
import argparse
import collections
import email.header
import json
import sys

FLOOD = '10.'
EXAMPLES = 10        # of differences, per category


def plain(subject):
    """The subject as read: encoded words decoded, in whatever form the record has it."""
    try:
        return str(email.header.make_header(email.header.decode_header(subject)))
    except (ValueError, LookupError):
        return subject


def answer(text):
    return {'+OK': 'OK', '-ERR': 'ERR'}.get(text, text)


def triples(numbers):
    return [tuple(numbers[i:i + 3]) for i in range(0, len(numbers), 3)]


class Lost:
    """What of a session is not in the capture."""

    def __init__(self, numbers):
        self.spans = triples(numbers)

    def touches(self, at):
        return any(side == s and start < to and end > begin for side, begin, to in at for s, start, end in self.spans)


def true_message(m, add):
    where = triples(m['at'])
    header = where[:2] + [tuple(m['header'])] if len(where) > 2 else [tuple(m['header'])]
    add('size', m['size'], where)
    add('message_id', m['message_id'], header)
    add('subject', m['subject'], header)
    if 'sha256' in m:
        add('message_sha256', m['sha256'], where)
    for a in m['attachments']:
        add('attachment', (a['filename'], a['sha256']), where)


def true_facts(s):
    """All facts of a session, as (category, value, is it demanded)."""
    facts, lost = [], Lost(s['lost'])
    free = s.get('flood', False)

    def add(category, value, at):
        facts.append((category, value, not free and not lost.touches(at)))
    for c in s['commands']:
        at = triples(c['at'])
        add('command', c['verb'], at[:1])
        if c.get('code', c.get('status')):
            add('reply', (c['verb'], answer(c.get('code', c.get('status')))), at[:2])
        if c.get('final_code'):
            add('final reply', (c['verb'], c['final_code']), at)
    add('session', s['protocol'], [] if any(f[2] for f in facts) else [(0, 0, 1 << 62)])
    if s.get('helo'):
        add('helo', s['helo'], triples(s['at']))
        add('caps', ' '.join(sorted(e.split()[0] for e in s['extensions'])), triples(s['at']))
    for a in s['auth']:
        add('auth', (a['mech'], a['user'], a['result']), triples(a['at']))
    for t in s['transactions']:
        add('envelope', t['mail_from'], triples(t['at']))
        for r in t['rcpts']:
            add('recipient', (r['address'], r['code']), triples(r['at']))
            if r.get('delivery_code'):
                add('delivery', (r['address'], r['delivery_code']), triples(r['at']) + triples(t['message']['at']) + [(1, 0, 1 << 62)])
        if 'verdict' in t:
            add('verdict', t['verdict']['code'], triples(t['verdict']['at']))
        if 'message' in t:
            true_message(t['message'], add)
    for m in s['messages']:
        true_message(m, add)
    return facts


def said_by_session(r):
    yield 'session', r['proto'], False
    for c in r.get('commands', []):
        guess = c.get('unsure', False)
        yield 'command', c['verb'], False
        if c.get('code', c.get('result')):
            yield 'reply', (c['verb'], answer(c.get('code', c.get('result')))), guess
        if c.get('final_code') and r['proto'] == 'smtp':
            yield 'final reply', (c['verb'], c['final_code']), guess
    if r.get('helo'):
        yield 'helo', r['helo'], False
    if r.get('caps') and r['proto'] in ('smtp', 'lmtp'):
        yield 'caps', ' '.join(sorted(c.split()[0] for c in r['caps'])), r.get('caps_unsure', False)


def said_by_message(r):
    guess = r.get('unsure', False)
    if r['proto'] in ('smtp', 'lmtp'):
        if 'mail_from' in r:
            yield 'envelope', r['mail_from'], False
        for q in r.get('rcpt', []):
            if q.get('code'):
                yield 'recipient', (q['addr'], q['code']), guess or q.get('unsure', False)
            if q.get('final_code'):
                yield 'delivery', (q['addr'], q['final_code']), guess or q.get('unsure', False)
        if r.get('code') and r.get('via') != 'none' and r['proto'] == 'smtp':
            yield 'verdict', r['code'], guess
    if r.get('via') == 'none':
        return
    if r.get('complete'):
        yield 'size', r['size'], False
        if 'sha256' in r:
            yield 'message_sha256', r['sha256'], False
    if 'message_id' in r:
        yield 'message_id', r['message_id'], False
    if 'subject' in r:
        yield 'subject', plain(r['subject']), False
    for p in r.get('parts', []):
        if p.get('name') and p.get('sha256'):
            yield 'attachment', (p['name'], p['sha256']), False


def said_facts(r):
    """What a record says: category, value, and whether it calls it a guess."""
    if r['type'] == 'session' and r.get('visibility') != 'unrecognised':
        yield from said_by_session(r)
    if r['type'] == 'message':
        yield from said_by_message(r)
    if r['type'] == 'auth' and r.get('result') in ('success', 'failure'):
        # Without a user, whose name was lost, it says no more than mechanism and result.
        nameless = 'user' not in r and 'gap' in r.get('quality', ())
        yield 'auth', (r['mech'], r.get('user'), r['result']), r.get('unsure', False) or nameless


class Score:
    def __init__(self):
        self.demanded, self.found, self.said, self.invented = (collections.Counter() for _ in range(4))
        self.examples = []

    def session(self, key, facts, said):
        """What one connection truly was, and what was said of it."""
        for category in {f[0] for f in facts} | set(said):
            here = [f for f in facts if f[0] == category]
            true, must = collections.Counter(f[1] for f in here), collections.Counter(f[1] for f in here if f[2])
            told, guessed = said.get(category, (collections.Counter(), collections.Counter()))
            told = told + (guessed & (true - told))     # a guess that is right is found, a wrong one is no lie
            if category == 'session':       # one written in parts, or whose middle was lost, has several records
                told = collections.Counter(dict.fromkeys(told, 1))
            self.demanded[category] += must.total()
            self.found[category] += (must & told).total()
            self.said[category] += told.total()
            self.invented[category] += (told - true).total()
            for kind, some in (('missing', must - told), ('invented', told - true)):
                if some and sum(e[0] == category for e in self.examples) < EXAMPLES:
                    self.examples.append((category, f'{" ".join(map(str, key))}: {kind} {list(some.elements())[:3]}'))

    def settle(self):
        """Hashes and attachments that no record speaks of were not asked for."""
        for category in ('message_sha256', 'attachment'):
            if not self.said[category]:
                self.demanded.pop(category, None)
                self.examples = [e for e in self.examples if e[0] != category]

    def share(self):
        """The least share of demanded facts found in any category, in percent."""
        return min((100 * self.found[c] / n for c, n in self.demanded.items() if n), default=100.0)


def compare(truth, records):
    """Compares the truth file with the lines of records; floods leave many of them, so they are taken one by one."""
    with open(truth, encoding='utf-8') as f:
        true = {}
        for s in json.load(f)['sessions']:
            true[s['client']['ip'], s['client']['port'], s['server']['ip'], s['server']['port']] = true_facts(s)
    said = collections.defaultdict(lambda: collections.defaultdict(lambda: (collections.Counter(), collections.Counter())))
    for line in records:
        r = json.loads(line)
        if r['type'] not in ('session', 'message', 'auth') or r['client_ip'].startswith(FLOOD):
            continue
        key = r['client_ip'], r['client_port'], r['server_ip'], r['server_port']
        for category, value, guess in said_facts(r):
            said[key][category][guess][value] += 1
    score = Score()
    for key in true.keys() | said.keys():
        score.session(key, true.get(key, []), said.get(key, {}))
    score.settle()
    return score


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('truth')
    p.add_argument('records')
    p.add_argument('--need', type=float, default=100.0, help='percent of the demanded facts, in each category')
    p.add_argument('-v', action='store_true', help='show differences')
    o = p.parse_args()
    with open(o.records, encoding='utf-8') as f:
        score = compare(o.truth, f)
    if o.v:
        for category, text in sorted(score.examples):
            print(f'{category}: {text}')
    print(f'{"category":16}{"demanded":>10}{"found":>10}{"said":>10}{"invented":>10}{"share":>10}')
    for c in sorted(score.demanded.keys() | score.said.keys()):
        n = score.demanded[c]
        print(f'{c:16}{n:10}{score.found[c]:10}{score.said[c]:10}{score.invented[c]:10}{100 * score.found[c] / n if n else 100:9.2f}%')
    sys.exit(score.share() < o.need or score.invented.total() > 0 or not score.demanded.total())


if __name__ == '__main__':
    main()
