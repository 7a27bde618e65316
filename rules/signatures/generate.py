#!/usr/bin/python3
"""Turns signatures.yaml into constant C++ tables, twins among them, and refuses data that is wrong.

    generate.py --classes conformance.h --messages signatures.h --output tables.cpp signatures.yaml

The names of classes and messages are read from the enums of the two headers, so there is one list of
each. Every error is reported, as `file:line: what is wrong`; one error means no output.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import pattern as language  # noqa: E402
from strict_yaml import Reader, cpp_text, enumerators  # noqa: E402

WITHOUT_PATTERNS = ("none", "custom")
TRANSPORTS = ("tcp", "udp")
HELLOS = ("tls-hello", "sslv2-hello")  # that published names apply to
MOST_BYTES = 4096  # of what one pattern may look at: what is kept of a session without SNI


class Signatures(Reader):
    def __init__(self, class_names, message_names):
        super().__init__()
        self.class_names = [name for name in class_names if name not in WITHOUT_PATTERNS]
        self.message_names = message_names
        self.messages = {}  # name -> parsed pattern
        self.classes = {}   # name -> what it says

    def read(self, path):
        root = self.root(path)
        if root is None:
            return
        top = self.mapping(root, ("messages", "classes"))
        if len(top) < 2:
            return
        messages = self.mapping(top["messages"], self.message_names)
        for name in sorted(messages, key=list(self.message_names).index):
            self.messages[name] = None
        for name, node in messages.items():
            self.read_message(name, node)
        classes = self.mapping(top["classes"], self.class_names)
        if list(classes) != [name for name in self.class_names if name in classes]:
            self.error(top["classes"], "the classes are not in the order of ProtocolClass")
        for name, node in classes.items():
            self.read_class(name, node)
        used = {name for found in self.classes.values() for name in found["messages"]}
        for name, node in messages.items():
            if name not in used:
                self.error(node, f"no class has the message '{name}'")

    def read_message(self, name, node):
        keys = self.mapping(node, ("source", "bytes"), ("pattern", "header", "then"))
        if "source" in keys and not self.text(keys["source"]):
            self.error(keys["source"], "'source' is empty")
        if sorted(keys.keys() - {"source", "bytes"}) not in (["pattern"], ["header", "then"]):
            self.error(node, "either 'pattern' is needed, or 'header' and 'then'")
            return
        found = self.parsed(keys["pattern" if "pattern" in keys else "header"])
        if found and "then" in keys:
            then = self.text(keys["then"])
            if self.messages.get(then) is None:
                self.error(keys["then"], f"'{then}' is no message above this one")
                return
            found = language.joined(found, self.messages[then])
        if not found or "bytes" not in keys:
            return
        if self.text(keys["bytes"]) != str(language.least(found)):
            self.error(keys["bytes"], f"the shortest match has {language.least(found)} bytes")
        if language.most(found) > MOST_BYTES:
            self.error(node, f"the longest match has {language.most(found)} bytes; {MOST_BYTES} are kept")
        self.messages[name] = found

    def parsed(self, node):
        try:
            return language.parse(self.text(node))
        except language.PatternError as problem:
            self.error(node, str(problem))
            return None

    def read_class(self, name, node):
        keys = self.mapping(node, ("summary", "source", "transport", "messages"), ("watch-only", "names"))
        if any(key not in keys for key in ("summary", "source", "transport", "messages")):
            return
        for key in ("summary", "source", "watch-only"):
            if key in keys and not self.text(keys[key]):
                self.error(keys[key], f"'{key}' is empty")
        if self.text(keys["transport"]) not in TRANSPORTS:
            self.error(keys["transport"], "the transport is tcp or udp")
        messages = self.names(keys["messages"], self.message_names, "message")
        if "names" in keys and (self.text(keys["names"]) != "true" or not set(messages) <= set(HELLOS)):
            self.error(keys["names"], f"names is 'true', and goes with {' and '.join(HELLOS)} alone")
        self.classes[name] = {
            "summary": self.text(keys["summary"]),
            "source": self.text(keys["source"]),
            "transport": self.text(keys["transport"]),
            "watch-only": self.text(keys["watch-only"]) if "watch-only" in keys else "",
            "names": "names" in keys,
            "messages": messages,
        }


# -- C++ ------------------------------------------------------------------------------------------


def identifier(name):
    return name.replace("-", "_")


def generate(signatures):
    lines = []
    for name, node in signatures.messages.items():
        lines += [
            f"constexpr Pattern k_{identifier(name)} = {{",
            f"    Message::{identifier(name)},",
            f"    {cpp_text(language.anchored(node))},",
            f"    {cpp_text(language.twin(node))},",
            f"    {language.least(node)}, {language.most(node)}}};",
        ]
    classes = []
    for name, found in signatures.classes.items():
        patterns = ", ".join("k_" + identifier(message) for message in found["messages"])
        lines.append(f"constexpr Pattern k_of_{identifier(name)}[] = {{{patterns}}};")
        classes.append("    {" + ", ".join([
            f"policy::ProtocolClass::{identifier(name)}", cpp_text(found["summary"]), cpp_text(found["source"]),
            f"policy::Transport::{found['transport']}", cpp_text(found["watch-only"]),
            "true" if found["names"] else "false", f"k_of_{identifier(name)}",
        ]) + "},")
    names = ", ".join(map(cpp_text, signatures.message_names))
    return "\n".join([
        "// Generated by rules/signatures/generate.py from rules/signatures/signatures.yaml.",
        '#include "rules/signatures/tables.h"',
        "",
        "namespace portcullis::signatures {",
        "namespace {",
        *lines,
        "constexpr SignatureClass kClassArray[] = {",
        *classes,
        "};",
        f"constexpr std::string_view kMessageNameArray[] = {{{names}}};",
        "}  // namespace",
        "",
        "constinit const std::span<const SignatureClass> kClasses = kClassArray;",
        "constinit const std::span<const std::string_view> kMessageNames = kMessageNameArray;",
        "",
        "}  // namespace portcullis::signatures",
        "",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", required=True, help="rules/policy/conformance.h")
    parser.add_argument("--messages", required=True, help="rules/signatures/signatures.h")
    parser.add_argument("--output", required=True, help="the C++ file to write")
    parser.add_argument("data", help="signatures.yaml")
    arguments = parser.parse_args()

    signatures = Signatures(enumerators(arguments.classes, "ProtocolClass"),
                            enumerators(arguments.messages, "Message"))
    signatures.read(arguments.data)
    if signatures.errors:
        print("\n".join(signatures.errors), file=sys.stderr)
        return 1
    pathlib.Path(arguments.output).write_text(generate(signatures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
