#!/usr/bin/env python3
"""What attacks.sh did, counted in the servers' logs and in what the tools print, against what mailtap says of it. Every
alert of the rules about attacks must be expected, and every expected one be there, its last state with the true counts.

  attack_truth.py FOLDER NDJSON             with --local-nets and --local-domains
  attack_truth.py --guessed FOLDER NDJSON   without: the relay is convicted by what was seen alone
"""
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

guessed = sys.argv[1] == "--guessed"
folder = Path(sys.argv[-2])
wrong = []


def check(name, what, is_, should):
    if is_ != should:
        wrong.append(f"{name}: {what} {is_}, should be {should}")


# --- what the tools say ---


class Attack:
    def __init__(self, line):
        self.name, self.tool, self.client, self.server, self.ports, self.method = line.split()
        self.output = (folder / "attacks" / self.name).read_text(errors="replace")


def spoken(output):
    """Commands and replies, from nmap's --script-trace: under a line that says which way, text or a hex dump. Of a reply of
    several lines, the first."""
    said = []
    for line in output.splitlines():
        if m := re.match(r"NSE: TCP \S+ ([<>]) \S+ \| (.*)", line):
            line = m[2]
            said.append([m[1] == ">", "" if re.match(r"SEND$|CONNECT$|CLOSE$|[0-9a-f]{8}: ", line) else line])
        if said and (m := re.match(r"[0-9a-f]{8}: ((?:[0-9a-f]{2} ){1,16})", line)):
            said[-1][1] += bytes.fromhex(m[1]).decode(errors="replace")
    return [(mine, text.strip()) for mine, text in said if text]


def transactions(output):
    """(sender, recipient, code) of each RCPT that nmap sent."""
    said, sender, tried = spoken(output), None, []
    for (mine, text), (_, answer) in zip(said, said[1:]):
        if mine and text.startswith("MAIL FROM:"):
            sender = text[11:-1]
        elif mine and text.startswith("RCPT TO:"):
            tried.append((sender, text[9:-1], int(answer[:3])))
    return tried


def form(sender, recipient, server):
    name = next(name for address, name in NAMES.items() if address == server)
    for pattern, form in ((r"^@", "source_route"), (r'^"', "quoted"), (r"@.*@", "multi_at"), ("%", "percent"), ("!", "bang")):
        if re.search(pattern, recipient):
            return form
    if not sender:
        return "empty_sender"
    return "sender_literal" if "@[" in sender else "sender_here" if sender.endswith("@" + name) else "plain"


def accounts(attack):
    """Names that the tool says exist."""
    if attack.tool == "nmap":
        return re.findall(r"^\|[ _] +(?:RCPT|VRFY|EXPN), (\S+)", attack.output, re.M)
    return [line.split()[0] for line in attack.output.splitlines() if line.split()[1].startswith("2")]


# --- what the servers say ---

logs = {name: (folder / f"{name}.log").read_text(errors="replace") for name in ("closed", "open", "outside", "dovecot")}
exim_log = folder / "exim/main.log"
logs["exim"] = exim_log.read_text(errors="replace") if exim_log.exists() else ""


def served(log, client):
    """Postfix counts, for each connection, the commands by their outcome: "rcpt=3/8" is three of eight."""
    done, asked = Counter(), Counter()
    for line in re.findall(rf"disconnect from \S*\[{re.escape(client)}\] (.*)", logs[log]):
        for verb, good, all_ in re.findall(r"(\w+)=(\d+)(?:/(\d+))?", line):
            done[verb] += int(good)
            asked[verb] += int(all_ or good)
    return done, asked


def exim_served(client, method):
    """Exim names what it refuses, and the commands of a connection without mail."""
    mine = [line for line in logs["exim"].splitlines() if f"[{client}]" in line]
    refused = sum(bool(re.search(rf"{method} failed for|rejected {method} |syntax error in \"{method} ", line)) for line in mine)
    commands = sum(line.rpartition(" C=")[2].split(",").count(method) for line in mine if "no MAIL in SMTP" in line)
    return commands, refused


