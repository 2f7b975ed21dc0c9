#!/usr/bin/env python3
"""What mailtap made of the talks of tls_talk.py, against what is known of them: hellos and certificates against other
programs, what was said inside TLS against the same in clear.

    tls_compare.py PROGRAM FOLDER"""
import json
import os
import random
import re
import shutil
import subprocess
import sys

import packets

program, folder = sys.argv[1:3]
failures = 0
LOSSES = 4
# What says when, where and by whom it was seen; what TLS is not without; what a capture has that was made up.
MOMENT = {"ts", "end_ts", "id", "uid", "frame", "frame_first", "frame_last", "iface", "pcap_file", "community_id"}
TRAVEL = {"close", "bytes_c2s", "bytes_s2c", "pkts_c2s", "pkts_s2c", "retrans", "dup_pkts", "late", "client_mac", "server_mac"}
SECRECY = {"starttls", "encrypted", "decrypted", "decrypted_capture", "cleartext_secret", "cleartext_offer", "secret_tries",
           "secret_users"}
LOST = {"missed_c2s", "missed_s2c", "acked_unseen_c2s", "acked_unseen_s2c"}


def fail(what):
    global failures
    failures += 1
    if failures <= 12:
        print("not ok: " + what[:3000])


def mailtap(capture, *options):
    """The records of a capture, by the ends of their connection."""
    done = subprocess.run([program, "-r", capture, "-o", "json", *options], capture_output=True)
    if done.returncode:
        sys.exit("mailtap ended with %d: %s" % (done.returncode, done.stderr.decode()))
    return by_ends(done.stdout.decode().splitlines())


def by_ends(lines):
    found = {}
    for record in map(json.loads, lines):
        if "client_port" in record and record["type"] != "alert":
            ends = record["client_port"], record["server_ip"], record["server_port"]
            found.setdefault(ends, []).append(record)
    return found


def plain(value, without):
    if isinstance(value, list):
        return [plain(v, without) for v in value]
    if not isinstance(value, dict):
        return value
    return {k: plain(v, without) for k, v in sorted(value.items()) if k not in without and not k.endswith("_us")}


def normal(records, without, tls=False):
    """One text a record, in an order that does not depend on when each was written."""
    told = []
    for record in records:
        if record["type"] == "tls" and not tls:
            continue
        record = plain(record, without)
        if record.get("anomalies", {}).pop("tls_expected", None) and not record["anomalies"]:
            del record["anomalies"] # clear text on a port for TLS is what was made up
        caps = record.pop("caps_inside", None) or record.get("caps")
        if caps:
            record["caps"] = caps # the last that were offered
        told.append((record["type"], json.dumps(record, sort_keys=True)))
    return [text for _, text in sorted(told)]


def same(what, got, expected):
    if got == expected:
        return
    lines = []
    for g, e in zip(got, expected):
        g, e = json.loads(g), json.loads(e)
        lines += ["  %s: %s, not %s" % (k, json.dumps(g.get(k))[:300], json.dumps(e.get(k))[:300])
                  for k in sorted(g.keys() | e.keys()) if g.get(k) != e.get(k)]
    fail("\n".join([what + ": %d records, not %d" % (len(got), len(expected))] + lines))


def name_of(talk):
    return "%s, port %d of %s, TLS %s %s" % (talk["tool"], talk["server"][1], talk["server"][0], talk["version"], talk.get("how", ""))


def read_talks():
    with open(os.path.join(folder, "talks.json")) as file:
        talks = json.load(file)
    for talk in talks:
        if "missing" in talk:
            print("%s is left out: %s" % (talk["tool"], talk["missing"]))
        elif talk.get("code"):
            fail("%s: curl says %d" % (name_of(talk), talk["code"]))
    talks = [t for t in talks if "missing" not in t]
    seen = packets.connections(packets.read(os.path.join(folder, "recorded.pcap")))
    if [tuple(t["server"]) for t in talks] != [c.server for c in seen]:
        sys.exit("FAILED: the connections recorded are not those that were made")
    for talk, connection in zip(talks, seen):
        talk["connection"], talk["ends"] = connection, (connection.client[1],) + connection.server
        talk["streams"] = connection.sides()
        talk["tls"] = [packets.tls_begins(data) for data, _ in talk["streams"]]
    return talks


# --- hellos ---


def compare_hellos(talks, records):
    compared = 0
    for talk in talks:
        if not talk["version"]:
            continue
        (client, _), (server, _) = talk["streams"]
        facts = packets.client_facts(packets.hello(client, talk["tls"][0], 1))
        facts.update(packets.server_facts(packets.hello(server, talk["tls"][1], 2)))
        told = [r for r in records[talk["ends"]] if r["type"] == "tls"]
        told = told[0] if len(told) == 1 else {}
        for key, value in facts.items():
            if told.get(key) != value:
                fail("%s: %s is %r, not %r" % (name_of(talk), key, told.get(key), value))
        if told.get("version") != "TLSv" + talk["version"] or not told.get("established"):
            fail("%s: %r" % (name_of(talk), told))
        compared += 1
    print("%d hellos are what they are to a second reader" % compared)


