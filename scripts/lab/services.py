"""Real servers at the lab's addresses: nginx for what speaks TLS or HTTP, coturn for STUN, dnsmasq for
DNS. Each answer says what the server saw, so a client can read off the translation from the far end.
"""
import os

from .network import run, wait_until
from .sites import INTERNET, addresses_of, as_list


def certificate(directory):
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    if not os.path.exists(cert):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", "/CN=lab.example", "-keyout", key, "-out", cert)
    return key, cert


def listen(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def nginx(host, tls, plain, locations=""):
    """tls, plain: lists of (address, port). One nginx for each host, in the foreground."""
    directory = os.path.join(host.network.directory, f"nginx-{host.name}")
    os.makedirs(os.path.join(directory, "logs"), exist_ok=True)
    key, cert = certificate(host.network.directory)
    answer = f'return 200 "host={host.name} server=$server_addr:$server_port client=$remote_addr:$remote_port\\n";'
    body = locations or f"location / {{ {answer} }}"
    servers = []
    for kind, pairs in (("ssl", tls), ("", plain)):
        if pairs:
            lines = "\n".join(f"    listen {listen(a, p)} {kind};" for a, p in pairs)
            servers.append(f"  server {{\n{lines}\n    {body}\n  }}")
    config = os.path.join(directory, "nginx.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("\n".join([
            "daemon off; master_process off; worker_processes 1;",
            f"error_log {directory}/error.log; pid {directory}/pid;",
            "events { worker_connections 1024; }",
            "http {",
            f"  access_log off; ssl_certificate {cert}; ssl_certificate_key {key};",
            # Clients of 2010 speak TLS 1.0.
            "  ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers DEFAULT:@SECLEVEL=0;",
            *(f"  {kind}_temp_path {directory}/{kind};" for kind in
              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
            "  default_type text/plain; keepalive_timeout 600s; keepalive_requests 1000000;",
            *servers, "}", ""]))
    process = host.start("nginx", "nginx", "-p", directory, "-c", config, "-e", f"{directory}/error.log")
    first = (tls or plain)[0]
    wait_listening(host, process, "tcp", *first)
    return process


def wait_listening(host, process, proto, address, port):
    flag = "-Hltn" if proto == "tcp" else "-Hlun"

    def ready():
        if not process.alive():
            raise RuntimeError(f"{process.name} ended at its start: {process.output()[-500:]}")
        return host.run("ss", flag, f"sport = :{port}").stdout.strip()

    wait_until(ready, f"{process.name} to listen on {listen(address, port)}")


def turnserver(host, addresses):
    arguments = []
    for address in addresses:
        arguments += ["-L", address]
    process = host.start("turnserver", "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--stun-only",
                         "--log-file", "stdout", "--pidfile", os.path.join(host.network.directory, f"turn-{host.name}"),
                         "--listening-port", "3478", "--no-rfc5780", *arguments)
    wait_listening(host, process, "udp", addresses[0], 3478)
    return process


def start_edges(site, only=None):
    nodes = site.topology["edge"]["nodes"]
    for host in [only] if only else site.edges:
        node = {role: [str(a) for a in as_list(nodes[host.name][role])]
                for role in ("access", "web-conferencing", "av", "internal")}
        tls = [(a, p) for a in node["access"] for p in (443, 5061, 5269)]
        tls += [(a, 443) for role in ("web-conferencing", "av") for a in node[role]]
        # The one port of the media range that the lab listens on.
        tls += [(a, 50000) for a in node["av"]]
        tls += [(a, p) for a in node["internal"]
                for p in (443, 3389, 4443, 5061, 5062, 8057, 23456, 50001, 50002, 50003)]
        nginx(host, tls, [])
        turnserver(host, node["av"] + node["internal"])


def start_reverse_proxy(site):
    proxy = site.topology["reverse-proxy"]
    target = next(as_list(p.get("vip")) or addresses_of(p["servers"])[0]
                  for p in site.topology["pools"].values() if p["role"] == "front-end")
    external = [str(a) for a in as_list(proxy["external"])]
    inside = str(as_list(proxy["internal"])[0])
    locations = (f"location / {{ proxy_bind {inside}; proxy_ssl_verify off; "
                 f"proxy_pass https://{target[0]}:4443; }}")
    nginx(site.rp, [(a, 443) for a in external], [(a, 80) for a in external], locations)


def start_corporate(site):
    """Every server and pool VIP of the corporate network, each on its role's ports."""
    tls, plain = [], []
    ports = {"director": (443, 444, 4443, 5061, 50001), "front-end": (443, 444, 4443, 5061, 8057),
             "mediation": (5070,), "office-web-apps": (443,), "persistent-chat": (443, 5041)}
    for pool in site.topology["pools"].values():
        for group in addresses_of(pool["servers"]) + [[str(a) for a in as_list(pool.get("vip"))]]:
            for address in group:
                tls += [(address, p) for p in ports[pool["role"]]]
                if pool["role"] in ("director", "front-end"):
                    plain += [(address, p) for p in (80, 8080)]
    nginx(site.corporate, tls, plain)


def start_internet(site):
    nginx(site.internet,
          [(a, 5061) for a in INTERNET["partner"]] + [(a, 5269) for a in INTERNET["xmpp"]] +
          [(a, 443) for a in INTERNET["partner"]] + [(a, 5061) for a in INTERNET["stranger"]],
          [(a, 80) for a in INTERNET["crl"]])
    arguments = [f"--listen-address={a}" for a in INTERNET["dns"]]
    process = site.internet.start("dnsmasq", "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                                  "--conf-file=/dev/null", "--bind-interfaces", "--user=root", "--pid-file=",
                                  "--address=/crl.example/198.51.100.80", *arguments)
    wait_listening(site.internet, process, "udp", INTERNET["dns"][0], 53)


def start_all(site):
    start_internet(site)
    start_edges(site)
    start_reverse_proxy(site)
    start_corporate(site)