def guesses(client):
    """Dovecot's verdicts over logins, by user: failures."""
    return Counter(re.findall(rf"passwd-file\((\w+),{re.escape(client)}[,)].*(?:mismatch|unknown user)", logs["dovecot"]))


def logins(client):
    done, _ = served("closed", client)
    return done["auth"] + len(re.findall(rf"Login: user=<\w+>.*rip={re.escape(client)},", logs["dovecot"]))


# --- what mailtap should say ---

NAMES = dict(line.split() for line in (folder / "names").read_text().splitlines())
LISTS = {name: users.replace(",", " ").split() for name, users in (
    line.split(":") for line in (folder / "lists").read_text().splitlines())}
SERVED_BY = {"closed": "closed", "open": "open", "misused": "open", "kept": "open"}
attacks = [Attack(line) for line in (folder / "attacks.list").read_text().splitlines()]
expected = {}  # by rule, entity and server


def expect(rule, entity, server, severity, **details):
    expected[rule, entity, server] = severity, details


def expect_relay(a, role):
    tried = transactions(a.output)
    accepted = [t for t in tried if t[2] < 300]
    if role == "exim":
        check(a.name, "recipients that Exim's log has refused", exim_served(a.client, "RCPT")[1], len(tried))
    else:
        done, asked = served(SERVED_BY[role], a.client)
        check(a.name, "recipients that Postfix counted", (done["rcpt"], asked["rcpt"]), (len(accepted), len(tried)))
    check(a.name, "forms that nmap tried", len(tried), 16)
    printed = re.search(r"open relay \((\d+)/16 tests\)", a.output)
    check(a.name, "forms accepted, as nmap prints", int(printed[1]) if printed else 0, len(accepted))
    table = Counter()
    for sender, recipient, code in tried:
        name = form(sender, recipient, a.server).replace("empty_sender", "no_sender")
        table[name + ("_accepted" if code < 300 else "_refused")] += 1
    expect("relay_probe", a.client, a.server, "low", count=len(tried), **table)
    if accepted:
        forms = Counter(form(sender, recipient, a.server) for sender, recipient, _ in accepted)
        expect("open_relay", a.server, a.server, "medium", count=len(accepted), recipients=len(accepted), **forms)


def expect_enumeration(a, role):
    found = accounts(a)
    if role == "exim":
        commands, refused = exim_served(a.client, a.method)
        # Exim does not say what it refused to EXPN: the tool does. One RCPT accepted and it is no connection without mail.
        if a.method == "EXPN":
            refused = commands - len(found)
        elif a.method == "VRFY":
            check(a.name, "names found, by Exim's log", commands - refused, len(found))
        asked = len(found) + refused
    else:
        done, all_ = served(role, a.client)
        asked = all_[a.method.lower()]
        check(a.name, "names found, by Postfix' log", done[a.method.lower()], len(found))
    if a.tool == "nmap" and a.method == "RCPT":
        check(a.name, "names asked for, by nmap's trace", len(transactions(a.output)), asked)
    behind = {user for name in found if a.method == "EXPN" for user in LISTS.get(name, ())}
    expect("enumeration", a.client, a.server, "high", count=asked, disclosed=len(found), listed=len(behind),
           unknown=asked - len(found), **{a.method.lower(): asked})


def expect_guessing(a, failed):
    mine, found = guesses(a.client), re.findall(r"^\|[ _] +(\w+):\S+ - Valid credentials", a.output, re.M)
    tried = int(re.search(r"Performed (\d+) guesses", a.output)[1])
    check(a.name, "guesses, by Dovecot's log", sum(mine.values()) + logins(a.client), tried)
    check(a.name, "logins, by the servers' logs", logins(a.client), len(found))
    expect("auth_bruteforce", a.client, a.server, "medium", count=sum(mine.values()), failures=sum(mine.values()),
           successes=len(found), users=len(mine), clients=1)
    for user in mine:
        failed[user, a.server][a.client] += mine[user]
    for user in found:
        expect("auth_success_after_failures", a.client, a.server, "high", successes=1, reason=f"after {mine[user]} failed")