def compare_tshark(talks, records):
    """tshark does not know JA4 in Debian 12. It forgets that STARTTLS was accepted where the command was odd: it is told
    by ports what is TLS."""
    if not shutil.which("tshark"):
        print("skipped: there is no tshark to compare with")
        return
    fields = ["ip.dst", "tcp.srcport", "tcp.dstport", "ip.src", "tls.handshake.ja3", "tls.handshake.ja3s",
              "tls.handshake.extensions_server_name"]
    done = subprocess.run(["tshark", "-r", os.path.join(folder, "recorded.pcap"), "-Y", "tls.handshake.ja3 or tls.handshake.ja3s",
                           "-T", "fields"] + [w for f in fields for w in ("-e", f)], capture_output=True, text=True)
    compared, names = 0, {t["ends"]: name_of(t) for t in talks}
    for line in done.stdout.splitlines():
        target, source_port, target_port, source, ja3, ja3s, sni = (line.split("\t") + [""] * 7)[:7]
        ends = int(source_port), target, int(target_port)
        if ends not in names:
            ends = int(target_port), source, int(source_port)
        told = [r for r in records[ends] if r["type"] == "tls"][0]
        if ja3 and (told.get("ja3"), told.get("sni", "")) != (ja3, sni):
            fail("%s: tshark says %s %s" % (names[ends], ja3, sni))
        if ja3s and told.get("ja3s") != ja3s and not told.get("retried"):
            fail("%s: tshark says ja3s %s, not %s" % (names[ends], ja3s, told.get("ja3s")))
        compared += 1
    if compared < len(talks):
        fail("tshark found only %d hellos" % compared)
    print("%d fingerprints and names are those of tshark" % compared)


# --- certificates ---


def openssl_says(path):
    text = subprocess.run(["openssl", "x509", "-in", os.path.join(folder, path), "-noout", "-subject", "-issuer", "-serial",
                           "-startdate", "-enddate", "-fingerprint", "-sha256", "-dateopt", "iso_8601", "-nameopt",
                           "RFC2253,-esc_msb,utf8", "-text"], capture_output=True, check=True).stdout.decode()

    def one(pattern):
        return re.search(pattern, text, re.M).group(1)

    found = {"subject": one("^subject=(.*)"), "issuer": one("^issuer=(.*)"), "serial": one("^serial=(.*)"),
             "not_before": one("^notBefore=(.*)Z").replace(" ", "T") + ".000000Z",
             "not_after": one("^notAfter=(.*)Z").replace(" ", "T") + ".000000Z", "bits": int(one(r"Public-Key: \((\d+) bit")),
             "sig": one("Signature Algorithm: (.*)"), "sha256": one("Fingerprint=(.*)").replace(":", "").lower()}
    names = re.search(r"Subject Alternative Name:[^\n]*\n +(.*)", text)
    if names:
        values = [re.sub("^(DNS|IP Address|email):", "", n) for n in names.group(1).split(", ")]
        found["san"] = [re.sub("^2001:.*", "2001:db8::25", v) for v in values] # written out in full there
    return found


def compare_certificates(talks, records):
    files = {25: "mx.pem", 587: "mx.pem", 465: "mx.pem"}
    expected = {path: openssl_says(path) for path in ("mx.pem", "dovecot.pem", "exim.pem", "client.crt")}
    compared = 0
    for talk in talks:
        told = [r for r in records[talk["ends"]] if r["type"] == "tls"]
        if not talk["version"] or not told:
            continue
        told, exim = told[0], talk["server"][0] == "192.0.2.26"
        wanted = expected["exim.pem" if exim else files.get(talk["server"][1], "dovecot.pem")]
        hidden = talk["version"] == "1.3" and not told.get("decrypted")
        if told.get("resumed", False) != talk.get("resumed", False):
            fail("%s: resumed is %r" % (name_of(talk), told.get("resumed")))
        if told.get("resumed"):
            continue
        if hidden:
            if told.get("cert_visible") is not False or "cert" in told:
                fail("%s: a certificate that nobody can see" % name_of(talk))
            continue
        cert = told.get("cert", {})
        for key, value in wanted.items():
            if cert.get(key) != value:
                fail("%s: certificate's %s is %r, not %r" % (name_of(talk), key, cert.get(key), value))
        if cert.get("expired") is not exim or cert.get("name_match") is not ("mx" in wanted["subject"] or exim):
            fail("%s: expired %r, name_match %r" % (name_of(talk), cert.get("expired"), cert.get("name_match")))
        asked = exim or talk["proto"] == "smtp"
        if told.get("client_cert_asked", False) is not asked:
            fail("%s: client_cert_asked is %r" % (name_of(talk), told.get("client_cert_asked")))
        client = told.get("client_cert", {})
        for key, value in expected["client.crt"].items() if talk.get("how") == "cert" else [("subject", None)]:
            if client.get(key) != value:
                fail("%s: the client's certificate's %s is %r, not %r" % (name_of(talk), key, client.get(key), value))
        compared += 1
    print("%d certificates are what openssl x509 prints" % compared)


