#!/usr/bin/python3
"""Turns the matrix (rules/matrix/*.yaml) into constant C++ tables, and refuses a matrix that is wrong.

    generate.py --rows row.h --features features.h --output tables.cpp DOCUMENT.yaml...

The names of entities and features are read from the enums of the two headers, so there is one list of
each. Every error is reported, as `file:line: what is wrong`; one error means no output.
"""

import argparse
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from strict_yaml import Reader, cpp_text, enumerators  # noqa: E402

RELEASES = ("lync-2010", "lync-2013")
TRANSPORTS = {"tcp": ("tcp",), "udp": ("udp",), "tcp/udp": ("tcp", "udp")}
# An Edge VIP is ours and never a source on the wire; an Internet or corporate address may be anybody's.
NEVER_SOURCE = {"access-vip", "web-conferencing-vip", "av-vip", "internal-vip", "other-av-node"}
ROW_TEXTS = ("role", "application", "transports", "ports", "from", "to", "note")
ENDS = ("opens", "restates", "no-rule")
ANY_PORT = (0, 65535)


class Matrix(Reader):
    """The documents read so far, and what is wrong with them."""

    def __init__(self, entities, features):
        super().__init__()
        self.entities = entities
        self.features = features
        self.rows = {}  # id -> row, in the order of the documents

    def ports(self, node):
        text = self.text(node)
        if text == "any":
            return ANY_PORT
        match = re.fullmatch(r"([1-9]\d*)(?:-([1-9]\d*))?", text)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 < first <= last <= 65535:
            self.error(node, f"'{text}' is no port, range of ports or 'any'")
        return first, last

    # -- documents, rows, openings ----------------------------------------------------------------

    def read(self, path):
        root = self.root(path)
        if root is None:
            return
        top = self.mapping(root, ("document", "prefix", "release", "tables"))
        if len(top) < 4:
            return
        document = self.text(top["document"])
        if document != pathlib.Path(path).stem:
            self.error(top["document"], f"the document is '{document}', the file is not")
        release = self.names(top["release"], RELEASES, "release")
        prefix = self.text(top["prefix"])
        for table, rows in self.mapping(top["tables"], None).items():
            for number, node in enumerate(self.sequence(rows), 1):
                self.read_row(node, document, f"{prefix}.{table}.{number:02}", table, number, release)

    def read_row(self, node, document, expected_id, table, number, release):
        keys = self.mapping(node, ("id", *ROW_TEXTS), ENDS)
        if any(key not in keys for key in ("id", *ROW_TEXTS)):
            return
        row = {key: self.text(keys[key]) for key in ROW_TEXTS}
        row |= {"id": self.text(keys["id"]), "document": document, "table": table, "number": number,
                "node": node, "openings": [], "restates": (), "no-rule": ""}
        if row["id"] != expected_id:
            self.error(keys["id"], f"the id is '{row['id']}', its place says '{expected_id}'")
        if row["id"] in self.rows:
            self.error(keys["id"], f"'{row['id']}' is there twice")
        self.rows[row["id"]] = row

        given = [key for key in ENDS if key in keys]
        if len(given) != 1:
            self.error(node, f"exactly one of {', '.join(ENDS)} is needed, here are {len(given)}")
        for key in ("note", *(("role", "from", "to") if "no-rule" not in keys else ())):
            # Tables without a column for the source leave `from` empty.
            if not row[key] and key != "from":
                self.error(node, f"'{key}' is empty")
        if row["transports"] not in ("", "dhcp", *TRANSPORTS):
            self.error(keys["transports"], f"'{row['transports']}' is no transport of the documents")
        if not re.fullmatch(r"|67/68|\d+|\d+-\d+", row["ports"]):
            self.error(keys["ports"], f"'{row['ports']}' is no port of the documents")

        if "opens" in keys:
            row["openings"] = [self.read_opening(item, row, release)
                               for item in self.sequence(keys["opens"])]
            if not row["openings"]:
                self.error(keys["opens"], "nothing is opened; say no-rule and why")
        if "restates" in keys:
            row["restates"] = self.names(keys["restates"], None, "row")
        if "no-rule" in keys:
            row["no-rule"] = self.text(keys["no-rule"])
            if not row["no-rule"]:
                self.error(keys["no-rule"], "the reason is empty")

    def read_opening(self, node, row, release):
        keys = self.mapping(node, ("from", "to"),
                            (*TRANSPORTS, "source-ports", "any-of", "all-of", "releases", "snat"))

        def names(key, known, what):
            return self.names(keys[key], known, what) if key in keys else ()

        opening = {
            "node": node,
            "row": row["id"],
            "from": names("from", self.entities, "entity"),
            "to": names("to", self.entities, "entity"),
            "source-ports": self.ports(keys["source-ports"]) if "source-ports" in keys else ANY_PORT,
            "any-of": names("any-of", self.features, "feature"),
            "all-of": names("all-of", self.features, "feature"),
            "releases": names("releases", RELEASES, "release") or release,
            "snat": "snat" in keys,
            "transports": (),
            "ports": ANY_PORT,
        }
        given = [key for key in TRANSPORTS if key in keys]
        if len(given) != 1:
            self.error(node, f"exactly one of {', '.join(TRANSPORTS)} is needed, here are {len(given)}")
            return opening
        opening["transports"] = TRANSPORTS[given[0]]
        opening["ports"] = self.ports(keys[given[0]])
        self.check_opening(opening, row, keys)
        return opening

    def check_opening(self, opening, row, keys):
        """What an opening may say, given its row."""
        node = opening["node"]
        for name in opening["from"]:
            if name in NEVER_SOURCE:
                self.error(keys["from"], f"'{name}' is never a source on the wire")
        if "other-av-node" in opening["to"] and opening["from"] != ("av-node",):
            self.error(keys["to"], "'other-av-node' goes with 'from: av-node' alone")
        if opening["snat"] and (self.text(keys["snat"]) != "true" or opening["from"] != ("access-node",)):
            self.error(keys["snat"], "snat is 'true', and goes with 'from: access-node' alone")
        if len(opening["any-of"]) == 1:
            self.error(keys["any-of"], "one feature alone is written with all-of")
        if set(opening["any-of"]) & set(opening["all-of"]):
            self.error(node, "a feature is both in any-of and in all-of")
        # A row opens its own ports and transports. One cell of the documents leaves the transport out.
        documented = TRANSPORTS.get(row["transports"], ("tcp", "udp"))
        if not set(opening["transports"]) <= set(documented):
            self.error(node, f"the row says transport '{row['transports']}'")
        spelled = [f"{first}" if first == last else f"{first}-{last}"
                   for first, last in (opening["ports"], opening["source-ports"])
                   if (first, last) != ANY_PORT]
        if spelled != [row["ports"]]:
            self.error(node, f"the row says ports '{row['ports']}'")

    # -- the whole --------------------------------------------------------------------------------

    def check_all(self):
        for row in self.rows.values():
            self.check_restates(row)
        self.check_repeated()

    def check_restates(self, row):
        seen, todo = set(), [row["id"]]
        while todo:
            current = self.rows[todo.pop()]
            seen.add(current["id"])
            for target in current["restates"]:
                if target not in self.rows:
                    if current is row:
                        self.error(row["node"], f"restates '{target}', which is no row")
                elif target == row["id"]:
                    self.error(row["node"], "restates itself in the end")
                elif target not in seen:
                    todo.append(target)

    def check_repeated(self):
        """No two openings may be one and the same: the second row restates the first."""
        first = {}
        for row in self.rows.values():
            for opening in row["openings"]:
                for key in identities(opening):
                    other = first.setdefault(key, opening)
                    if other is not opening:
                        self.error(opening["node"], f"opens {key[1]} to {key[2]} as '{other['row']}' does")

    def features_of(self, row):
        """Features of the row's openings, or of those that it repeats; sorted."""
        found = set()
        for opening in row["openings"]:
            found |= {*opening["any-of"], *opening["all-of"]}
        for target in row["restates"]:
            found |= set(self.features_of(self.rows[target]))
        return tuple(sorted(found))


