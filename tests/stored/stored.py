#!/usr/bin/env python3
"""Records that were stored lead to the same as the packets did, byte for byte, alerts and counters included: of every sample
and dialogue alone, of all of them as one capture, by any number of threads.
usage: stored.py MAILTAP DIALOGUE_TEST SAMPLES FOLDER_OF_DIALOGUES..."""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from captures import all_captures # noqa: E402


def run(*command, stdin=None):
    return subprocess.run(command, check=True, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def differs(what, wanted, got):
    if wanted == got:
        return 0
    first = next((p for p in zip(wanted.split(b'\n'), got.split(b'\n')) if p[0] != p[1]), (b'', b'(longer)'))
    print(f'{what}:\n- {first[0][:600]}\n+ {first[1][:600]}')
    return 1


def refuses(mailtap, line):
    """What is no record is said to be none, and nothing worse happens."""
    got = subprocess.run([mailtap, '--records', '-', '-o', 'json'], input=line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if got.returncode > 0 and b'line 1 is ' in got.stderr:
        return 0
    print(f'{line}: exit code {got.returncode}, {got.stderr[:200]}')
    return 1


def main():
    mailtap, dialogue_test, samples, *folders = sys.argv[1:]
    failed, alerts = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        files = all_captures(dialogue_test, samples, folders, folder)
        for path in files:
            wanted = run(mailtap, '-r', path, '--any-port', '-o', 'json')
            alerts += sum(json.loads(line)['type'] == 'alert' for line in wanted.splitlines())
            failed += differs(path.name, wanted, run(mailtap, '--records', '-', '-o', 'json', stdin=wanted))
        read = [arg for f in files for arg in ('-r', f)]
        first = None
        for jobs in ('1', '2', '4'):
            wanted = run(mailtap, *read, '--any-port', '--stats', '1', '-j', jobs, '-o', 'json')
            first = first or wanted
            failed += differs(f'all, -j 1 and -j {jobs}', first, wanted)
            failed += differs(f'all, -j {jobs}', wanted, run(mailtap, '--records', '-', '-o', 'json', stdin=wanted))
        # And what is kept back, whether it was already when the records were written or not.
        quiet = ['--suppress', 'rule=cleartext_auth,until=2026-01-01T00:00:00.1Z', '--suppress', 'user=alice', '--suppress',
                 'client=203.0.113.0/24,rule=enumeration']
        wanted = run(mailtap, *read, '--any-port', '-j', '1', '-o', 'json', *quiet)
        plain = run(mailtap, *read, '--any-port', '-j', '1', '-o', 'json')
        failed += differs('suppressed, from packets', wanted, run(mailtap, '--records', '-', '-o', 'json', *quiet, stdin=wanted))
        failed += differs('suppressed, from records', wanted, run(mailtap, '--records', '-', '-o', 'json', *quiet, stdin=plain))
        suppressed = json.loads(wanted.splitlines()[-1])['records'].get('alerts_suppressed', 0)
        failed += suppressed < 5 or b'"suppressed":' not in wanted
    for line in (b'{"type":null}', b'{"type":7}', b'{"type":"mail"}', b'{}', b'[]', b'null', b'{"type":"session"'):
        failed += refuses(mailtap, line)
    print(f'{len(files)} captures, {alerts} alerts, {suppressed} suppressed, {failed} differences')
    sys.exit(failed != 0 or alerts < 20)


main()
