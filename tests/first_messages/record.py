#!/usr/bin/python3
"""Records what real programs send first, one NAME.hex for each, in this folder.

    unshare --net tests/first_messages/record.py [NAME...]     # as root: its own network, lo only

Each program talks to a listener that keeps the first segment or datagram and hangs up. The files are kept in
the tree; this is run again when a program is to be added. What is not there is named and passed over. The files
made-*.hex are of no program: they were written by hand after the documents that they name.
"""

import pathlib
import shutil
import socket
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
PORT = 4711
HERE = f"127.0.0.1:{PORT}"
TLS = "sip-tls psom-tls https xmpp-gateway logging sba-https"
OPENSSL = f"openssl s_client -connect {HERE}"
GNUTLS = f"gnutls-cli --insecure -p {PORT} 127.0.0.1"
DIG = f"dig @127.0.0.1 -p {PORT} +tries=1 +time=1"
CURL = f"curl -sk --max-time 2 --resolve lync.example.com:{PORT}:127.0.0.1"
TURN = f"turnutils_uclient -u user -w secret -p {PORT} -n 1 -c -e 127.0.0.1"

# name -> (transport, classes, command)
PROGRAMS = {
    "openssl": ("tcp", TLS, f"{OPENSSL} -servername sip.example.com"),
    "openssl-tls12": ("tcp", TLS, f"{OPENSSL} -servername sip.example.com -tls1_2"),
    "openssl-tls10-no-name": ("tcp", TLS, f"{OPENSSL} -noservername -tls1 -cipher ALL:@SECLEVEL=0"),
    "openssl-alpn": ("tcp", TLS, f"{OPENSSL} -servername meet.example.com -alpn h2,http/1.1 -status"),
    "openssl-xmpp-server": ("tcp", "xmpp", f"{OPENSSL} -starttls xmpp-server -xmpphost xmpp.example.com"),
    "gnutls": ("tcp", TLS, f"{GNUTLS} --sni-hostname=sip.example.com"),
    "gnutls-tls12": ("tcp", TLS, f"{GNUTLS} --priority NORMAL:-VERS-ALL:+VERS-TLS1.2"),
    "gnutls-tls10": ("tcp", TLS, f"{GNUTLS} --priority NORMAL:-VERS-ALL:+VERS-TLS1.0"),
    "curl-https": ("tcp", TLS, f"{CURL} https://lync.example.com:{PORT}/"),
    "curl-http": ("tcp", "http", f"{CURL} http://lync.example.com:{PORT}/crl/ca.crl"),
    "curl-http-10": ("tcp", "http", f"{CURL} -0 http://lync.example.com:{PORT}/"),
    "curl-http-head": ("tcp", "http", f"{CURL} -I http://lync.example.com:{PORT}/?a=b%20c"),
    "curl-http-post": ("tcp", "http", f"{CURL} -d a=b http://lync.example.com:{PORT}/reach/sip.svc"),
    "curl-http-options": ("tcp", "http", f"{CURL} -X OPTIONS http://lync.example.com:{PORT}/"),
    "wget-http": ("tcp", "http", f"wget -q -t 1 -O /dev/null http://{HERE}/"),
    "wget-https": ("tcp", TLS, f"wget -q -t 1 -O /dev/null --no-check-certificate https://{HERE}/"),
    "dig": ("udp", "dns-udp", f"{DIG} www.example.com"),
    "dig-srv": ("udp", "dns-udp", f"{DIG} _sipfederationtls._tcp.example.com SRV"),
    "dig-noedns": ("udp", "dns-udp", f"{DIG} +noedns +norecurse +noadflag example.com MX"),
    "dig-dnssec": ("udp", "dns-udp", f"{DIG} +dnssec +cdflag +subnet=192.0.2.0/24 example.com"),
    "dig-root": ("udp", "dns-udp", f"{DIG} . NS"),
    "dig-tcp": ("tcp", "dns-tcp", f"{DIG} +tcp www.example.com"),
    "dig-tcp-noedns": ("tcp", "dns-tcp", f"{DIG} +tcp +noedns example.com TXT"),
    "host": ("udp", "dns-udp", f"host -p {PORT} -W 1 -R 1 www.example.com 127.0.0.1"),
    "nslookup": ("udp", "dns-udp", f"nslookup -port={PORT} -timeout=1 -retry=1 www.example.com 127.0.0.1"),
    "turn-udp": ("udp", "turn-udp media-udp", f"{TURN} 127.0.0.1"),
    "turn-tcp": ("tcp", "turn-tcp media-tcp", f"{TURN} -t 127.0.0.1"),
    "stun-udp": ("udp", "turn-udp media-udp", f"turnutils_stunclient -p {PORT} 127.0.0.1"),
}


def first_bytes(transport, command):
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(5)
        listener.bind(("127.0.0.1", PORT))
        if transport == "tcp":
            listener.listen()
        with subprocess.Popen(command.split(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as program:
            try:
                if transport == "udp":
                    return listener.recv(65536)
                with listener.accept()[0] as connection:
                    connection.settimeout(5)
                    return connection.recv(65536)
            except TimeoutError:
                return b""
            finally:
                program.kill()


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in sys.argv[1:] or PROGRAMS:
        transport, classes, command = PROGRAMS[name]
        payload = first_bytes(transport, command) if shutil.which(command.split()[0]) else b""
        if not payload:
            print(f"{name}: nothing was sent")
            continue
        text = payload.hex()
        lines = [text[at:at + 96] for at in range(0, len(text), 96)]
        (FOLDER / f"{name}.hex").write_text(
            "\n".join([f"# classes: {classes}", f"# from: {command}", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
