"""The patterns of signatures.yaml: parsing, widths, and the twin of each.

A small part of what Hyperscan reads, parsed strictly: bytes as themselves (letters, digits, space, most
punctuation), as \\xNN, \\t \\n \\r, or as a backslash and punctuation; `.` for any byte; classes with
ranges and ^; groups `(?:...)` with alternatives; `?`, `{n}`, `{n,m}`. Nothing is unbounded.

A parsed pattern is one of
    ("set", frozenset of byte values)
    ("seq", (parts...))
    ("alt", (parts...))         two or more
    ("rep", part, least, most)
"""

import re
import string

ANY = ("set", frozenset(range(256)))
EMPTY = ("seq", ())
PLAIN = frozenset(string.ascii_letters + string.digits + " !\"#%&',-/:;<=>@_`~")
ESCAPES = {"t": 9, "n": 10, "r": 13}
ITSELF_IN_CLASS = PLAIN - {"-"} | set(".?*+(){}|$")
MOST_REPEATS = 4096


class PatternError(Exception):
    pass


class Parser:
    """Recursive descent; every refusal says at which character, counted from 1."""

    def __init__(self, text):
        self.text = text
        self.at = 0

    def fail(self, what):
        raise PatternError(f"character {self.at + 1}: {what}")

    def peek(self, token):
        return self.text.startswith(token, self.at)

    def take(self, token):
        if not self.peek(token):
            return False
        self.at += len(token)
        return True

    def whole(self):
        if not self.take("^"):
            self.fail("a pattern begins with ^")
        # An alternative outside of groups would not be anchored.
        found = self.sequence()
        if self.at < len(self.text):
            self.fail(f"'{self.text[self.at]}' is not allowed here")
        if least(found) == 0:
            self.fail("the pattern matches nothing at all")
        return found

    def alternatives(self):
        found = [self.sequence()]
        while self.take("|"):
            found.append(self.sequence())
        if EMPTY in found:
            self.fail("an empty alternative")
        return found[0] if len(found) == 1 else ("alt", tuple(found))

    def sequence(self):
        found = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            found.append(self.repeated(self.atom()))
        return found[0] if len(found) == 1 else ("seq", tuple(found))

    def repeated(self, part):
        if self.take("?"):
            bounds = (0, 1)
        elif self.peek("{"):
            match = re.compile(r"\{(\d+)(?:,(\d+))?\}").match(self.text, self.at)
            if not match:
                self.fail("a repeat is {n} or {n,m}")
            bounds = (int(match[1]), int(match[2] or match[1]))
            if not bounds[0] <= bounds[1] or not 0 < bounds[1] <= MOST_REPEATS:
                self.fail(f"{match[0]} repeats from the less to the more, 1 to {MOST_REPEATS} times")
            self.at = match.end()
        else:
            return part
        if self.peek("?") or self.peek("{"):
            self.fail("a repeat of a repeat")
        if least(part) == 0:
            self.fail("a repeat of what may be nothing")
        return ("rep", part, *bounds)

    def atom(self):
        if self.take("(?:"):
            found = self.alternatives()
            if not self.take(")"):
                self.fail("the group is not closed")
            return found
        if self.take("."):
            return ANY
        if self.take("["):
            return self.byte_class()
        return ("set", frozenset({self.byte(PLAIN)}))

    def byte(self, plain):
        """One byte, as itself or escaped."""
        if self.take("\\x"):
            digits = self.text[self.at:self.at + 2]
            if not re.fullmatch("[0-9a-f]{2}", digits):
                self.fail("\\x wants two digits, 0-9 and a-f")
            self.at += 2
            return int(digits, 16)
        if self.take("\\"):
            letter = self.text[self.at:self.at + 1]
            if letter in ESCAPES:
                self.at += 1
                return ESCAPES[letter]
            if letter and letter in string.punctuation:
                self.at += 1
                return ord(letter)
            self.fail("only \\xNN, \\t, \\n, \\r and punctuation are escaped")
        letter = self.text[self.at:self.at + 1]
        if letter not in plain or not letter:
            self.fail(f"'{letter}' is not allowed here")
        self.at += 1
        return ord(letter)

    def byte_class(self):
        negated = self.take("^")
        found = set()
        while not self.take("]"):
            first = last = self.byte(ITSELF_IN_CLASS)
            if self.take("-"):
                last = self.byte(ITSELF_IN_CLASS)
                if last <= first:
                    self.fail("a range that does not rise")
            members = set(range(first, last + 1))
            if members & found:
                self.fail("a byte is in the class twice")
            found |= members
        if negated:
            found = set(range(256)) - found
        if not found or len(found) == 256:
            self.fail("a class of no byte, or of all")
        return ("set", frozenset(found))


def parse(text):
    return Parser(text).whole()


def joined(header, message):
    return ("seq", (header, message))


def least(node):
    """Bytes of the shortest match."""
    kind = node[0]
    if kind == "set":
        return 1
    if kind == "rep":
        return node[2] * least(node[1])
    return (sum if kind == "seq" else min)(map(least, node[1]))


def most(node):
    """Bytes of the longest match."""
    kind = node[0]
    if kind == "set":
        return 1
    if kind == "rep":
        return node[3] * most(node[1])
    return (sum if kind == "seq" else max)(map(most, node[1]))


def beginnings(node):
    """A pattern for every beginning, not empty, of what `node` matches, the whole among them.

    Of AB these are the beginnings of A, and A with a beginning of B behind it.
    """
    kind = node[0]
    if kind == "set":
        return node
    if kind == "alt":
        return ("alt", tuple(map(beginnings, node[1])))
    if kind == "rep":
        _, part, _, upper = node
        if part[0] == "set":
            return ("rep", part, 1, upper)
        if upper == 1:
            return beginnings(part)
        return ("seq", (("rep", part, 0, upper - 1), beginnings(part)))
    first, *rest = node[1]
    begun = beginnings(first)
    if not rest:
        return begun
    more = beginnings(("seq", tuple(rest)))
    if begun == first:
        return ("seq", (first, ("rep", more, 0, 1)))
    return ("alt", (begun, ("seq", (first, more))))


def spelled(node):
    """The pattern as Hyperscan reads it, without an anchor."""
    kind = node[0]
    if kind == "set":
        return spelled_set(node[1])
    if kind == "seq":
        return "".join(spelled(part) if part[0] != "alt" else f"(?:{spelled(part)})" for part in node[1])
    if kind == "alt":
        return "|".join(map(spelled, node[1]))
    _, part, lower, upper = node
    text = spelled(part) if part[0] == "set" else f"(?:{spelled(part)})"
    if (lower, upper) == (1, 1):
        return text
    return text + ("?" if (lower, upper) == (0, 1) else f"{{{lower},{upper}}}" if lower != upper else f"{{{lower}}}")


def spelled_set(members):
    if len(members) == 256:
        return "."
    if len(members) == 1:
        return spelled_byte(*members)
    ranges = []
    for value in sorted(members):
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    return "[" + "".join(spelled_byte(first) if first == last else f"{spelled_byte(first)}-{spelled_byte(last)}"
                         for first, last in ranges) + "]"


def spelled_byte(value):
    return chr(value) if chr(value).isascii() and chr(value).isalnum() else f"\\x{value:02x}"


def anchored(node):
    text = spelled(node)
    return f"^(?:{text})" if node[0] == "alt" else "^" + text


def twin(node):
    return f"^(?:{spelled(beginnings(node))})\\z"
