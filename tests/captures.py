"""The captures that tests read: all samples, and a file made of each dialogue."""
import pathlib
import subprocess


def all_captures(dialogue_test, samples, dialogues, folder):
    """`dialogues`: folders of them. Their files are made in `folder`."""
    texts = sorted(text for d in dialogues for text in pathlib.Path(d).glob('*.txt'))
    subprocess.run([dialogue_test, '--pcaps', folder, *texts], check=True, stdout=subprocess.DEVNULL)
    return sorted(p for p in pathlib.Path(samples).iterdir() if '.pcap' in p.name) + [pathlib.Path(folder, text.stem + '.pcap') for text in texts]