# --- what was said inside ---


def clear_turns(talk):
    """Before TLS began, as it was captured."""
    sides = [(talk["connection"].client, 0), (talk["connection"].server, 1)]
    turns, taken = [], [0, 0]
    for p in talk["connection"].packets:
        side = dict(sides)[p.source]
        begin = talk["tls"][side]
        text = talk["streams"][side][0][taken[side] : min(begin, taken[side] + len(p.payload))]
        if p.payload and text:
            taken[side] += len(text)
            turns.append([side, text])
    return turns


def replay(talk, when):
    """The same dialogue, in clear."""
    made = packets.Dialogue(talk["connection"].client, talk["connection"].server, when)
    for side, text in clear_turns(talk):
        made.say(side, text)
    talk["inside_from"] = len(made.turns)
    for side, text in talk["turns"]:
        made.say(side, text.encode("latin-1"))
    made.end()
    return made


def compare_inside(held, records):
    made, all_of_them = {}, []
    for talk in held:
        made[talk["ends"]] = replay(talk, talk["connection"].packets[0].when)
        all_of_them += made[talk["ends"]].packets
    path = os.path.join(folder, "clear.pcap")
    packets.write(path, all_of_them)
    clear = mailtap(path, "--any-port")
    without = MOMENT | TRAVEL | SECRECY
    for talk in held:
        told = records[talk["ends"]]
        same(name_of(talk) + ": not what is told of the same in clear", normal(told, without),
             normal(clear.get(talk["ends"], []), without))
        if not all(r.get("decrypted") for r in told):
            fail(name_of(talk) + ": not every record says that it was read with keys")
    print("%d dialogues inside TLS are told as in clear" % len(held))
    return made


def compare_reordered(held, records):
    """Packets of each connection come late, or twice."""
    without = MOMENT | TRAVEL
    for seed in range(3):
        dice, shuffled = random.Random(seed), []
        for talk in held:
            order = list(enumerate(talk["connection"].packets))
            key = {i: i + (dice.choice((0, 0, 1.5)) if i > 2 else 0) for i, _ in order}
            order.sort(key=lambda pair: key[pair[0]])
            for _, p in order:
                shuffled += [p] * (2 if p.payload and dice.random() < 0.1 else 1)
        path = os.path.join(folder, "shuffled.pcap")
        packets.write(path, shuffled)
        told = mailtap(path, "--keylog", os.path.join(folder, "growing.keys"))
        for talk in held:
            same(name_of(talk) + ": in another order", normal(told.get(talk["ends"], []), without, True),
                 normal(records[talk["ends"]], without, True))
    print("%d of them three times in another order, too" % len(held))


def carriers(talk):
    """For each turn inside the packets that carry it: those of the record that is longer than it by what TLS adds. None:
    that does not show."""
    found = []
    at = [[(place, content) for place, kind, content in packets.records(talk["streams"][side][0], talk["tls"][side])
           if kind == 23] for side in (0, 1)]
    told = talk["cipher"]
    added = 17 if talk["version"] == "1.3" else 16 if "CHACHA20" in told else 24
    for side, text in talk["turns"]:
        while at[side] and len(at[side][0][1]) != len(text) + added:
            at[side].pop(0)
        if not at[side]:
            return None
        place, content = at[side].pop(0)
        found.append(list(dict.fromkeys(talk["streams"][side][1][place : place + 5 + len(content)])))
    return found