def identities(opening):
    for release in opening["releases"]:
        for source in opening["from"]:
            for target in opening["to"]:
                for transport in opening["transports"]:
                    yield (release, source, target, transport, opening["ports"], opening["source-ports"])


# -- C++ ------------------------------------------------------------------------------------------


class Writer:
    """Emits constant tables; equal arrays are written once."""

    def __init__(self):
        self.lines = []
        self.arrays = {}

    def array(self, kind, items):
        """A name that converts to a span of these items, or an empty span."""
        if not items:
            return "{}"
        key = (kind, tuple(items))
        if key not in self.arrays:
            self.arrays[key] = f"kArray{len(self.arrays)}"
            self.lines.append(f"constexpr {kind} {self.arrays[key]}[] = {{{', '.join(items)}}};")
        return self.arrays[key]

    def texts(self, items):
        return self.array("std::string_view", [cpp_text(item) for item in items])

    def entities(self, items):
        return self.array("Entity", ["Entity::" + item.replace("-", "_") for item in items])

    def opening(self, opening):
        def port_range(ports):
            return f"{{{ports[0]}, {ports[1]}}}"

        transports = self.array("Transport", ["Transport::" + name for name in opening["transports"]])
        flags = [release in opening["releases"] for release in RELEASES] + [opening["snat"]]
        return "{" + ", ".join([
            self.entities(opening["from"]), self.entities(opening["to"]), transports,
            self.array("PortRange", [port_range(opening["ports"])]), port_range(opening["source-ports"]),
            self.texts(opening["any-of"]), self.texts(opening["all-of"]),
            *("true" if flag else "false" for flag in flags),
        ]) + "}"

    def row(self, matrix, row):
        openings = self.array("Opening", [self.opening(opening) for opening in row["openings"]])
        return "    {" + ", ".join([
            cpp_text(row["id"]), cpp_text(row["document"]), cpp_text(row["table"]), str(row["number"]),
            *(cpp_text(row[key]) for key in ROW_TEXTS),
            self.texts(row["restates"]), cpp_text(row["no-rule"]), openings,
            self.texts(matrix.features_of(row)),
        ]) + "},"


