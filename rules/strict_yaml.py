"""What the generators of rules/ share: YAML read strictly, enums read from headers, C++ written.

Every error is kept, as `file:line: what is wrong`; one error means no output.
"""

import pathlib
import re

import yaml


class Reader:
    """YAML nodes to values, each with its error."""

    def __init__(self):
        self.errors = []

    def error(self, node, text):
        self.errors.append(f"{node.start_mark.name}:{node.start_mark.line + 1}: {text}")

    def root(self, path):
        """The file's outermost node, or None."""
        with open(path, encoding="utf-8") as stream:
            try:
                root = yaml.compose(stream, Loader=yaml.SafeLoader)
            except yaml.MarkedYAMLError as problem:
                line = problem.problem_mark.line + 1 if problem.problem_mark else 1
                self.errors.append(f"{path}:{line}: {problem.problem}")
                return None
        if root is None:
            self.errors.append(f"{path}:1: the file is empty")
        return root

    def mapping(self, node, required, optional=()):
        """{key: value node} of a mapping with exactly these keys."""
        if not isinstance(node, yaml.MappingNode):
            self.error(node, "expected a mapping")
            return {}
        found = {}
        for key, value in node.value:
            if key.value in found:
                self.error(key, f"the key '{key.value}' is there twice")
            elif required is not None and key.value not in (*required, *optional):
                self.error(key, f"unknown key '{key.value}'")
            else:
                found[key.value] = value
        for key in required or ():
            if key not in found:
                self.error(node, f"the key '{key}' is missing")
        return found

    def sequence(self, node):
        if isinstance(node, yaml.SequenceNode):
            return node.value
        self.error(node, "expected a list")
        return []

    def text(self, node):
        if isinstance(node, yaml.ScalarNode):
            return node.value
        self.error(node, "expected text")
        return ""

    def names(self, node, known, what):
        """One name or a list of names, all of them known."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.error(node, f"an empty list of {what} names")
        found = []
        for item in nodes:
            name = self.text(item)
            if known is not None and name not in known:
                self.error(item, f"'{name}' is no {what}")
            elif name in found:
                self.error(item, f"'{name}' is listed twice")
            else:
                found.append(name)
        return tuple(found)


def enumerators(path, name):
    """Names of a C++ enum in the spelling of the data: `av_node` is 'av-node'."""
    code = re.sub(r"//[^\n]*", "", pathlib.Path(path).read_text(encoding="utf-8"))
    body = re.search(rf"enum class {name}\b[^{{]*{{([^}}]*)}}", code)[1]
    return tuple(word.replace("_", "-") for word in re.findall(r"\w+", body))


def cpp_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