failed = defaultdict(Counter)
for a in attacks:
    role = next(role for role, address in (line.split() for line in (folder / "roles").read_text().splitlines()) if address == a.server)
    if a.name.startswith("relay-scan"):
        expect_relay(a, role)
    elif a.name.startswith(("enum", "loop")):
        expect_enumeration(a, role)
    elif a.name.startswith("brute"):
        expect_guessing(a, failed)
    elif a.name == "ntlm":
        names = dict(re.findall(r"^\|[ _] +(\w+): (\S+)", a.output, re.M))
        expect("ntlm_leak", a.server, a.server, "low", count=1, evidence=[names[name] for name in (
            "NetBIOS_Domain_Name", "NetBIOS_Computer_Name", "DNS_Domain_Name", "Product_Version")])
    elif a.name == "relay-used":
        sent = len(re.findall(r"to=<victim@far\.example>, relay=203\S+ .*status=sent", logs["open"]))
        arrived = len(re.findall(r"to=<victim@far\.example>.*status=sent", logs["outside"]))
        check(a.name, "mails that the outside has", (sent, arrived), (1, 1))
        expect("open_relay", a.server, a.server, "low" if guessed else "critical", count=sent,
               passed_on=arrived, **({} if guessed else {"messages": sent}))
    elif a.name == "relay-kept":
        taken = len(re.findall(r"to=<victim@near\.example>.*status=sent", logs["open"]))
        check(a.name, "mails taken", taken, 1)
        if not guessed:
            expect("open_relay", a.server, a.server, "high", count=taken, messages=taken)
    elif a.name == "relay-refused":
        check(a.name, "refusals", len(re.findall(rf"reject: RCPT from \S*\[{a.client}\]", logs["closed"])), 1)
    else:
        check(a.name, "recipients accepted", served("closed", a.client)[0]["rcpt"], 1)
for (user, server), clients in failed.items():
    expect("auth_bruteforce", user, server, "medium", count=sum(clients.values()), failures=sum(clients.values()),
           users=1, clients=len(clients))

# --- what it says ---

said, states = {}, defaultdict(list)
with open(sys.argv[-1], encoding="utf-8") as records:
    for record in map(json.loads, records):
        rule = record["type"] == "alert" and record["rule"].split(".")[1]
        if not rule or rule in ("auth_before_tls", "cleartext_auth") and record["severity"] in ("low", "info"):
            continue  # facts about these servers, true of every connection to them
        key = rule, record["entity"]["value"], record.get("server_ip", "any server")
        said[key] = record
        states[key].append(record["state"])

for key in sorted(set(expected) - set(said)):
    wrong.append(f"not said: {' '.join(key)}")
for key in sorted(set(said) - set(expected)):
    wrong.append(f"said, and not so: {' '.join(key)}: {said[key]['severity']}, {said[key]['reason']}")
for key in sorted(set(said) & set(expected)):
    record, (severity, details) = said[key], expected[key]
    name = " ".join(key)
    check(name, "severity", record["severity"], severity)
    figures = {**record.get("details", {}), "count": record["count"]}
    for word, number in details.items():
        if word == "reason":
            check(name, "reason has", number in record["reason"] and number, number)
        elif word == "evidence":
            text = " ".join(e["text"] for e in record["evidence"])
            check(name, "evidence has", [part for part in number if part in text], number)
        else:
            check(name, word, figures.get(word, 0), number)
    if key[0] in ("relay_probe",):  # the table has these forms and no others
        check(name, "forms", sorted(set(figures) - {"count"}), sorted(set(details) - {"count"}))
    check(name, "states", [s for s in states[key][1:] if s == "new"], [])
    check(name, "states", states[key].count("end") <= 1, True)

print(*(f"FAILED: {text}" for text in wrong), sep="\n", end="\n" if wrong else "")
if not wrong:
    print(f"{len(attacks)} attacks, {len(expected)} alerts{' without being told what is local' if guessed else ''}: as the servers' logs have it")
sys.exit(bool(wrong))