def compare_lost(held, records, made, seed):
    """The packets of one turn are gone, inside TLS and in clear."""
    compared, lossy, clear = [], [], []
    dice = random.Random(seed)
    for talk in held:
        told = [r for r in records[talk["ends"]] if r["type"] == "tls"][0]
        talk["cipher"] = told["cipher"]
        found = carriers(talk)
        if not found:
            continue
        turns = made[talk["ends"]].turns[talk["inside_from"] :]
        alone = [i for i, gone in enumerate(found) if 1 < i < len(found) - 2 and
                 all(sum(p in other for other in found) == 1 for p in gone)]
        if not alone:
            continue
        which = dice.choice(alone)
        gone, gone_clear = found[which], turns[which][2]
        lossy += [p for p in talk["connection"].packets if p not in gone]
        clear += [p for p in made[talk["ends"]].packets if p not in gone_clear]
        compared.append((talk, which))
    for name, kept in (("lossy.pcap", lossy), ("lossy-clear.pcap", clear)):
        packets.write(os.path.join(folder, name), kept)
    told = mailtap(os.path.join(folder, "lossy.pcap"), "--keylog", os.path.join(folder, "growing.keys"))
    expected = mailtap(os.path.join(folder, "lossy-clear.pcap"), "--any-port")
    without = MOMENT | TRAVEL | SECRECY | LOST
    for talk, which in compared:
        same("%s: without turn %d %r" % (name_of(talk), which, talk["turns"][which]),
             normal(told.get(talk["ends"], []), without), normal(expected.get(talk["ends"], []), without))
    if len(compared) < len(held) // 2:
        fail("only %d of %d could be cut" % (len(compared), len(held)))
    return len(compared)


def compare_curl(talks, records):
    """The same library and the same port, or the one that is TLS from the first octet, with TLS and without."""
    compared = 0
    without = MOMENT | TRAVEL | SECRECY | {"client_port", "server_port", "queue_id"}
    clear_port = {465: 587, 993: 143, 995: 110}

    def told(talk):
        lines = normal(records[talk["ends"]], without)
        return sorted(less(line) for line in lines)

    def less(line):
        record = json.loads(line)
        if record["type"] == "session" and record["proto"] in ("smtp", "pop3", "imap"):
            commands = record.get("commands", [])
            starts = [i for i, c in enumerate(commands) if c["verb"] in ("STARTTLS", "STLS")]
            if starts:
                commands = commands[starts[0] + 1 :] if record["proto"] == "smtp" else (
                    commands[: starts[0]] + commands[starts[0] + 1 :])
            kept = [c for i, c in enumerate(commands) if c["verb"] not in ("CAPABILITY", "CAPA")]
            record = {"commands": [[c.get(k) for k in ("verb", "arg", "code", "result", "status", "noted")] for c in kept]}
        line = json.dumps(record, sort_keys=True)
        line = re.sub(r"queued as \w+|session=<[^>]*>|\d+ messages?\b|\bOK Pre-login capabilities.*", "", line)
        return re.sub(r'"STARTTLS"(, )?', "", line)

    for talk in talks:
        if "library" not in talk or not talk["version"] or not any(r.get("decrypted") for r in records[talk["ends"]]):
            continue
        port = clear_port.get(talk["server"][1], talk["server"][1])
        other = [t for t in talks if t.get("library") == talk["library"] and t["server"][1] == port and not t["version"]][0]
        same("%s %s" % (name_of(talk), talk["library"]), told(talk), told(other))
        compared += 1
    with_keys = {t["library"] for t in talks if not t.get("library", "NSS").startswith("NSS")} # Debian's NSS writes no keys
    if compared < 14 * len(with_keys):
        fail("only %d of libcurl's could be compared" % compared)
    print("%d sessions of libcurl are told as without TLS" % compared)


def compare_live(talks, records):
    with open(os.path.join(folder, "live.json")) as file:
        live = by_ends(file)
    without = MOMENT | TRAVEL
    late = 0
    for talk in talks:
        told = live.get(talk["ends"], [])
        if talk.get("late") or "turns" in talk:
            same(name_of(talk) + ": live, with keys that came late" * talk["late"], normal(told, without, True),
                 normal(records[talk["ends"]], without, True))
            late += talk["late"]
    print("live they are told the same, %d of them with keys that came late" % late)


def main():
    talks = read_talks()
    records = mailtap(os.path.join(folder, "recorded.pcap"), "--keylog", os.path.join(folder, "growing.keys"))
    held = [t for t in talks if "turns" in t]
    compare_hellos(talks, records)
    compare_tshark(talks, records)
    compare_certificates(talks, records)
    made = compare_inside(held, records)
    compare_reordered(held, records)
    lost = sum(compare_lost(held, records, made, seed) for seed in range(LOSSES))
    print("%d times one of them with packets lost, as in clear" % lost)
    compare_curl(talks, records)
    compare_live(talks, records)
    with open(os.path.join(folder, "growing.keys")) as file:
        secrets = {line.split()[2] for line in file if len(line.split()) == 3}
    with open(os.path.join(folder, "live.json")) as file:
        text = file.read()
    if any(secret in text for secret in secrets) or "wonderland" in text:
        fail("a secret was written")
    if failures:
        sys.exit("FAILED: %d differences" % failures)


main()
