#!/usr/bin/env python3
"""Follows CONTRIBUTING.md: adds its examples of a protocol and of a rule to a copy of the tree, builds it, looks at the records.

    recipe.py DIALOGUE_TEST

Every fenced block that opens with ```LANGUAGE recipe PATH becomes that file, or goes behind it where it exists.
DIALOGUE_TEST, of the build under test, makes packets of the dialogue. Fails where the recipe needs another file, where
it does not build under the full list of warnings, or where the records do not tell the dialogue.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ['CMakeLists.txt', 'cmake', 'src', 'dissectors', 'output', 'man']


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode:
        sys.exit(f'FAILED: {" ".join(map(str, command))}\n{result.stdout[-3000:]}{result.stderr[-3000:]}')
    return result.stdout


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    dialogue_test = pathlib.Path(sys.argv[1]).resolve()
    blocks = re.findall(r'^```\w+ recipe (\S+)\n(.*?)^```', (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8'), re.S | re.M)
    code = [path for path, _ in blocks if not path.startswith('tests/')]
    if len(code) != 4 or [(ROOT / path).exists() for path in code] != [False, True] * 2:
        sys.exit(f'a protocol, and a rule, is one new file and one line in another; CONTRIBUTING.md says: {code}')
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / 'tree'
        tree.mkdir()
        for name in BUILD:
            source = ROOT / name
            shutil.copytree(source, tree / name) if source.is_dir() else shutil.copy(source, tree / name)
        for path, text in blocks:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            with open(tree / path, 'a', encoding='utf-8') as file:
                file.write(text)
        build = pathlib.Path(folder) / 'build'
        run('cmake', '-G', 'Ninja', '-S', tree, '-B', build, '-DBUILD_TESTING=OFF', '-DMAILTAP_WERROR=ON')
        run('ninja', '-C', build, 'mailtap')
        dialogue = next(tree / path for path, _ in blocks if path.startswith('tests/dialogues/'))
        capture = pathlib.Path(folder) / 'x.pcap'
        run(dialogue_test, '--pcap', capture, dialogue)
        records = [json.loads(line) for line in run(build / 'mailtap', '-r', capture, '--ports', '2101', '-o', 'json').splitlines()]
        dialogue = next(tree / path for path, _ in blocks if path.startswith('tests/alerts/'))
        run(dialogue_test, '--pcap', capture, dialogue)
        alerts = [json.loads(line) for line in run(build / 'mailtap', '-r', capture, '-o', 'json').splitlines() if '"type":"alert"' in line]
        explained = run(build / 'mailtap', '--explain', 'chatter')
    session = next((r for r in records if r['type'] == 'session'), {})
    said = [(c['verb'], c.get('text')) for c in session.get('commands', [])]
    wanted = [('NAME', 'glad to meet you'), ('TIME', 'noon')]
    if session.get('proto') != 'hello' or session.get('banner') != 'HELLO friend' or said != wanted:
        sys.exit(f'FAILED: the records do not tell the dialogue: {session}')
    told = [(a['rule'], a['state'], a['count'], len(a['evidence'])) for a in alerts]
    if told != [('mail.chatter', 'new', 3, 3)] or 'Three NOOP within an hour' not in explained:
        sys.exit(f'FAILED: the rule does not speak as the recipe says: {told}')
    print('one file, one line: the protocol and the rule of CONTRIBUTING.md build and are told')


if __name__ == '__main__':
    main()
