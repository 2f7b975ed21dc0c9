#!/usr/bin/env python3
"""Compares the alerts among records with what was planted (generate --kind week --truth): nothing above low that was not,
and all that was.

    tests/bench/check_alerts.py TRUTH RECORDS
"""
import argparse
import collections
import json
import sys

QUIET = ('info', 'low')


class Score:
    """How many alerts there are of each rule, severity and state; what is there that should not be, and what lacks."""

    def __init__(self):
        self.table = collections.Counter()
        self.unplanted, self.missing = [], []
        self.sessions = 0

    def lines(self):
        rules = sorted({rule for rule, _, _ in self.table})
        yield f'{"rule":36}{"severity":10}{"new":>8}{"update":>8}{"end":>8}'
        for rule in rules:
            for severity in ('info', 'low', 'medium', 'high', 'critical'):
                n = [self.table[rule, severity, state] for state in ('new', 'update', 'end')]
                if any(n):
                    yield f'{rule:36}{severity:10}{n[0]:8}{n[1]:8}{n[2]:8}'
        yield from (f'not planted: {text}' for text in self.unplanted)
        yield from (f'planted and not told: {text}' for text in self.missing)


def names(alert):
    """Whom it is about."""
    return {alert.get('client_ip'), alert.get('server_ip'), alert['entity']['value']}


def compare(truth, records):
    """truth: the path of the file that the generator wrote, or null: nothing was planted; records: lines."""
    score, told = Score(), set()
    planted = []
    if truth:
        with open(truth, encoding='utf-8') as file:
            planted = json.load(file)
    for line in records:
        if '"type":"alert"' not in line:
            score.sessions += '"type":"session"' in line
            continue
        alert = json.loads(line)
        score.table[alert['rule'], alert['severity'], alert['state']] += 1
        if alert['severity'] in QUIET:
            continue
        of = [i for i, p in enumerate(planted) if p['whom'] in names(alert) and alert['rule'] in (p['rule'], *p['also'].split())]
        told.update(i for i in of if planted[i]['rule'] == alert['rule'])
        if not of:
            score.unplanted.append(f'{alert["rule"]} {alert["severity"]} {alert["state"]} {alert["entity"]["value"]}: {alert["reason"]}')
    score.missing = [f'{p["rule"]} {p["whom"]}' for i, p in enumerate(planted) if i not in told]
    return score


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('truth', help="what was planted, as JSON; '' for nothing")
    p.add_argument('records')
    o = p.parse_args()
    with open(o.records, encoding='utf-8') as records:
        score = compare(o.truth, records)
    print(f'{score.sessions} sessions')
    print('\n'.join(score.lines()))
    sys.exit(bool(score.unplanted or score.missing))


if __name__ == '__main__':
    main()
