#!/usr/bin/env python3
"""The same records, byte for byte, for any number of threads, and every time: all samples and dialogues in one run, so that
there is something to put in order, also where connections are evicted.
usage: same_output.py MAILTAP DIALOGUE_TEST SAMPLES DIALOGUES"""
import pathlib
import subprocess
import sys
import tempfile

RUNS = [['-j', '1']] + [['-j', str(n)] for n in (2, 3, 4, 8, 64)] + [['-j', '8']] * 9 + [['-j', '2']] * 9
VARIANTS = [
    ['--stats', '1'],
    ['--any-port', '--limit', 'flows=100', '--stats', '60'],
    ['-c', '1000', '-o', 'text', '-o', 'summary'],
]


def captures(dialogue_test, samples, dialogues, folder):
    files = sorted(p for p in pathlib.Path(samples).iterdir() if '.pcap' in p.name)
    for text in sorted(pathlib.Path(dialogues).glob('*.txt')):
        pcap = pathlib.Path(folder, text.stem + '.pcap')
        subprocess.run([dialogue_test, '--pcap', pcap, text], check=True, stdout=subprocess.DEVNULL)
        files.append(pcap)
    return files


def keys(dialogues, folder):
    """The key logs of all dialogues in one file."""
    lines = [line[len('key: '):] for text in sorted(pathlib.Path(dialogues).glob('*.txt'))
             for line in text.read_text(encoding='utf-8', errors='replace').splitlines() if line.startswith('key: ')]
    path = pathlib.Path(folder, 'keys')
    path.write_text('\n'.join(lines) + '\n', encoding='ascii')
    return path


def main():
    mailtap, dialogue_test, samples, dialogues = sys.argv[1:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        VARIANTS[0].extend(['--keylog', keys(dialogues, folder)])
        read = [arg for f in captures(dialogue_test, samples, dialogues, folder) for arg in ('-r', f)]
        for variant in VARIANTS:
            expected = None
            for run in RUNS:
                out = subprocess.run([mailtap, *read, *variant, *run], stdout=subprocess.PIPE).stdout
                if len(out) < 10000:
                    sys.exit(f'{variant} {run}: only {len(out)} octets of output')
                if expected is None:
                    expected = out
                if out != expected:
                    lines = zip(expected.split(b'\n'), out.split(b'\n'))
                    first = next((pair for pair in lines if pair[0] != pair[1]), (b'', b'(longer)'))
                    print(f'{variant} {run} differs from {RUNS[0]}:\n- {first[0][:300]}\n+ {first[1][:300]}')
                    failed += 1
    print(f'{len(VARIANTS) * len(RUNS)} runs, {failed} of them different')
    sys.exit(failed != 0)


main()
