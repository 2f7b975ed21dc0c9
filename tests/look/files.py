#!/usr/bin/env python3
"""Does the look at a part agree with the programs that make files?

    files.py LOOK_AT

Makes archives and documents with Python's own modules, and with zip and 7z where they are installed, looks at each, and
compares type, flags and the list of files with what the maker says is in it.
"""
import bz2
import gzip
import io
import lzma
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

problems = []
count = 0


class Pipe(io.RawIOBase):
    """What cannot seek: zipfile then writes data descriptors."""
    def __init__(self):
        super().__init__()
        self.octets = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.octets += data
        return len(data)


def look(octets, name='-', declared='-'):
    out = subprocess.run([LOOK_AT, name, declared], input=bytes(octets), stdout=subprocess.PIPE, check=True).stdout
    head, *files = out.decode('utf-8', 'surrogateescape').splitlines()
    magic, _, flags = head.partition(' ')
    return magic, set(flags.split(',')) - {''}, files


def expect(what, octets, name, declared, magic, flags, files=()):
    global count
    count += 1
    got = look(octets, name, declared)
    wanted = (magic, set(flags.split()), list(files))
    if got != wanted:
        problems.append(f'{what}: {got} is not {wanted}')


def zipped(contents, stream=False, method=zipfile.ZIP_DEFLATED, comment=b'', force=False):
    out = Pipe() if stream else io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as z:
        z.comment = comment
        for name, data in contents:
            info = zipfile.ZipInfo(name, (2026, 11, 22, 1, 2, 4))
            info.compress_type = method
            with z.open(info, 'w', force_zip64=force) as f:
                f.write(data)
    return bytes(out.octets) if stream else out.getvalue()


def listed(contents):
    return [f'{len(data)} 0 {name}' for name, data in contents if not name.endswith('/')]


def zips(rnd):
    contents = [('a.txt', b'hello ' * 100), ('folder/', b''), ('folder/b.bin', rnd.randbytes(70000)), ('empty', b''), ('ü.txt', b'x')]
    for stream in (False, True):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            for force in (False, True):
                octets = zipped(contents, stream, method, b'a comment' if stream else b'', force)
                expect(f'zip {stream} {method} {force}', octets, 'x.zip', 'application/zip', 'zip', '', listed(contents))
    inner = zipped(contents)
    outer = [('inner.zip', inner), ('again.zip', inner), ('end.txt', b'.')]
    for stream in (False, True):
        expect(f'zip in zip {stream}', zipped(outer, stream, zipfile.ZIP_STORED), 'x.zip', '-', 'zip', '', listed(outer))
    many = [(f'{i}.txt', b'') for i in range(1000)]
    got = look(zipped(many), 'x.zip')
    if got[2] != listed(many)[:64] + ['omitted 936'] or got[1] != {'archive_listing_cut'}:
        problems.append(f'zip of 1000: {got}')
    expect('zip empty', zipped([]), 'x.zip', '-', 'zip', '')
    expect('zip with exe', zipped([('invoice.pdf.exe', b'MZ')]), 'x.zip', '-', 'zip', 'archive_executable', ['2 0 invoice.pdf.exe'])
    expect('sfx', b'MZ' + bytes(200) + zipped([('a', b'b')]), 'x.exe', '-', 'dos_exe', 'executable appended_archive')
    cut = zipped(contents)[:-30]
    magic, flags, _ = look(cut, 'x.zip')
    if magic != 'zip' or not {'archive_broken', 'archive_listing_cut'} <= flags:
        problems.append(f'cut zip: {magic} {flags}')


def documents():
    types = ('[Content_Types].xml', b'<Types/>')
    word = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
    expect('docx', zipped([types, ('word/document.xml', b'<w/>')]), 'x.docx', word, 'docx', '')
    expect('docm', zipped([types, ('word/document.xml', b'<w/>'), ('word/vbaProject.bin', b'..')], True), 'x.docx', word, 'docm', 'macro type_mismatch')
    expect('xlsx', zipped([types, ('xl/workbook.xml', b'<w/>')]), 'x.xlsx', '-', 'xlsx', '')
    expect('jar', zipped([('META-INF/MANIFEST.MF', b'Main-Class: A'), ('A.class', b'')]), 'x.jar', 'application/java-archive', 'jar', 'executable',
           ['13 0 META-INF/MANIFEST.MF', '0 0 A.class'])
    mimetype = ('mimetype', b'application/vnd.oasis.opendocument.spreadsheet')
    expect('ods', zipped([mimetype, ('content.xml', b'<x/>')], method=zipfile.ZIP_STORED), 'x.ods', mimetype[1].decode(), 'ods', '')


