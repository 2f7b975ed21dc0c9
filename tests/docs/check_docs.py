#!/usr/bin/env python3
"""Do the documents say what the program does?

    check_docs.py PROGRAM
    check_docs.py --fix [PROGRAM]   writes the lists that repeat .def files (and, of that program, the rules) into the manual pages

Compares --help with mailtap(1), options.def and --check-config with mailtap.yaml(5), limits.def with mailtap(1), kinds.def, fields.def and notes.def with mailtap-records(5),
outputs.def with mailtap(1), samples/README.md with samples/, the scripts that README.md and CONTRIBUTING.md name with
those there are; lints the manual pages and reads the schema. Prints each difference, with the line that is missing.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = {'TEXT': 'string', 'TEXTS': 'strings', 'WORD': 'word', 'WORDS': 'words', 'NUMBER': 'number', 'NUMBERS': 'numbers', 'TIME': 'time',
         'FLAG': 'flag', 'BOOLEAN': 'boolean', 'GROUP': 'object', 'GROUPS': 'objects', 'COUNTS': 'counts'}
# Sections of mailtap-records(5) that explain words, and where these come from.
WORD_LISTS = [('NOTES', 'src/record/notes.def', 'NOTE'), ('PART FLAGS', 'src/record/part_flags.def', 'PART_FLAG'),
              ('LINK FLAGS', 'src/record/link_flags.def', 'LINK_FLAG'), ('FILE TYPES', 'src/mail/file_types.def', 'FILE_TYPE')]
problems = []


def text(path):
    return (ROOT / path).read_text(encoding='utf-8')


def rows(path, macro):
    """The arguments of every MACRO(...) line of a .def file."""
    source = re.sub(r'/\*.*?\*/', '', text(path), flags=re.S)
    found = []
    for line in re.findall(r'\b%s\(((?:[^"()]|"(?:\\.|[^"\\])*")*)\)' % macro, source):
        words = re.findall(r'\s*("(?:\\.|[^"\\])*"|[^,"]+)\s*', line)
        found.append([w.strip().strip('"') for w in words if w.strip()])
    if not found:
        problems.append(f'{path}: no {macro}() found')
    return found


def roff(s):
    return s.replace('\\', '\\e').replace('"', '\\(dq')


def compare(what, wanted, there):
    for line in wanted:
        if line not in there:
            problems.append(f'{what} lacks: {line}')
    for line in there:
        if line not in wanted:
            problems.append(f'{what} has too much: {line}')


def section(page, kind, title):
    """The lines of one .Sh or .Ss."""
    ends = r'\.S[hs]' if kind == 'Ss' else r'\.Sh'
    m = re.search(r'^\.%s %s$(.*?)(?=^%s |\Z)' % (kind, re.escape(title), ends), page, re.S | re.M)
    if not m:
        problems.append(f'no .{kind} {title}')
    return m.group(1) if m else ''


def options(program, page):
    shown = subprocess.run([program, '--help'], capture_output=True, text=True, check=True).stdout
    lefts = '\n'.join(re.findall(r'^  ((?:-|    --).*?)  ', shown, re.M)) # options told together stand in one line
    said = {(m.group(2), m.group(1) or '', m.group(3) or '') for m in re.finditer(r'(?:-(\w), )?--([\w-]+)(?: ([A-Z]\S*\b))?', lefts)}
    documented = {(m.group(2), m.group(1) or '', bool(m.group(3))) for m in re.finditer(r'^\.It Fl (?:(\w) , Fl )?-([\w-]+)( Ar .*)?$', page, re.M)}
    compare('mailtap(1)', sorted((name, letter, bool(arg)) for name, letter, arg in said), sorted(documented))
    if len(said) < 10:
        problems.append(f'only {len(said)} options found in --help')


def limit_rows():
    return [f'.It {n} Ta {v} Ta {low}\\(en{high} Ta {roff(doc)}' for n, v, low, high, doc in rows('src/base/limits.def', 'LIMIT')]


SHAPES = {'SWITCH': 'switch', 'VALUE': 'value', 'LIST': 'list', 'PAIRS': 'mapping', 'RULES': 'mapping', 'ENTRIES': 'mappings'}


def setting_rows():
    return [f'.It {r[5]} Ta {SHAPES[r[6]]} Ta {"" if r[7] == "NULL" else r[7]} Ta Fl -{r[1]}'.replace('  ', ' ')
            for r in rows('src/options.def', 'OPTION') if r[5] != 'NULL']


def suppression_rows():
    return [f'.It {name} Ta {roff(doc)}' for name, doc in rows('src/detect/suppression_keys.def', 'SUPPRESSION_KEY')]


def settings(program, page):
    """mailtap.yaml(5) has the keys that the program has, and its example is right."""
    def items(part):
        return [line for line in re.findall(r'^\.It .*$', part, re.M) if ' Sy ' not in line]
    compare('SETTINGS of mailtap.yaml(5)', setting_rows(), items(section(page, 'Sh', 'SETTINGS').split('\n.Ss')[0]))
    compare('suppress of mailtap.yaml(5)', suppression_rows(), items(section(page, 'Ss', 'suppress')))
    def check(text, *words):
        with tempfile.NamedTemporaryFile('w', suffix='.yaml', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            return subprocess.run([program, '--check-config', '-F', file.name, *words], capture_output=True, text=True)
    shown = check('', '-v').stdout
    compare('--check-config -v', [r.split()[1] for r in setting_rows()], re.findall(r'^(?:# )?(\w+):', shown, re.M))
    example = section(page, 'Sh', 'EXAMPLES').split('.Bd -literal\n')[1].split('.Ed')[0]
    said = check(example, '-v')
    if said.returncode or said.stdout.count('.yaml, line') < 15:
        problems.append(f'the example of mailtap.yaml(5) is wrong: {said.stderr}')


def field_rows(scope):
    return [f'.It {f[1]} Ta {TYPES[f[2]]} Ta {roff(f[-1])}' for f in rows('src/record/fields.def', 'FIELD') if f[0] == scope]


def limits(page):
    compare('LIMITS of mailtap(1)', limit_rows(), re.findall(r'^\.It \w+ Ta .*$', section(page, 'Sh', 'LIMITS'), re.M))


def records(page):
    for scope, _ in rows('src/record/kinds.def', 'SCOPE'):
        compare(f'{scope} of mailtap-records(5)', field_rows(scope), re.findall(r'^\.It .*$', section(page, 'Ss', scope), re.M))
    for title, path, macro in WORD_LISTS:
        named = re.findall(r'^\.It Cm (\w+)\n((?:[^.].*\n)+)', section(page, 'Sh', title), re.M)
        compare(f'{title} of mailtap-records(5)', [f'{r[0]}: {roff(r[-1])}' for r in rows(path, macro)],
                [f'{n}: {" ".join(d.split())}' for n, d in named])
    kinds = re.findall(r'^\.It Cm (\w+)$', section(page, 'Sh', 'DESCRIPTION').split('.Ss')[0], re.M)
    compare('kinds of mailtap-records(5)', [k[0] for k in rows('src/record/kinds.def', 'KIND')], kinds)


def relist(page, kind, title, lines, keep=r''):
    """The page with other items in the list of one section; what matches `keep` stays before them."""
    old = section(page, kind, title)
    head, body, tail = re.match(r'(.*?^\.Bl [^\n]*\n)(.*?)(^\.El.*)', old, re.S | re.M).groups()
    kept = re.match(keep, body).group(0)
    return page.replace(old, head + kept + '\n'.join(lines) + '\n' + tail)


def fix(program):
    page = text('man/mailtap.1')
    if program:
        page = relist(page, 'Sh', 'DETECTION', rule_rows(program), keep=r'\.It Sy [^\n]*\n')
    (ROOT / 'man/mailtap.1').write_text(relist(page, 'Sh', 'LIMITS', limit_rows(), keep=r'\.It Sy [^\n]*\n'), encoding='utf-8')
    page = relist(text('man/mailtap.yaml.5'), 'Sh', 'SETTINGS', setting_rows(), keep=r'\.It Sy [^\n]*\n')
    (ROOT / 'man/mailtap.yaml.5').write_text(relist(page, 'Ss', 'suppress', suppression_rows(), keep=r'\.It Sy [^\n]*\n'), encoding='utf-8')
    page = text('man/mailtap-records.5')
    for scope, doc in rows('src/record/kinds.def', 'SCOPE'):
        if f'\n.Ss {scope}\n' not in page:
            doc = roff(doc[0].upper() + doc[1:])
            page = page.replace('.Sh NOTES', f'.Ss {scope}\n{doc}.\n.Bl -column "clear_after_tls_verb" "numbers"\n.El\n.Sh NOTES')
        page = relist(page, 'Ss', scope, field_rows(scope))
    for title, path, macro in WORD_LISTS:
        items = []
        for row in rows(path, macro):
            items += [f'.It Cm {row[0]}', *textwrap.wrap(roff(row[-1]), 79, break_on_hyphens=False)]
        page = relist(page, 'Sh', title, items)
    (ROOT / 'man/mailtap-records.5').write_text(page, encoding='utf-8')


def rule_rows(program):
    """What --rules lists, as the rows of DETECTION."""
    said = subprocess.run([program, '--rules'], capture_output=True, text=True, check=True).stdout
    return [f'.It {r} Ta {severity} Ta {roff(title)}' for r, severity, title in re.findall(r'^(\S+) +(\S+) +(.+)$', said, re.M)]


def rules(program, page):
    """detectors.def, --rules, --explain, the manual and the schema name the same rules, each with its whole page."""
    named = sorted(r[0] for r in rows('src/detect/detectors.def', 'DETECTOR'))
    table = rule_rows(program)
    compare('DETECTION of mailtap(1)', table, [line for line in re.findall(r'^\.It .*$', section(page, 'Sh', 'DETECTION'), re.M) if ' Sy ' not in line])
    ids = [line.split()[1] for line in table]
    compare('--rules', named, sorted(i.split('.')[1] for i in ids))
    numbers = []
    for rule in ids:
        told = subprocess.run([program, '--explain', rule], capture_output=True, text=True, check=True).stdout
        numbers += re.findall(r'\(rule (\d+), revision \d+\)', told)
        for title in ('What it means', 'What proves it', 'When it may be wrong', 'What to do'):
            text_of = re.search(r'^%s\n((?:    .*\n)+)' % title, told, re.M)
            if not text_of or len(text_of.group(1)) < 50:
                problems.append(f'--explain {rule} says too little under "{title}"')
        dialogues = [f'"rule":"{rule}"' in path.read_text(encoding='utf-8') for path in (ROOT / 'tests/alerts').glob(f'*-{rule.split(".")[1]}-*.txt')]
        if dialogues.count(True) < 1 or dialogues.count(False) < 2:
            problems.append(f'tests/alerts/*-{rule.split(".")[1]}-*.txt: one in which it speaks and two in which it does not, not '
                            f'{dialogues.count(True)} and {dialogues.count(False)}')
    if len(set(numbers)) != len(ids):
        problems.append('two rules have one number')
    defs = json.loads(subprocess.run([program, '--schema'], capture_output=True, text=True, check=True).stdout)['$defs']
    categories = set(defs['alert']['properties']['category']['enum'])
    for rule in ids:
        told = subprocess.run([program, '--explain', rule], capture_output=True, text=True, check=True).stdout
        category = re.search(r'; (\w+), usually', told).group(1)
        if category not in categories:
            problems.append(f'category {category} of {rule} is not in the schema')


def formats(page):
    compare('OUTPUT of mailtap(1)', sorted(f[0] for f in rows('output/outputs.def', 'FORMAT')),
            sorted(re.findall(r'^\.It Cm (\w+)$', section(page, 'Sh', 'OUTPUT'), re.M)))


def samples():
    there = sorted(p.name for p in (ROOT / 'samples').iterdir() if p.name != 'README.md')
    compare('samples/README.md', there, re.findall(r'^\| `([^`]+)` \|', text('samples/README.md'), re.M))


def scripts():
    for name in ('README.md', 'CONTRIBUTING.md'):
        made = re.findall(r'^```\w+ recipe (\S+)$', text(name), re.M)     # recipe.py makes them
        for path in re.findall(r'(?<![\w/])((?:\./)?(?:scripts|tests|src|dissectors|output|samples|man|cmake)/[\w./-]*\w)', text(name)):
            if path not in made and not (ROOT / path).exists() and not re.search(r'\bx\b|_x\b', path):
                problems.append(f'{name} names {path}, which does not exist')


def lint():
    for page in sorted((ROOT / 'man').iterdir()):
        said = subprocess.run(['mandoc', '-T', 'lint', str(page)], capture_output=True, text=True).stdout
        # Which other manuals are installed here is no fault of the page.
        problems.extend(line for line in said.splitlines() if 'referenced manual not found' not in line)


def schema(program):
    said = subprocess.run([program, '--schema'], capture_output=True, text=True, check=True).stdout
    if json.loads(said).get('$schema') != 'https://json-schema.org/draft/2020-12/schema':
        problems.append('--schema prints no JSON Schema of draft 2020-12')


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == '--fix':
        fix(str(pathlib.Path(sys.argv[2]).resolve()) if len(sys.argv) > 2 else None)
        return
    program = str(pathlib.Path(sys.argv[1]).resolve())
    command, kinds = text('man/mailtap.1'), text('man/mailtap-records.5')
    options(program, command)
    settings(program, text('man/mailtap.yaml.5'))
    limits(command)
    records(kinds)
    formats(command)
    rules(program, command)
    samples()
    scripts()
    lint()
    schema(program)
    for problem in problems:
        print(problem)
    print(f'{len(problems)} problems' if problems else 'documents and program agree')
    sys.exit(bool(problems))


if __name__ == '__main__':
    main()
