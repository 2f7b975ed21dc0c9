#!/usr/bin/env python3
"""Runs the commands that README.md shows.

    readme_examples.py PROGRAM

Every fenced block that opens with ```sh run is given to bash line by line (a line that ends in a backslash goes on), with
PROGRAM first in PATH as `mailtap` and the top of the source tree as folder. A command must end with 0 and say something.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    blocks = re.findall(r'^```sh run\n(.*?)^```', (ROOT / 'README.md').read_text(encoding='utf-8'), re.S | re.M)
    commands = [c for block in blocks for c in re.sub(r'\\\n', ' ', block).splitlines() if c.strip() and not c.startswith('#')]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(folder) / 'mailtap')
        environment = dict(os.environ, PATH=f'{folder}:{os.environ["PATH"]}', TMPDIR=folder)
        for command in commands:
            result = subprocess.run(['bash', '-euo', 'pipefail', '-c', command], cwd=ROOT, env=environment, capture_output=True, text=True,
                                    stdin=subprocess.DEVNULL, timeout=60)
            if result.returncode or not result.stdout.strip():
                failures += 1
                print(f'FAILED ({result.returncode}): {command}\n{result.stdout[-2000:]}{result.stderr[-2000:]}')
    if not commands:
        sys.exit('README.md has no block to run')
    print(f'{len(commands)} commands run, {failures} failed')
    sys.exit(bool(failures))


if __name__ == '__main__':
    main()
