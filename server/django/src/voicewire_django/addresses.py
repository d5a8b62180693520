"""Who sent a request, as limits count it."""

from __future__ import annotations

import ipaddress
import re

from django.http import HttpRequest


def address_of(request: HttpRequest, trusted_proxies: int) -> str:
    """The address of whoever sent a request; see `client_address`."""
    forwarded = request.headers.get("X-Forwarded-For") or ""
    return client_address(request.META.get("REMOTE_ADDR") or "", forwarded, trusted_proxies)


def client_address(remote: str, forwarded_for: str, trusted_proxies: int) -> str:
    """
    The address of a client.

    :param remote: The socket's peer.
    :param forwarded_for: The header; only what the trusted proxies wrote is believed.
    :param trusted_proxies: How many proxies of the operator's are in front; 0: the header is ignored.
    :returns: An IPv4 address, or the /64 of an IPv6 address, as one household or machine owns all of that.
    """
    if trusted_proxies == 0:
        return _network(remote)
    # Each proxy appends whom it saw: counted from the right, the first n entries are the operator's own.
    entries = [entry.strip() for entry in forwarded_for.split(",")]
    if len(entries) < trusted_proxies:
        return _network(remote)
    entry = _without_port(entries[-trusted_proxies])
    return _network(entry) if _parsed(entry) else _network(remote)


def _without_port(entry: str) -> str:
    """Some proxies write the port, too: taken for no address it would have all clients share the proxy's limits."""
    found = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+):\d+", entry) or re.fullmatch(r"\[(.+)\](?::\d+)?", entry)
    return found[1] if found else entry


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    number, percent, zone = address.partition("%")
    if percent and not (":" in number and re.fullmatch(r"[0-9A-Za-z.:-]+", zone)):
        return None
    try:
        return ipaddress.ip_address(number)
    except ValueError:
        return None


def _network(address: str) -> str:
    parsed = _parsed(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    groups = parsed.exploded.split(":")[:4]
    return ":".join(f"{int(group, 16):x}" for group in groups) + "::/64"
