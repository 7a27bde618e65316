"""Real clients. Each returns (worked, what it said); none waits longer than it has to."""
import math
import re

# Seconds. For an answer that must come: as long as a machine under load may take to start the client. For
# one that must not: a first SYN that is lost is sent again after one; the lab answers within milliseconds.
PATIENCE, SILENCE = 15, 3


def curl(host, source, destination, port, scheme, timeout=PATIENCE):
    target = f"[{destination}]" if ":" in destination else destination
    result = host.run("curl", "-sS", "--insecure", "--noproxy", "*", "--interface", source, "--max-time", timeout,
                      "--connect-timeout", timeout, f"{scheme}://{target}:{port}/", check=False)
    return result.returncode == 0, (result.stdout or result.stderr).strip()


def https(host, source, destination, port, timeout=PATIENCE):
    return curl(host, source, destination, port, "https", timeout)


def http(host, source, destination, port, timeout=PATIENCE):
    return curl(host, source, destination, port, "http", timeout)


def tls(host, source, destination, port, timeout=PATIENCE):
    """openssl s_client: a TLS handshake and nothing more, as a SIP client begins."""
    bracket = lambda a: f"[{a}]" if ":" in a else a
    result = host.run("timeout", timeout, "openssl", "s_client", "-brief", "-bind", f"{bracket(source)}:0",
                      "-connect", f"{bracket(destination)}:{port}", check=False, input="")
    said = re.search(r"Protocol version: (\S+)", result.stderr)
    return said is not None, said.group(1) if said else "no handshake"


def dns(host, source, destination, port, timeout=PATIENCE, transport="udp"):
    tcp = ["+tcp"] if transport == "tcp" else ["+notcp"]
    result = host.run("dig", "-b", source, f"@{destination}", "-p", port, f"+time={math.ceil(timeout)}", "+tries=1", "+short",
                      *tcp, "crl.example", "A", check=False)
    answer = result.stdout.strip()
    return result.returncode == 0 and re.fullmatch(r"[0-9.]+", answer) is not None, answer.splitlines()[0] if answer else ""


def dns_tcp(host, source, destination, port, timeout=PATIENCE):
    return dns(host, source, destination, port, timeout, "tcp")


def stun(host, source, destination, port, timeout=PATIENCE):
    """turnutils_stunclient: a STUN binding; the answer is our address as the server saw it."""
    result = host.run("timeout", timeout, "turnutils_stunclient", "-L", source, "-p", port, destination, check=False)
    said = re.search(r"reflexive addr: (\S+)", result.stdout + result.stderr)
    return said is not None, said.group(1) if said else "no answer"
