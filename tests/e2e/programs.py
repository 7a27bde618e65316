"""Programs of Debian for the tests of application conformance: servers behind the firewall and clients before it,
each as its manual has it. Clients return (worked, what they said)."""
import os
import re

from case import CLIENT, services, wait_until
from conformance_case import six

PATIENCE = 10  # seconds; only for what hangs, and for a machine that does other things too


def near(address):
    """Whom the clients are to be, for a server at `address`."""
    return six(CLIENT) if ":" in address else CLIENT


def bracket(address):
    return f"[{address}]" if ":" in address else address


def directory(host, name):
    path = os.path.join(host.network.directory, f"{name}-{host.name}")
    os.makedirs(path, exist_ok=True)
    return path


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


# Servers

def prosody(host, address, reached_at):
    """Server-to-server only, in the clear, which is what the first bytes are in any case. Its domain is the address
    that others reach it at: so nobody needs SRV records."""
    path = directory(host, "prosody")
    config = write(os.path.join(path, "prosody.cfg.lua"), f"""
run_as_root = true; daemonize = false; pidfile = "{path}/pid"; data_path = "{path}"; certificates = "{path}"
admin_socket = "{path}/admin"; log = {{ debug = "*console" }}
modules_enabled = {{ "dialback", "ping", "admin_shell", "disco" }}
modules_disabled = {{ "tls", "c2s", "http", "offline", "posix", "s2s_auth_certs" }}
s2s_require_encryption = false; s2s_secure_auth = false; authentication = "internal_plain"
s2s_interfaces = {{ "{address}" }}; s2s_ports = {{ 5269 }}; use_ipv6 = false; dialback_secret = "lab"
VirtualHost "{bracket(reached_at)}"
""")
    process = host.start("prosody", "prosody", "-F", "--config", config)
    services.wait_listening(host, process, "tcp", address, 5269)
    return config


def turn(host, address, tls_port):
    """coturn without accounts; TCP on the port of the A/V service too."""
    processes = []
    for port in (3478, tls_port):
        process = host.start(f"turn-{port}", "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-auth",
                             "--no-rfc5780", "--log-file", "stdout", "--pidfile",
                             os.path.join(directory(host, "turn"), str(port)),
                             "--listening-port", port, "-L", address, "-E", address, "--min-port", 52000, "--max-port", 52999,
                             "--userdb", os.path.join(directory(host, "turn"), "db"), "--realm", "lab", "--allow-loopback-peers")
        services.wait_listening(host, process, "tcp", address, port)
        processes.append(process)
    return processes


def stunnel(host, name, lines):
    path = directory(host, name)
    config = write(os.path.join(path, "stunnel.conf"),
                   f"foreground = yes\npid = {path}/pid\nsyslog = no\n[{name}]\n{lines}\n")
    return host.start(name, "stunnel", config)


def sip_server(host, address):
    """sipp has no TLS in Debian, so stunnel speaks it for sipp, at both ends."""
    key, cert = services.certificate(host.network.directory)
    sipp = host.start("sipp-uas", "sipp", "-sn", "uas", "-t", "tn", "-i", "127.0.0.1", "-p", "5060", "-nostdin",
                      "-max_socket", "100")
    services.wait_listening(host, sipp, "tcp", "127.0.0.1", 5060)
    tunnel = stunnel(host, "sips", f"accept = {address}:5061\nconnect = 127.0.0.1:5060\ncert = {cert}\nkey = {key}")
    services.wait_listening(host, tunnel, "tcp", address, 5061)


# Clients

def openssl(host, address, port, *options, source=None):
    """A handshake, and the HTTP that nginx answers."""
    result = host.run("timeout", PATIENCE, "openssl", "s_client", "-quiet", "-bind",
                      f"{bracket(source or near(address))}:0", "-connect", f"{bracket(address)}:{port}", *options, check=False, input="GET / HTTP/1.0\r\n\r\n")
    return "host=" in result.stdout, (result.stdout + result.stderr)[-300:]


