"""Runs, in the guest, what the test outside asks for over a virtio-serial port: a JSON object a line, an answer each.

  {"run": [argv], "timeout": 60}    -> {"code": 0, "out": "...", "err": "..."}
  {"start": [argv], "name": "x"}    -> {"pid": 1}; its output goes to /tmp/x.log
  {"write": PATH, "text": "..."}    -> {}
Any failure of its own: {"error": "..."}. The first line it sends is {"ready": true}.
"""
import glob
import json
import os
import subprocess
import sys
import time
import traceback

os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def port():
    while True:
        for name in glob.glob("/sys/class/virtio-ports/*/name"):
            with open(name, encoding="ascii") as file:
                if file.read().strip() == "agent":
                    return open(f"/dev/{name.split('/')[-2]}", "r+b", buffering=0)
        time.sleep(0.05)


def answer(request):
    if "run" in request:
        done = subprocess.run(request["run"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              timeout=request["timeout"], errors="replace")
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}
    if "start" in request:
        with open(f"/tmp/{request['name']}.log", "wb") as log:
            popen = subprocess.Popen(request["start"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return {"pid": popen.pid}
    with open(request["write"], "w", encoding="utf-8") as file:
        file.write(request["text"])
    return {}


def main():
    wire, rest = port(), b""
    wire.write(b'{"ready": true}\n')
    while True:
        data = wire.read(65536)
        if not data:  # nobody is connected outside
            time.sleep(0.1)
            continue
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                said = answer(json.loads(line))
            except Exception as error:  # pylint: disable=broad-except
                said = {"error": f"{type(error).__name__}: {error}"}
            text = json.dumps(said).encode() + b"\n"
            while text:
                text = text[wire.write(text):]


try:
    main()
except BaseException:  # the first process must not end without a word
    traceback.print_exc(file=sys.stderr)
    raise