def tars():
    contents = [('a.txt', b'hello'), ('b' * 90 + '/' + 'c' * 120 + '.js', b'x' * 513), ('ä' * 80 + '.vbs', b'y')]
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        here = contents if form != tarfile.USTAR_FORMAT else [contents[0], ('d' * 60 + '/' + 'e' * 80 + '.js', b'z')]
        with tarfile.open(fileobj=out, mode='w', format=form) as t:
            folder = tarfile.TarInfo('folder')
            folder.type = tarfile.DIRTYPE
            t.addfile(folder)
            for name, data in here:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
        expect(f'tar {form}', out.getvalue(), 'x.tar', 'application/x-tar', 'tar', 'archive_executable', listed(here))
    for name, pack in (('gzip', gzip.compress), ('bzip2', bz2.compress), ('xz', lzma.compress)):
        expect(name, pack(b'hello'), 'x.' + {'gzip': 'gz', 'bzip2': 'bz2', 'xz': 'xz'}[name], 'application/octet-stream', name, '')


def seven_zips():
    """As 7-Zip writes it: the header that names files and coders compressed, right before what says so."""
    def number(n):
        return bytes([n]) if n < 128 else bytes([0x80 | n >> 8, n & 255])

    def archive(header, dict_size):
        filters = [{'id': lzma.FILTER_LZMA1, 'dict_size': 1 << 16, 'lc': 3, 'lp': 0, 'pb': 2}]
        packed = lzma.compress(header, lzma.FORMAT_RAW, filters=filters)
        data = bytes(range(256)) * 40
        coder = b'\x01\x23\x03\x01\x01\x05\x5d' + dict_size.to_bytes(4, 'little')
        at = b'\xc0' + len(data).to_bytes(2, 'little')
        end = b'\x17\x06' + at + b'\x01\x09' + number(len(packed)) + b'\x00\x07\x0b\x01\x00' + coder + b'\x0c' + number(len(header)) + b'\x00\x00'
        start = (len(data) + len(packed)).to_bytes(8, 'little') + len(end).to_bytes(8, 'little')
        return b'7z\xbc\xaf\x27\x1c\x00\x04' + bytes(4) + start + bytes(4) + data + packed + end

    plain = b'\x01\x04\x06\x00\x01\x09\x40\x00\x07\x0b\x01\x00\x01\x21\x21\x01\x18' + 'name.txt'.encode('utf-16-le') * 20
    locked = plain.replace(b'\x01\x21\x21\x01', b'\x02\x24\x06\xf1\x07\x01\x0a\x53')
    for size in (1 << 16, 0xffffffff):
        expect(f'7z {size}', archive(plain, size), 'x.7z', '-', '7z', '')
        expect(f'7z with password {size}', archive(locked, size), 'x.7z', '-', '7z', 'encrypted_archive')


def programs():
    """Made by programs that may be there."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ('a.txt', 'b.exe'):
            with open(f'{folder}/{name}', 'w', encoding='ascii') as f:
                f.write('content\n' * 50)

        def made(*command, result):
            subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
            with open(f'{folder}/{result}', 'rb') as f:
                return f.read()

        if shutil.which('zip'):
            octets = made('zip', '-q', '-P', 'secret', 'e.zip', 'a.txt', result='e.zip')
            expect('zip -P', octets, 'e.zip', 'application/zip', 'zip', 'encrypted_archive', ['400 1 a.txt'])
        for program in ('7z', '7zz', '7za'):
            if shutil.which(program):
                octets = made(program, 'a', '-psecret', '-mhe=on', 'e.7z', 'a.txt', result='e.7z')
                expect('7z -mhe', octets, 'e.7z', '-', '7z', 'encrypted_archive')
                octets = made(program, 'a', '-tzip', '-psecret', '-mem=AES256', 'f.zip', 'a.txt', 'b.exe', result='f.zip')
                expect('7z zip AES', octets, 'f.zip', '-', 'zip', 'encrypted_archive archive_executable', ['400 1 a.txt', '400 1 b.exe'])
                break
        for path, magic in (('/bin/true', 'elf'), (sys.executable, 'elf')):
            with open(path, 'rb') as f:
                expect(path, f.read(200000), 'x.pdf', 'application/pdf', magic, 'executable type_mismatch')


def main():
    global LOOK_AT
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    LOOK_AT = sys.argv[1]
    zips(random.Random(4))
    documents()
    tars()
    seven_zips()
    programs()
    for problem in problems:
        print(problem)
    print(f'{len(problems)} of {count} differ' if problems else f'{count} files agree')
    sys.exit(bool(problems))


if __name__ == '__main__':
    main()