def gnutls(host, address, port, priority, *options):
    result = host.run("timeout", PATIENCE, "gnutls-cli", "--insecure", "--logfile=/dev/null", "--priority", priority, "-p", port,
                      *options, address, check=False, input="GET / HTTP/1.0\r\n\r\n")
    return "host=" in result.stdout, (result.stdout + result.stderr)[-300:]


def curl(host, url, *options, source=CLIENT):
    result = host.run("curl", "-sS", "--insecure", "--noproxy", "*", "--globoff", "--interface", source, "--max-time", PATIENCE, *options, url,
                      check=False)
    return result.returncode == 0 and "host=" in result.stdout, result.stdout + result.stderr


def xmpp_ping(host, config, local, remote):
    """A stanza to the other server and the answer to it: connections and dialback in both directions."""
    result = host.run("timeout", "8", "prosodyctl", "--config", config, "shell", "xmpp", "ping", bracket(local),
                      bracket(remote), check=False)
    said = result.stdout + result.stderr
    return "pong" in said.lower(), said[-400:]


def uclient(host, address, port, *options):
    """Two allocations, messages from one to the other and back."""
    result = host.run("timeout", "12", "turnutils_uclient", "-L", near(address), *(["-x"] if ":" in address else []), "-p", port, "-y", "-c", "-n", "4", "-z", "15",
                      "-l", "120", *options, address, check=False)
    said = result.stdout + result.stderr
    got = re.findall(r"tot_recv_msgs=(\d+)", said)
    return result.returncode == 0 and bool(got) and int(got[-1]) > 0, said[-400:]


def sip_call(host, source, address, server_name):
    tunnel = stunnel(host, "sipc", f"client = yes\naccept = 127.0.0.1:5070\nconnect = {address}:5061\nlocal = {source}\n"
                                   f"sni = {server_name}")
    services.wait_listening(host, tunnel, "tcp", "127.0.0.1", 5070)
    try:
        result = host.run("sipp", "-sn", "uac", "-t", "t1", "-i", "127.0.0.1", "-m", "1", "-d", "50", "-timeout", "8s",
                          "-timeout_error", "-nostdin", "-max_socket", "100", "127.0.0.1:5070", check=False)
        return result.returncode == 0, result.stdout[-300:] + result.stderr[-300:]
    finally:
        tunnel.stop()


def rtp(host, source, sport, address, port, packets=60):
    """Speech as PCMU, 20 ms a packet, by gstreamer."""
    result = host.run("gst-launch-1.0", "-q", "audiotestsrc", f"num-buffers={packets}", "samplesperbuffer=160", "!",
                      "audio/x-raw,rate=8000,channels=1", "!", "mulawenc", "!", "rtppcmupay", "!", "udpsink", f"host={address}",
                      f"port={port}", f"bind-address={source}", f"bind-port={sport}", "sync=false", check=False)
    return result.returncode == 0, result.stderr[-300:]


def ssh(host, address, port):
    result = host.run("timeout", PATIENCE, "ssh", "-p", port, "-b", near(address), "-o", "BatchMode=yes", "-o",
                      "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", f"nobody@{address}", check=False)
    return result.returncode == 0, result.stderr


def socat(host, address, port, data, transport="TCP", source=None):
    family = "6" if ":" in address else "4"
    result = host.run("timeout", PATIENCE, "socat", "-t", "0.5", "-",
                      f"{transport}{family}:{bracket(address)}:{port},bind={bracket(source or near(address))}", check=False, input=data)
    return bool(result.stdout), result.stdout + result.stderr


def iodine(host, server, record, patience):
    """A tunnel in DNS; it takes root, a tun device, and queries of one type of record."""
    result = host.run("timeout", patience, "iodine", "-f", "-r", "-P", "lab", "-d", "lab0", "-T", record, "-m", "400",
                      server, "t.example", check=False)
    return "Connection setup complete" in result.stderr, result.stderr[-400:]


def iodined(host, address):
    process = host.start("iodined", "iodined", "-f", "-c", "-P", "lab", "-d", "lab1", "-l", address, "10.99.0.1",
                         "t.example")
    wait_until(lambda: host.run("ss", "-Hlun", "sport = :53").stdout.count(address), "iodined to listen")
    return process