def generate(matrix):
    writer = Writer()
    rows = [writer.row(matrix, row) for row in matrix.rows.values()]
    entities = writer.texts(matrix.entities)
    return "\n".join([
        "// Generated by rules/matrix/generate.py from rules/matrix/*.yaml.",
        '#include "rules/matrix/tables.h"',
        "",
        "namespace portcullis::matrix {",
        "namespace {",
        "using policy::PortRange;",
        "using policy::Transport;",
        *writer.lines,
        "constexpr Row kRowArray[] = {",
        *rows,
        "};",
        "}  // namespace",
        "",
        "constinit const std::span<const Row> kRows = kRowArray;",
        f"constinit const std::span<const std::string_view> kEntityNames = {entities};",
        "",
        "}  // namespace portcullis::matrix",
        "",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", required=True, help="rules/matrix/row.h")
    parser.add_argument("--features", required=True, help="rules/topology/features.h")
    parser.add_argument("--output", required=True, help="the C++ file to write")
    parser.add_argument("documents", nargs="+", help="YAML files, in the order of the rows")
    arguments = parser.parse_args()

    matrix = Matrix(enumerators(arguments.rows, "Entity"), enumerators(arguments.features, "Feature"))
    for path in arguments.documents:
        matrix.read(path)
    matrix.check_all()
    if matrix.errors:
        print("\n".join(matrix.errors), file=sys.stderr)
        return 1
    pathlib.Path(arguments.output).write_text(generate(matrix), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
